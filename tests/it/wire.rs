//! The wire corpus: requests that mean one thing to the sidecar and another to some server, or nothing good to either.
//!
//! Each case is a row: what is sent, and which answer is right. Besides the answer, nothing of it may have reached a server that
//! would run anything; and after each table a good client still gets its call through, byte for byte.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::support::{Connection, Era, Framing, Home, LEGACY, MODERN, Mcp, PATH, Reply, Sidecar, Upstream, modern_meta};

mod encoding;
mod headers;
mod lists;
mod messages;
mod sessions;

const POLICIES: &str = r#"
@id("echo")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
"#;

/// The right answer to a case.
#[derive(Debug, Clone, Copy)]
enum Want {
    /// One of these HTTP statuses, and one of these JSON-RPC codes; no codes means that the body does not matter.
    Refused(&'static [u16], &'static [i64]),
    /// A tool error with a decision id: the request is in order, policy says no.
    Denied,
}

const INVALID: Want = Want::Refused(&[400], &[-32600]);
const UNREADABLE: Want = Want::Refused(&[400], &[-32700]);
const UNSUPPORTED: Want = Want::Refused(&[415], &[]);
const FORBIDDEN: Want = Want::Refused(&[403], &[]);
const MISMATCH: Want = Want::Refused(&[400], &[-32020]);
const NO_SESSION: Want = Want::Refused(&[404], &[-32001]);

/// One request, written down to the byte.
struct Case {
    name: String,
    method: Method,
    headers: HeaderMap,
    body: Vec<u8>,
    want: Want,
}

impl Case {
    /// Replaces a header.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// Adds a header beside one of the same name.
    fn also(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(HeaderName::from_static(name));
        self
    }

    fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// What is wrong with this answer, if anything.
    fn fault(&self, reply: &Reply) -> Option<String> {
        let right = match self.want {
            Want::Denied => reply.denial().is_some(),
            Want::Refused(statuses, codes) => {
                statuses.contains(&reply.status) && (codes.is_empty() || reply.code().is_some_and(|code| codes.contains(&code)))
            }
        };
        let body = String::from_utf8_lossy(&reply.body);
        (!right).then(|| format!("{}: wanted {:?}, got {} {body}", self.name, self.want, reply.status))
    }
}

/// A sidecar between two well-behaved clients, one of each era, and the server without scruples.
struct Lab {
    upstream: Upstream,
    _home: Home,
    sidecar: Sidecar,
    legacy: Mcp,
    modern: Mcp,
}

