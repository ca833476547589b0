//! AuthZEN, asked of the real binary: the certification fixture, the interop vectors, every bad request, who may ask, calls of MCP
//! servers in both dialects, and searches against brute force.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::support::{Connection, Era, Home, Mcp, Reply, Sidecar, Upstream, cedarpost};

mod askers;
mod bad;
mod certificates;
mod certification;
mod mcp;
mod requests;
mod search;
mod todo;
mod watched;

/// The policies, schema and entities of `examples/authzen`.
const RECORDS: [(&str, &str); 3] = [
    ("records.cedar", include_str!("../../examples/authzen/records.cedar")),
    ("records.cedarschema", include_str!("../../examples/authzen/records.cedarschema")),
    ("entities.json", include_str!("../../examples/authzen/entities.json")),
];

/// A sidecar with an AuthZEN listener and these files.
struct Point {
    sidecar: Sidecar,
    home: Home,
    address: SocketAddr,
    _upstream: Upstream,
}

impl Point {
    async fn open(files: &[(&str, &str)]) -> Self {
        Self::with(files, &[]).await
    }

    /// The same with settings from the environment.
    async fn with(files: &[(&str, &str)], more: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, "");
        for (name, text) in files {
            fs::write(home.path("policies").join(name), text).unwrap();
        }
        let place = home.path("policies").display().to_string();
        let mut settings = vec![
            ("CEDARPOST_AUTHZEN_ADDRESS", "127.0.0.1:0"),
            ("CEDARPOST_POLICY_SCHEMA", place.as_str()),
            ("CEDARPOST_POLICY_ENTITIES", place.as_str()),
        ];
        settings.extend_from_slice(more);
        let sidecar = Sidecar::start_with(&home, &settings).await;
        let address = sidecar.authzen.unwrap();
        Self { sidecar, home, address, _upstream: upstream }
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string().as_bytes()).await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut connection = Connection::open(self.address).await.unwrap();
        connection.send(method, path, &self.headers(headers), body).await.unwrap()
    }

    fn headers(&self, headers: &[(&str, &str)]) -> HeaderMap {
        let host = self.address.to_string();
        let all = [("host", host.as_str())].into_iter().chain(headers.iter().copied());
        all.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())).collect()
    }

    /// The answer to a good question.
    async fn evaluate(&self, question: &Value) -> Value {
        let reply = self.post("/access/v1/evaluation", question).await;
        assert_eq!(reply.status, 200, "{question}: {}", String::from_utf8_lossy(&reply.body));
        assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
        let answer = reply.json();
        assert!(answer["decision"].is_boolean(), "{answer}");
        answer
    }

    /// The decisions of a good batch.
    async fn evaluate_all(&self, batch: &Value) -> Vec<bool> {
        let reply = self.post("/access/v1/evaluations", batch).await;
        assert_eq!(reply.status, 200, "{batch}: {}", String::from_utf8_lossy(&reply.body));
        reply.json()["evaluations"].as_array().unwrap().iter().map(|answer| answer["decision"].as_bool().unwrap()).collect()
    }

    /// What a search finds, in the order of the answer: ids, or names of actions.
    async fn search(&self, what: &str, question: &Value) -> Vec<String> {
        let reply = self.post(&format!("/access/v1/search/{what}"), question).await;
        assert_eq!(reply.status, 200, "{question}: {}", String::from_utf8_lossy(&reply.body));
        ids(&reply.json())
    }

    /// The records of the log, after the sidecar has stopped.
    async fn records(self) -> Vec<Value> {
        let Self { sidecar, home, .. } = self;
        sidecar.stop().await;
        records(&home.audit()).await
    }
}

fn ids(answer: &Value) -> Vec<String> {
    let id = |result: &Value| result["id"].as_str().or_else(|| result["name"].as_str()).unwrap().to_owned();
    answer["results"].as_array().unwrap().iter().map(id).collect()
}

async fn records(directory: &Path) -> Vec<Value> {
    let shown = cedarpost(&["audit", "show", "--limit", "10000", "--audit-dir", directory.to_str().unwrap(), "--json"]).await;
    String::from_utf8(shown.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A question about a subject, an action and a resource, each as `type id` or a name.
fn question(subject: &str, action: &str, resource: &str) -> Value {
    let thing = |text: &str| {
        let (kind, id) = text.split_once(' ').unwrap();
        json!({ "type": kind, "id": id })
    };
    json!({ "subject": thing(subject), "action": { "name": action }, "resource": thing(resource) })
}

/// Asks whether `agent`, on behalf of `actor` (nobody: unattended), may call a tool: the word for the effect, as every other way of
/// asking has it.
pub(crate) async fn ask_about_call(
    address: SocketAddr,
    (agent, actor): (&str, Option<&str>),
    server: &str,
    tool: &str,
    arguments: &Value,
) -> String {
    let properties = actor.map_or_else(|| json!({ "unattended": true }), |actor| json!({ "actor": actor }));
    let question = json!({
        "subject": { "type": "agent", "id": agent, "properties": properties },
        "action": { "name": "tools/call" },
        "resource": { "type": "tool", "id": tool, "properties": { "server": server, "arguments": arguments } },
    });
    let headers = [("host", address.to_string()), ("content-type", "application/json".to_owned())];
    let headers =
        headers.into_iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
    let mut connection = Connection::open(address).await.unwrap();
    let body = question.to_string();
    let reply = connection.send(Method::POST, "/access/v1/evaluation", &headers, body.as_bytes()).await.unwrap();
    let answer = reply.json();
    assert_eq!(answer["decision"] == true, answer["context"]["effect"] == "allow", "{answer}");
    answer["context"]["effect"].as_str().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&reply.body))).to_owned()
}
