//! The messages that we write ourselves. Strings are escaped by `serde_json`; ids are echoed as they were written.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::domain::Action;

use super::id::RawId;
use super::malformed::METHOD_NOT_FOUND;
use super::method::ListKind;
use super::version::{Era, MODERN};

/// The code of "denied by policy", for methods that have no result to say it in. It lies outside the range that JSON-RPC reserves, and
/// it is not 401 or 403, which clients take for HTTP statuses.
pub const POLICY_DENIED: i32 = -31403;

/// The code of "the user rejected it", for sampling (`client/sampling`, revision 2025-11-25).
pub const REJECTED: i32 = -1;

/// The key in `_meta` under which a denial carries its decision for programs.
pub const META_DECISION: &str = "dev.cedarpost/decision";

/// Who we are when we speak to a server on our own behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Implementation<'a> {
    /// The name of the program.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// An error response. The id is `null` when there is none to answer.
#[must_use]
pub fn error(id: Option<&RawId>, code: i32, message: &str, data: Option<&Value>) -> Bytes {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(object), Some(data)) = (error.as_object_mut(), data) {
        object.insert("data".into(), data.clone());
    }
    envelope(id, "error", &error)
}

/// A response with this result.
#[must_use]
pub fn result(id: &RawId, result: &Value) -> Bytes {
    envelope(Some(id), "result", result)
}

/// The answer to a `tools/call` that goes no further: an ordinary result with `isError`, so that every client shows `text` to its model
/// and keeps its session. Programs find `decision` in `_meta`. There is no `structuredContent`: clients check it against the tool's
/// output schema and fail.
#[must_use]
pub fn denied_tool(id: &RawId, era: Era, text: &str, decision: &Value) -> Bytes {
    let mut denied = serde_json::Map::new();
    if era == Era::Modern {
        denied.insert("resultType".into(), "complete".into());
    }
    denied.insert("isError".into(), true.into());
    denied.insert("content".into(), json!([{ "type": "text", "text": text }]));
    denied.insert("_meta".into(), json!({ META_DECISION: decision }));
    result(id, &Value::Object(denied))
}

/// The answer to a request of the server that policy does not let through to the client: what a user who declines would answer.
#[must_use]
pub fn declined(id: &RawId, action: Action) -> Bytes {
    match action {
        Action::ElicitationCreate => result(id, &json!({ "action": "decline" })),
        Action::SamplingCreateMessage => error(Some(id), REJECTED, "The sampling request was rejected.", None),
        Action::RootsList => error(Some(id), METHOD_NOT_FOUND, "Roots are not available.", None),
        Action::ToolsCall
        | Action::ResourcesRead
        | Action::ResourcesSubscribe
        | Action::PromptsGet
        | Action::CompletionComplete
        | Action::LoggingSetLevel
        | Action::Extension => error(Some(id), POLICY_DENIED, "The request was denied by policy.", None),
    }
}

/// Tells a client that a list is no longer what it was, on the subscription `subscription` when the era has them. `None` for lists that
/// have no such notification.
#[must_use]
pub fn list_changed(kind: ListKind, subscription: Option<&RawId>) -> Option<Bytes> {
    let method = match kind {
        ListKind::Tools => "notifications/tools/list_changed",
        ListKind::Prompts => "notifications/prompts/list_changed",
        ListKind::Resources | ListKind::ResourceTemplates => "notifications/resources/list_changed",
        ListKind::Tasks => return None,
    };
    let params = subscription.map(|id| format!(r#","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#));
    Some(format!(r#"{{"jsonrpc":"2.0","method":"{method}"{}}}"#, params.unwrap_or_default()).into())
}

/// Tells the other side that a request is no longer wanted.
#[must_use]
pub fn cancelled(request: &RawId, reason: &str) -> Bytes {
    let reason = Value::from(reason);
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{request},"reason":{reason}}}}}"#)
        .into()
}

/// Tells the other side how its request goes. Each `progress` for one token has to be greater than the one before.
#[must_use]
pub fn progress(token: &RawId, progress: f64, message: &str) -> Bytes {
    let (progress, message) = (Value::from(progress), Value::from(message));
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress},"message":{message}}}}}"#
    )
    .into()
}

/// Opens a session of our own with a server of the legacy era.
#[must_use]
pub fn initialize(id: &RawId, version: &str, client: Implementation<'_>) -> Bytes {
    let info = json!({ "name": client.name, "version": client.version });
    let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": info });
    request(id, "initialize", &params)
}

/// Completes the opening of a session.
#[must_use]
pub const fn initialized() -> Bytes {
    Bytes::from_static(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
}

/// Asks a server for a page of its tools.
#[must_use]
pub fn tools_list(id: &RawId, era: Era, cursor: Option<&str>, client: Implementation<'_>) -> Bytes {
    let mut params = serde_json::Map::new();
    if let Some(cursor) = cursor {
        params.insert("cursor".into(), cursor.into());
    }
    if era == Era::Modern {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": client.name, "version": client.version },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        params.insert("_meta".into(), meta);
    }
    request(id, "tools/list", &Value::Object(params))
}

fn request(id: &RawId, method: &str, params: &Value) -> Bytes {
    let method = Value::from(method);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#).into()
}

fn envelope(id: Option<&RawId>, member: &str, value: &Value) -> Bytes {
    let id = id.map_or_else(|| "null".to_owned(), ToString::to_string);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":{value}}}"#).into()
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