impl Lab {
    async fn open() -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, POLICIES);
        let sidecar = Sidecar::start(&home).await;
        let legacy = Mcp::connect(sidecar.address, Era::Legacy).await.unwrap();
        let modern = Mcp::connect(sidecar.address, Era::Modern).await.unwrap();
        Self { upstream, _home: home, sidecar, legacy, modern }
    }

    /// A case within the session of the legacy client.
    fn legacy(&self, name: &str, body: impl Into<Vec<u8>>, want: Want) -> Case {
        let headers = self.legacy.headers("", None);
        Case { name: name.to_owned(), method: Method::POST, headers, body: body.into(), want }
    }

    /// A stateless case, with headers that say that it calls a tool.
    fn modern(&self, name: &str, tool: &str, body: impl Into<Vec<u8>>, want: Want) -> Case {
        let headers = self.modern.headers("tools/call", Some(tool));
        Case { name: name.to_owned(), method: Method::POST, headers, body: body.into(), want }
    }

    /// Sends every case on a connection of its own, and fails with all that went wrong.
    async fn refuses(&mut self, cases: Vec<Case>) {
        assert!(!cases.is_empty());
        let begin = self.upstream.count();
        let mut faults = Vec::new();
        for case in cases {
            let before = self.upstream.count();
            let mut connection = Connection::open(self.sidecar.address).await.unwrap();
            match connection.send(case.method.clone(), PATH, &case.headers, &case.body).await {
                Ok(reply) => faults.extend(case.fault(&reply)),
                Err(error) => faults.push(format!("{}: no answer: {error}", case.name)),
            }
            faults
                .extend(self.reached_since(before).into_iter().map(|seen| format!("{}: reached the server: {seen}", case.name)));
        }
        // What was forwarded late is seen once a later call has come through.
        self.good_clients_are_served().await;
        faults.extend(self.reached_since(begin).into_iter().map(|seen| format!("reached the server at some time: {seen}")));
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }

    /// Both clients still get an allowed call through, and the server sees the bytes that they sent, odd as they are written.
    async fn good_clients_are_served(&mut self) {
        let odd = r#" { "method" : "tools\/call" , "jsonrpc":"2.0","params":{"unknown":1.0e0,"name":"\u0065cho","arguments":{"message" : "\u00e9\/"}META},"id":"good"}"#;
        let meta = format!(r#", "_meta" : {}"#, modern_meta());
        for (client, meta) in [(&mut self.legacy, ""), (&mut self.modern, meta.as_str())] {
            let before = self.upstream.count();
            let body = odd.replace("META", meta);
            let headers = client.headers("tools/call", Some("echo"));
            let reply = client.connection.send(Method::POST, PATH, &headers, body.as_bytes()).await.unwrap();
            assert!(reply.is_good(), "{reply:?}");
            let seen = self.upstream.seen_since(before);
            assert!(seen.iter().any(|seen| seen.body == body), "the server saw other bytes: {seen:?}");
        }
    }

    /// What the server saw that a sidecar or a good client would not have sent.
    fn reached_since(&self, count: usize) -> Vec<String> {
        let strange =
            self.upstream.seen_since(count).into_iter().filter(|seen| !is_honest(&seen.method, &seen.headers, &seen.body));
        strange.map(|seen| format!("{} {}", seen.method, String::from_utf8_lossy(&seen.body))).collect()
    }
}

/// Whether a request is the handshake or listing of a sidecar or client, or a call of a good client. Every case has an id that
/// starts with `wire`, or is none of these, or cannot be read at all.
fn is_honest(method: &Method, headers: &HeaderMap, body: &[u8]) -> bool {
    if method == Method::GET {
        return !headers.contains_key("last-event-id") && !headers.values().any(|value| value == STRANGER);
    }
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return false };
    let wire = String::from_utf8_lossy(body).contains("wire");
    let harmless = ["initialize", "notifications/initialized", "tools/list", "server/discover", "ping"];
    let named = message["method"].as_str().unwrap_or_default();
    method == Method::POST && !wire && (harmless.contains(&named) || message["id"] == "good")
}

/// A session that the server would honour, but that was not opened through this sidecar.
const STRANGER: &str = "session-of-a-stranger";

/// A legacy call with an id by which it is known when it comes out at the other end.
fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": "wire", "method": "tools/call", "params": {"name": tool, "arguments": {"message": "x"}}})
        .to_string()
}

/// The same for the stateless protocol.
fn modern_call(tool: &str) -> String {
    let params = json!({"name": tool, "arguments": {"message": "x"}, "_meta": modern_meta()});
    json!({"jsonrpc": "2.0", "id": "wire", "method": "tools/call", "params": params}).to_string()
}

#[tokio::test]
async fn the_server_of_these_tests_would_run_what_the_sidecar_must_refuse() {
    let upstream = Upstream::start().await;
    let mut connection = Connection::open(upstream.address).await.unwrap();
    let batch = format!("[{}]", call("destroy"));
    let twice = call("echo").replace(r#""name":"echo""#, r#""name":"echo","name":"destroy""#);
    for (body, done) in [(batch, "destroy"), (twice, "destroy")] {
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1".parse().unwrap());
        let reply = connection.send(Method::POST, "/mcp", &headers, body.as_bytes()).await.unwrap();
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(text.contains("done") && text.contains(done) && !text.contains("echo"), "{text}");
    }
    let seen = upstream.seen_since(0);
    assert!(seen.iter().all(|seen| !is_honest(&seen.method, &seen.headers, &seen.body)));
}
