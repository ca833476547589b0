//! What is said when a message goes no further: as HTTP and JSON-RPC say it, for whoever answers the client with either.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::domain::{Action, DecisionId};
use crate::gate::{self, Doubt};
use crate::identity;
use crate::mcp::reply::{META_DECISION, POLICY_DENIED};
use crate::mcp::{INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, Malformed, Message, RawId, reply};
use crate::passage::{Unread, refused};

/// Names the decision to the client.
pub(super) const DECISION_ID: HeaderName = HeaderName::from_static("cedarpost-decision-id");
/// A nonce for the next proof of possession (RFC 9449).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A message that goes no further.
#[derive(Debug)]
pub(super) struct No {
    /// What HTTP says.
    pub(super) status: StatusCode,
    /// The message for the client; empty when there is nothing to say.
    pub(super) body: Bytes,
    /// The code of JSON-RPC, for whoever makes an error of it.
    pub(super) code: i32,
    /// The sentence for the client.
    pub(super) sentence: String,
    /// What else there is.
    pub(super) rest: Box<Rest>,
}

/// What goes with a no.
#[derive(Debug)]
pub(super) struct Rest {
    /// What programs find with it.
    pub(super) data: Option<Value>,
    /// Headers for the client.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The decision.
    pub(super) decision: Option<DecisionId>,
    /// The word for machines.
    pub(super) effect: &'static str,
}

impl No {
    /// With an error about the request `id`.
    pub(super) fn error(status: StatusCode, id: Option<&RawId>, code: i32, sentence: &str) -> Self {
        Self::with_body(status, reply::error(id, code, sentence, None), code, sentence)
    }

    /// With a message that says it already.
    pub(super) fn with_body(status: StatusCode, body: Bytes, code: i32, sentence: &str) -> Self {
        let rest = Rest { data: None, headers: Vec::new(), decision: None, effect: "error" };
        Self { status, body, code, sentence: sentence.to_owned(), rest: Box::new(rest) }
    }

    /// Policy, or the log, says no to what this request asks for.
    pub(super) fn refused(id: &RawId, message: &Message, action: Action, refusal: &gate::Refusal) -> Self {
        let code = if refusal.doubt() == Doubt::UnknownTool { INVALID_PARAMS } else { POLICY_DENIED };
        let body = refused::refusal(id, message, action, refusal);
        Self::with_body(StatusCode::OK, body, code, &refused::sentence(message, refusal)).decided(refusal)
    }

    /// Policy says no to what nobody awaits an answer to.
    pub(super) fn swallowed(refusal: &gate::Refusal) -> Self {
        Self::with_body(StatusCode::ACCEPTED, Bytes::new(), POLICY_DENIED, &refusal.sentence()).decided(refusal)
    }

    /// The server asks its client for something that policy does not allow.
    pub(super) fn undue(refusal: &gate::Refusal) -> Self {
        let sentence = format!("The server asked for something that is not allowed. {}", refusal.sentence());
        Self::error(StatusCode::OK, None, POLICY_DENIED, &sentence).decided(refusal)
    }

    fn decided(mut self, refusal: &gate::Refusal) -> Self {
        self.rest.data = Some(json!({ META_DECISION: refused::decision(refusal) }));
        self.rest.decision = Some(refusal.id());
        self.rest.effect = refusal.effect();
        self
    }

    /// It is no message that everybody reads alike.
    pub(super) fn malformed(status: StatusCode, malformed: &Malformed) -> Self {
        Self::with_body(status, malformed.reply(), malformed.code(), malformed.sentence())
    }

    /// Its body is not read.
    pub(super) fn unread(unread: Unread) -> Self {
        let (status, sentence) = unread.told();
        Self::invalid(status, sentence)
    }

    /// It is nothing that can be asked.
    pub(super) fn invalid(status: StatusCode, sentence: &str) -> Self {
        Self::error(status, None, INVALID_REQUEST, sentence)
    }

    /// Nobody vouches for who sends it.
    pub(super) fn unidentified(refusal: identity::Refusal) -> Self {
        let identity::Refusal { status, challenges, nonce, sentence } = refusal;
        let mut no = Self::invalid(status, &sentence);
        no.rest.headers.extend(challenges.into_iter().map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
        no.rest.headers.extend(nonce.map(|nonce| (DPOP_NONCE, nonce)));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            no.rest.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        }
        no.rest.headers.push((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        no
    }

    /// The session that it names does not exist, or is somebody else's.
    pub(super) fn unknown_session() -> Self {
        Self::with_body(StatusCode::NOT_FOUND, refused::unknown_session(), INVALID_REQUEST, "Session not found")
    }

    /// The state that it brings back is nobody's, or somebody else's.
    pub(super) fn unknown_state(id: &RawId) -> Self {
        Self::with_body(StatusCode::OK, refused::unknown_state(id), INVALID_PARAMS, "Unknown requestState")
    }

    /// The task that it names is nobody's, or somebody else's.
    pub(super) fn unknown_task(id: &RawId) -> Self {
        Self::with_body(StatusCode::OK, refused::unknown_task(id), INVALID_PARAMS, "Task not found")
    }

    /// The HTTP method makes no sense here.
    pub(super) fn method_not_allowed() -> Self {
        let mut no = Self::invalid(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.");
        no.rest.headers.push((header::ALLOW, HeaderValue::from_static("POST, GET, DELETE")));
        no
    }

    /// Not now.
    pub(super) fn later(id: Option<&RawId>, sentence: &str) -> Self {
        Self::error(StatusCode::OK, id, INTERNAL_ERROR, sentence)
    }

    /// The error of JSON-RPC as a text of its own.
    pub(super) fn error_json(&self) -> Vec<u8> {
        let mut error = json!({ "code": self.code, "message": self.sentence });
        if let (Some(error), Some(data)) = (error.as_object_mut(), &self.rest.data) {
            error.insert("data".to_owned(), data.clone());
        }
        error.to_string().into_bytes()
    }
}
