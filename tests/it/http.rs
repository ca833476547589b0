//! The HTTP face between a good client and a server that follows a script: what passes, what does not, and what the log says of it.

use serde_json::{Value, json};

use crate::support::{Answer, Ear, Entry, Era, Home, Mcp, Scripted, Seen, Sidecar, entries};

mod bounds;
mod decisions;
mod drift;
mod failures;
mod legacy_sse;
mod meta_tools;
mod modern;
mod private;
mod questions;
mod sessions;
mod streams;
mod subscriptions;
mod tasks;

/// Permits one tool.
const ECHO: &str = r#"
@id("echo")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
"#;

/// A sidecar in front of a scripted server.
struct Lab {
    server: Scripted,
    ear: Ear,
    home: Home,
    sidecar: Sidecar,
}

impl Lab {
    async fn open(policies: &str, script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static) -> Self {
        Self::with(policies, &[], script).await
    }

    /// The same with settings from the environment.
    async fn with(
        policies: &str,
        settings: &[(&str, &str)],
        script: impl FnMut(&Seen, &Value) -> Option<Answer> + Send + 'static,
    ) -> Self {
        let server = Scripted::start(script).await;
        let home = Home::new(server.address, policies);
        let sidecar = Sidecar::start_with(&home, settings).await;
        Self { ear: server.ear(), server, home, sidecar }
    }

    async fn client(&self, era: Era) -> Mcp {
        Mcp::connect(self.sidecar.address, era).await.unwrap()
    }

    /// What the log says, a line for each decision.
    async fn log(&self) -> Vec<String> {
        entries(&self.home).await.iter().map(Entry::line).collect()
    }

    /// The calls that reached the server, by the name of the tool.
    fn called(&self) -> Vec<String> {
        let calls = self.ear.messages().into_iter().filter(|message| message["method"] == "tools/call");
        calls.map(|call| call["params"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Answers the first message of this method so, and leaves everything else to politeness.
fn once(method: &'static str, answer: Answer) -> impl FnMut(&Seen, &Value) -> Option<Answer> + Send {
    let mut answer = Some(answer);
    move |_, message| if message["method"] == method { answer.take() } else { None }
}

/// Answers the first GET so.
fn once_listened(answer: Answer) -> impl FnMut(&Seen, &Value) -> Option<Answer> + Send {
    let mut answer = Some(answer);
    move |seen, _| if seen.method == "GET" { answer.take() } else { None }
}

/// An event with this message.
fn event(message: &Value) -> String {
    format!("data: {message}\n\n")
}

fn done(id: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "done"}]}})
}
