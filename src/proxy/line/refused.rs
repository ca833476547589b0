//! How a no looks that only those know who carry messages on; for the others see `passage::refused`.

use bytes::Bytes;
use serde_json::json;

use crate::gate::Refusal;
use crate::mcp::reply::{self, META_DECISION, POLICY_DENIED};
use crate::mcp::{Era, INTERNAL_ERROR, INVALID_REQUEST, RawId};
use crate::proxy::flight::{Expect, Grounded};

pub(super) use crate::passage::refused::{
    decision, refusal, told, unknown_method, unknown_method_status, unknown_notification, unknown_state, unknown_task,
    unreadable_list, with_text,
};

/// The answer to a request whose result asks the client for something that policy refuses.
pub(super) fn question_in_result(id: &RawId, expect: Option<Expect>, era: Era, refusal: &Refusal) -> Bytes {
    let text = format!("The server asked for something that is not allowed. {}", refusal.sentence());
    match expect {
        Some(Expect::ToolResult) => reply::denied_tool(id, era, &text, &decision(refusal)),
        _ => reply::error(Some(id), POLICY_DENIED, &text, Some(&json!({ META_DECISION: decision(refusal) }))),
    }
}

pub(super) fn too_many_questions(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "Too many requests to the client are open, or one with this id is.", None)
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

pub(super) fn unreadable_answer(id: &RawId) -> Bytes {
    reply::error(Some(id), INTERNAL_ERROR, "The server's answer could not be read safely and is withheld.", None)
}
