//! How a no looks in MCP.
//!
//! A denied `tools/call` is an ordinary result with `isError`, which every client shows to its model and no client dies of; a
//! denied request of another kind is a JSON-RPC error. Neither is ever an HTTP error, which some clients take for the end of the
//! session.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::domain::{Action, DecisionId, TicketId};
use crate::gate::{Doubt, Refusal};
use crate::mcp::reply::{self, META_DECISION, POLICY_DENIED};
use crate::mcp::{Era, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Message, RawId};

/// What the official SDKs use for a session that does not exist; clients open a new one on it.
const SESSION_NOT_FOUND: i32 = -32001;

/// The answer to a request that policy refuses.
#[must_use]
pub fn refusal(id: &RawId, message: &Message, action: Action, refusal: &Refusal) -> Bytes {
    let decision = decision(refusal);
    // The specification has an answer for tools that do not exist, and clients know it.
    if refusal.doubt() == Doubt::UnknownTool {
        return reply::error(Some(id), INVALID_PARAMS, &sentence(message, refusal), Some(&json!({ META_DECISION: decision })));
    }
    with_text(id, message, action, &refusal.sentence(), &decision)
}

/// What a refusal says to an agent about this message.
#[must_use]
pub fn sentence(message: &Message, refusal: &Refusal) -> String {
    match refusal.doubt() {
        Doubt::UnknownTool => format!("Unknown tool: {}. {}", message.name().map_or("", |name| name), refusal.sentence()),
        _ => refusal.sentence(),
    }
}

/// The answer to a request that goes no further, for the reason that `text` gives.
#[must_use]
pub fn with_text(id: &RawId, message: &Message, action: Action, text: &str, decision: &Value) -> Bytes {
    // A client that asked for a task expects a task, and an ordinary result would break it.
    if action == Action::ToolsCall && !message.wants_task() {
        reply::denied_tool(id, message.era(), text, decision)
    } else {
        reply::error(Some(id), POLICY_DENIED, text, Some(&json!({ META_DECISION: decision })))
    }
}

/// A refused decision, for programs.
#[must_use]
pub fn decision(refusal: &Refusal) -> Value {
    match refusal.pending() {
        Some(pending) => told(refusal.id(), refusal.effect(), refusal.retryable(), pending.ticket),
        None => json!({ "id": refusal.id().to_string(), "effect": refusal.effect(), "retryable": refusal.retryable() }),
    }
}

/// A decision about a call that people are or were asked about, for programs.
#[must_use]
pub fn told(decision: DecisionId, effect: &str, retryable: bool, ticket: TicketId) -> Value {
    json!({ "id": decision.to_string(), "effect": effect, "retryable": retryable, "ticket": ticket.to_string() })
}

/// The answer to a method that is not in the table.
#[must_use]
pub fn unknown_method(id: &RawId) -> Bytes {
    reply::error(Some(id), METHOD_NOT_FOUND, "Method not found: the sidecar does not know it and refuses it.", None)
}

/// The answer to a notification that is not in the table.
#[must_use]
pub fn unknown_notification(message: &Message) -> Bytes {
    if message.method().is_some_and(|method| method.row().is_some()) {
        return reply::error(None, INVALID_REQUEST, "This method is no notification of a client's.", None);
    }
    reply::error(None, METHOD_NOT_FOUND, "Unknown notification: the sidecar does not know it and refuses it.", None)
}

/// Modern clients expect 404 with -32601; for older ones 404 means that the session is gone.
#[must_use]
pub const fn unknown_method_status(era: Era) -> StatusCode {
    match era {
        Era::Modern => StatusCode::NOT_FOUND,
        Era::Legacy => StatusCode::OK,
    }
}

/// The answer about a session that does not exist, or is somebody else's.
#[must_use]
pub fn unknown_session() -> Bytes {
    reply::error(None, SESSION_NOT_FOUND, "Session not found", None)
}

/// The answer about a task that does not exist, or is somebody else's.
#[must_use]
pub fn unknown_task(id: &RawId) -> Bytes {
    reply::error(Some(id), INVALID_PARAMS, "Task not found", None)
}

/// The answer to a state that nobody gave this caller.
#[must_use]
pub fn unknown_state(id: &RawId) -> Bytes {
    reply::error(Some(id), INVALID_PARAMS, "Unknown requestState", None)
}

/// The answer in the place of a list that cannot be read safely.
#[must_use]
pub fn unreadable_list(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "The server's list could not be read safely and is withheld.", None)
}

/// The answer to what is no message, or comes from nobody who is let in.
#[must_use]
pub fn invalid(sentence: &str) -> Bytes {
    reply::error(None, INVALID_REQUEST, sentence, None)
}
