//! Why a message is refused before anybody asks what it wants.

use bytes::Bytes;

use super::id::RawId;
use super::reply;
use crate::json::Fault;

/// JSON-RPC: the body is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// JSON-RPC: the body is JSON, but not one message.
pub const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC: nobody here knows this method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC: the parameters do not fit the method.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC: the failure is ours or the server's.
pub const INTERNAL_ERROR: i32 = -32603;
/// MCP 2026-07-28: the HTTP headers say something else than the body.
pub const HEADER_MISMATCH: i32 = -32020;

/// A message that is refused as it stands: no policy was asked, and nothing may be forwarded. Over HTTP the status is 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Malformed {
    code: i32,
    sentence: &'static str,
    id: Option<RawId>,
}

impl Malformed {
    pub(super) const fn new(code: i32, sentence: &'static str) -> Self {
        Self { code, sentence, id: None }
    }

    pub(super) const fn request(sentence: &'static str) -> Self {
        Self::new(INVALID_REQUEST, sentence)
    }

    pub(super) const fn params(sentence: &'static str) -> Self {
        Self::new(INVALID_PARAMS, sentence)
    }

    pub(super) const fn headers(sentence: &'static str) -> Self {
        Self::new(HEADER_MISMATCH, sentence)
    }

    /// The same refusal, answered to the request with this id.
    pub(super) fn answering(self, id: Option<&RawId>) -> Self {
        Self { id: id.cloned(), ..self }
    }

    /// The JSON-RPC error code.
    #[must_use]
    pub const fn code(&self) -> i32 {
        self.code
    }

    /// What is wrong, in a fixed sentence that may be shown to anybody.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        self.sentence
    }

    /// The id of the refused message, when it had one that could be read.
    #[must_use]
    pub const fn id(&self) -> Option<&RawId> {
        self.id.as_ref()
    }

    /// The error response to send; its id is `null` when none could be read.
    #[must_use]
    pub fn reply(&self) -> Bytes {
        reply::error(self.id.as_ref(), self.code, self.sentence, None)
    }
}

impl From<Fault> for Malformed {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => Self::new(PARSE_ERROR, "The body is not JSON that every parser reads alike."),
            Fault::Depth => Self::new(PARSE_ERROR, "The body is nested too deep."),
            Fault::DuplicateKey => Self::request("A key stands twice in one object."),
            Fault::Shape => Self::request("The body is not a JSON-RPC message."),
        }
    }
}
