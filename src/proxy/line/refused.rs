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
use crate::proxy::flight::{Expect, Grounded};

/// The answer to a request that policy refuses.
pub(super) fn refusal(id: &RawId, message: &Message, action: Action, refusal: &Refusal) -> Bytes {
    let decision = decision(refusal);
    // The specification has an answer for tools that do not exist, and clients know it.
    if refusal.doubt() == Doubt::UnknownTool {
        let text = format!("Unknown tool: {}. {}", message.name().map_or("", |name| name), refusal.sentence());
        return reply::error(Some(id), INVALID_PARAMS, &text, Some(&json!({ META_DECISION: decision })));
    }
    with_text(id, message, action, &refusal.sentence(), &decision)
}

/// The answer to a request that goes no further, for the reason that `text` gives.
pub(super) fn with_text(id: &RawId, message: &Message, action: Action, text: &str, decision: &Value) -> Bytes {
    // A client that asked for a task expects a task, and an ordinary result would break it.
    if action == Action::ToolsCall && !message.wants_task() {
        reply::denied_tool(id, message.era(), text, decision)
    } else {
        reply::error(Some(id), POLICY_DENIED, text, Some(&json!({ META_DECISION: decision })))
    }
}

/// The answer to a request whose result asks the client for something that policy refuses.
pub(super) fn question_in_result(id: &RawId, expect: Option<Expect>, era: Era, refusal: &Refusal) -> Bytes {
    let text = format!("The server asked for something that is not allowed. {}", refusal.sentence());
    match expect {
        Some(Expect::ToolResult) => reply::denied_tool(id, era, &text, &decision(refusal)),
        _ => reply::error(Some(id), POLICY_DENIED, &text, Some(&json!({ META_DECISION: decision(refusal) }))),
    }
}

fn decision(refusal: &Refusal) -> Value {
    match refusal.pending() {
        Some(pending) => told(refusal.id(), refusal.effect(), refusal.retryable(), pending.ticket),
        None => json!({ "id": refusal.id().to_string(), "effect": refusal.effect(), "retryable": refusal.retryable() }),
    }
}

/// A decision about a call that people are or were asked about, for programs.
pub(super) fn told(decision: DecisionId, effect: &str, retryable: bool, ticket: TicketId) -> Value {
    json!({ "id": decision.to_string(), "effect": effect, "retryable": retryable, "ticket": ticket.to_string() })
}

pub(super) fn too_many_questions(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "Too many requests to the client are open, or one with this id is.", None)
}

pub(super) fn unknown_method(id: &RawId) -> Bytes {
    reply::error(Some(id), METHOD_NOT_FOUND, "Method not found: the sidecar does not know it and refuses it.", None)
}

pub(super) fn unknown_notification(message: &Message) -> Bytes {
    if message.method().is_some_and(|method| method.row().is_some()) {
        return reply::error(None, INVALID_REQUEST, "This method is no notification of a client's.", None);
    }
    reply::error(None, METHOD_NOT_FOUND, "Unknown notification: the sidecar does not know it and refuses it.", None)
}

/// Modern clients expect 404 with -32601; for older ones 404 means that the session is gone.
pub(super) const fn unknown_method_status(era: Era) -> StatusCode {
    match era {
        Era::Modern => StatusCode::NOT_FOUND,
        Era::Legacy => StatusCode::OK,
    }
}

pub(super) fn unknown_task(id: &RawId) -> Bytes {
    reply::error(Some(id), INVALID_PARAMS, "Task not found", None)
}

pub(super) fn unknown_state(id: &RawId) -> Bytes {
    reply::error(Some(id), INVALID_PARAMS, "Unknown requestState", None)
}

pub(super) fn grounded(id: &RawId, grounded: Grounded) -> Bytes {
    match grounded {
        Grounded::SameId => reply::error(Some(id), INVALID_REQUEST, "A request with this id is already in flight.", None),
        Grounded::TooMany => reply::error(Some(id), INTERNAL_ERROR, "Too many requests are in flight; try again later.", None),
    }
}

pub(super) fn cancelled(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "The request was cancelled before it was forwarded.", None)
}

pub(super) fn unreadable_list(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "The server's list could not be read safely and is withheld.", None)
}

pub(super) fn unreadable_answer(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "The server's answer could not be read safely and is withheld.", None)
}
