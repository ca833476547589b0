//! Calls that wait for a person, between clients of every revision and a server that follows a script: what each client sees, what is
//! worth nothing, and what reaches the server, which is the call once or not at all.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Connection, Ear, Era, Home, Mcp, PATH, Scripted, Seen, Sidecar, Stream, modern_meta};
use crate::waiting::{control, rule, waiting};

mod ends;
mod modern;
mod server;
mod session;
mod sse;
mod stdio;

/// Where people find the console, as far as clients are told.
const CONSOLE: &str = "https://console.example.com";

/// `destroy` waits for a person, who may be the client's user; reading and the other tools wait for somebody else.
const POLICIES: &str = r#"
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("destroy") @confirm("form") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy")
  when { context has approval };
@id("read") permit (principal, action == Mcp::Action::"resources/read", resource) when { context has approval };
@id("ask") permit (principal, action == Mcp::Action::"elicitation/create", resource);
@id("operators-rule") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
@id("people-confirm") permit (principal == Mcp::User::"alice", action == Mcp::Action::"approve", resource)
  when { context.source.transport == "elicitation" };
"#;

/// A sidecar in front of a scripted server.
struct Lab {
    /// Ends with the laboratory.
    _server: Scripted,
    ear: Ear,
    home: Home,
    sidecar: Sidecar,
}

impl Lab {
    async fn open(hold: &str) -> Self {
        Self::with(&[("CEDARPOST_APPROVALS_HOLD", hold)], |_, _| None).await
    }

    /// The same with a console.
    async fn with_console(hold: &str) -> Self {
        let console = [("CEDARPOST_CONSOLE_ADDRESS", "127.0.0.1:0"), ("CEDARPOST_CONSOLE_URL", CONSOLE)];
        Self::with(&[&console[..], &[("CEDARPOST_APPROVALS_HOLD", hold)]].concat(), |_, _| None).await
    }

    /// A server that agrees to every version, and otherwise answers as `script` says.
    async fn with(settings: &[(&str, &str)], mut script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static) -> Self {
        let server = Scripted::start(move |seen, message| script(seen, message).or_else(|| agreed(message))).await;
        let home = Home::new(server.address, POLICIES);
        let sidecar = Sidecar::start_with(&home, settings).await;
        let lab = Self { ear: server.ear(), _server: server, home, sidecar };
        drop(Mcp::connect(lab.sidecar.address, Era::Modern).await.unwrap());
        lab
    }

    /// The calls of a tool that reached the server.
    fn executed(&self, tool: &str) -> Vec<Value> {
        let called = |message: &Value| message["method"] == "tools/call" && message["params"]["name"] == tool;
        self.ear.messages().into_iter().filter(called).collect()
    }

    /// Nothing that we asked a client, and nothing that was answered, has reached the server.
    fn knows_nothing(&self) {
        for message in self.ear.messages() {
            let text = message.to_string();
            assert!(!text.contains("apr_") && !text.contains("cedarpost-approval") && !text.contains("dev.cedarpost/"), "{text}");
        }
    }

    async fn waiting(&self) -> String {
        waiting(&self.home.audit()).await
    }

    /// The names of all tickets that wait.
    async fn all_waiting(&self) -> Vec<String> {
        let listed = control(&self.home.audit(), "GET", "/approvals?state=waiting", "").await;
        let names = listed["approvals"].as_array().unwrap().iter();
        names.map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn rule(&self, ticket: &str, verdict: &str) {
        let ruled = rule(&self.home.audit(), ticket, verdict).await;
        assert!(ruled["approval"].is_object(), "{ruled}");
    }

    /// A client with a session of this version, which says this about elicitation.
    async fn session(&self, version: &str, elicitation: Value) -> Mcp {
        let mut client = Mcp::shake_hands(self.sidecar.address, Era::Legacy).await.unwrap();
        client.session = None;
        let capabilities = if elicitation.is_null() { json!({}) } else { json!({ "elicitation": elicitation }) };
        let hello =
            json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "lab", "version": "1"}});
        let reply = client.request("hello-again", "initialize", None, hello).await.unwrap();
        client.session = reply.header("mcp-session-id");
        client.request("tools", "tools/list", None, json!({})).await.unwrap();
        client
    }

    /// Another connection of the same session.
    async fn beside(&self, client: &Mcp) -> Mcp {
        let mut other = Mcp::shake_hands(self.sidecar.address, Era::Legacy).await.unwrap();
        other.session.clone_from(&client.session);
        other
    }

    /// The answer to a request, which may be an answer in events.
    async fn calls(&self, client: &Mcp, id: &str, arguments: Value) -> Stream {
        let params = json!({"name": "destroy", "arguments": arguments});
        client.stream(self.sidecar.address, id, "tools/call", Some("destroy"), params).await
    }

    /// One leg of a stateless client, which says this about elicitation, and with these parameters besides the call.
    async fn leg(&self, elicitation: &Value, arguments: &Value, more: Value) -> Value {
        let mut params = json!({"name": "destroy", "arguments": arguments, "_meta": modern_meta()});
        if !elicitation.is_null() {
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": elicitation });
        }
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = json!({"jsonrpc": "2.0", "id": "leg", "method": "tools/call", "params": params}).to_string();
        let headers = Mcp::shake_hands(self.sidecar.address, Era::Modern).await.unwrap().headers("tools/call", Some("destroy"));
        let mut connection = Connection::open(self.sidecar.address).await.unwrap();
        connection.send(Method::POST, PATH, &headers, body.as_bytes()).await.unwrap().json()
    }
}

/// What a client brings back of a result that asked for input.
fn back(asked: &Value, answer: &Value) -> Value {
    let state = &asked["result"]["requestState"];
    assert!(state.is_string(), "{asked}");
    if answer.is_null() {
        return json!({ "requestState": state });
    }
    json!({"requestState": state, "inputResponses": {"dev.cedarpost/approval": answer}})
}

fn agreed(message: &Value) -> Option<Answer> {
    (message["method"] == "initialize").then(|| {
        let result = json!({
            "protocolVersion": message["params"]["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "lab", "version": "1"}
        });
        let id = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", message["id"]);
        // Every session needs a name of its own.
        let name: &'static str = Box::leak(format!("session-{}", rand()).into_boxed_str());
        Answer::Headed(vec![("mcp-session-id", name)], Box::new(Answer::Bytes(200, "application/json", id)))
    })
}

fn rand() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

fn is_done(message: &Value) -> bool {
    message["result"]["isError"] != true && text(message).starts_with("done: ")
}
