//! One JSON-RPC message, read strictly: what policy decides on must mean the same to everybody who reads the body after us.
//!
//! The bytes are never changed. Everything that is handed out is a slice of the body, or a decoded string. What is refused, and why it
//! is dangerous to let it through, is told by the tests.

use std::sync::Arc;

use bytes::Bytes;

use super::id::RawId;
use super::malformed::{Malformed, PARSE_ERROR};
use super::method::Method;
use super::params::{CompletionRef, Params};
use super::version::Era;
use crate::json::{self, Fault};

/// The keys of the envelope.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// How much a message may ask of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest body, in bytes.
    pub max_bytes: usize,
    /// The deepest nesting of objects and arrays, in levels; more than [`Limits::DEEPEST`] is cut down to that.
    pub max_depth: u32,
}

impl Limits {
    /// The deepest nesting that any setting allows, in levels.
    pub const DEEPEST: u32 = json::MAX_DEPTH;
}

impl Default for Limits {
    /// 4 MiB, and as deep as can be.
    fn default() -> Self {
        Self { max_bytes: 4 * 1024 * 1024, max_depth: Self::DEEPEST }
    }
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Wants an answer.
    Request {
        /// To be echoed in the answer.
        id: RawId,
        /// What is asked for.
        method: Method,
    },
    /// Wants none.
    Notification {
        /// What is told.
        method: Method,
    },
    /// Is an answer.
    Response {
        /// The id of the request it answers; a server that could not read a request answers it with an error without id.
        id: Option<RawId>,
        /// Whether it is a JSON-RPC error. A tool that failed is not one: see [`Inspection`](super::Inspection).
        is_error: bool,
    },
}

/// One JSON-RPC message and what the proxy needs to know of it. Cloning is cheap: it shares the body.
#[derive(Debug, Clone)]
pub struct Message {
    body: Bytes,
    kind: Kind,
    params: Params,
    outcome: Option<Bytes>,
}

/// How thoroughly a message is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// To its last leaf.
    Whole,
    /// Like `Whole`, but the results in responses, and the parameters of notifications, only as far as they are used.
    Used,
}

impl Message {
    /// Reads a message from a client. Every part of it must be unambiguous, arguments included.
    ///
    /// # Errors
    ///
    /// [`Malformed`] with the code and sentence to answer, when the body is anything but one JSON-RPC message that all parsers read
    /// alike.
    pub fn parse(body: &Bytes, limits: &Limits) -> Result<Self, Malformed> {
        Self::read(body, limits, Depth::Whole)
    }

    /// Reads a message from a server. Its requests are read as strictly as a client's; the content of results and notifications is the
    /// server's business and is only read where something depends on it (a tool's text may hold half a surrogate pair).
    ///
    /// # Errors
    ///
    /// [`Malformed`], as for [`Message::parse`].
    pub fn parse_from_server(body: &Bytes, limits: &Limits) -> Result<Self, Malformed> {
        Self::read(body, limits, Depth::Used)
    }

    fn read(body: &Bytes, limits: &Limits, depth: Depth) -> Result<Self, Malformed> {
        let text = text_of(body, limits)?;
        let envelope = Envelope::read(text)?;
        let id = envelope.id.and_then(RawId::read);
        let refused = |malformed: Malformed| malformed.answering(id.as_ref());
        if depth == Depth::Whole || (envelope.id.is_some() && envelope.method.is_some()) {
            json::check(text, limits.max_depth).map_err(|fault| refused(fault.into()))?;
        }
        Self::classify(body, &envelope, id.clone(), depth).map_err(refused)
    }

    /// Tells request, notification and response apart; anything in between is refused.
    fn classify(body: &Bytes, envelope: &Envelope<'_>, id: Option<RawId>, depth: Depth) -> Result<Self, Malformed> {
        if envelope.jsonrpc.and_then(|raw| json::string(raw).ok()).as_deref() != Some("2.0") {
            return Err(Malformed::request("`jsonrpc` is not \"2.0\"."));
        }
        let unreadable_request = depth == Depth::Used && envelope.error.is_some() && envelope.id.is_none_or(|raw| raw == "null");
        if envelope.id.is_some() && id.is_none() && !unreadable_request {
            return Err(Malformed::request("`id` is not a string or an integer."));
        }
        match (envelope.method, envelope.result, envelope.error) {
            (Some(method), None, None) => Self::call(body, method, envelope.params, id),
            (None, Some(result), None) if id.is_some() => Self::response(body, id, result, false),
            (None, None, Some(error)) if id.is_some() || unreadable_request => Self::response(body, id, error, true),
            _ => Err(Malformed::request("The body is not a JSON-RPC request, notification or response.")),
        }
    }

    fn call(body: &Bytes, method: &str, params: Option<&str>, id: Option<RawId>) -> Result<Self, Malformed> {
        let method = json::string(method).map_err(|_| Malformed::request("`method` is not a string."))?;
        let method = Method::of(&method);
        let params = params.map_or_else(|| Ok(Params::default()), |text| Params::read(body, text, &method))?;
        let kind = match id {
            Some(id) => Kind::Request { id, method },
            None => Kind::Notification { method },
        };
        Ok(Self { body: body.clone(), kind, params, outcome: None })
    }

    fn response(body: &Bytes, id: Option<RawId>, outcome: &str, is_error: bool) -> Result<Self, Malformed> {
        if !json::is_object(outcome) {
            return Err(Malformed::request("`result` or `error` is not an object."));
        }
        let outcome = Some(body.slice_ref(outcome.as_bytes()));
        Ok(Self { body: body.clone(), kind: Kind::Response { id, is_error }, params: Params::default(), outcome })
    }

    /// The message as it came, and as it is forwarded.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Request, notification or response.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The id, of requests and responses.
    #[must_use]
    pub const fn id(&self) -> Option<&RawId> {
        match &self.kind {
            Kind::Request { id, .. } => Some(id),
            Kind::Response { id, .. } => id.as_ref(),
            Kind::Notification { .. } => None,
        }
    }

    /// The method, of requests and notifications.
    #[must_use]
    pub const fn method(&self) -> Option<&Method> {
        match &self.kind {
            Kind::Request { method, .. } | Kind::Notification { method } => Some(method),
            Kind::Response { .. } => None,
        }
    }

    /// [`Era::Modern`] when `params._meta` names a protocol version. The HTTP headers may still contradict: see [`super::headers`].
    #[must_use]
    pub const fn era(&self) -> Era {
        if self.params.meta.protocol_version.is_some() { Era::Modern } else { Era::Legacy }
    }

    /// The text of `params`.
    #[must_use]
    pub const fn params(&self) -> Option<&Bytes> {
        self.params.text.as_ref()
    }

    /// The text of `result` or `error`, of responses.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Bytes> {
        self.outcome.as_ref()
    }

    /// `params.name`: the tool or prompt.
    #[must_use]
    pub const fn name(&self) -> Option<&Arc<str>> {
        self.params.name.as_ref()
    }

    /// `params.uri`: the resource.
    #[must_use]
    pub const fn uri(&self) -> Option<&Arc<str>> {
        self.params.uri.as_ref()
    }

    /// The text of `params.arguments`: an object or `null`.
    #[must_use]
    pub const fn arguments(&self) -> Option<&Bytes> {
        self.params.arguments.as_ref()
    }

    /// `params.ref` of a completion.
    #[must_use]
    pub const fn completion_ref(&self) -> Option<&CompletionRef> {
        self.params.reference.as_ref()
    }

    /// `params.cursor`: where a list goes on.
    #[must_use]
    pub const fn cursor(&self) -> Option<&Arc<str>> {
        self.params.cursor.as_ref()
    }

    /// `params.taskId`: the task that a `tasks/*` message is about.
    #[must_use]
    pub const fn task_id(&self) -> Option<&Arc<str>> {
        self.params.task_id.as_ref()
    }

    /// The task that `_meta` says the message belongs to (2025-11-25). It is a claim of the sender, not what the message acts on.
    #[must_use]
    pub const fn related_task(&self) -> Option<&Arc<str>> {
        self.params.meta.related_task.as_ref()
    }

    /// Whether the client asks for a task instead of a result (`params.task`, 2025-11-25).
    #[must_use]
    pub const fn wants_task(&self) -> bool {
        self.params.wants_task
    }

    /// `params.requestState`: what the client echoes in a further leg of a multi round-trip request.
    #[must_use]
    pub const fn request_state(&self) -> Option<&Arc<str>> {
        self.params.request_state.as_ref()
    }

    /// The text of `params.inputResponses`.
    #[must_use]
    pub const fn input_responses(&self) -> Option<&Bytes> {
        self.params.input_responses.as_ref()
    }

    /// Whether the message carries answers to input requests.
    #[must_use]
    pub const fn has_input_responses(&self) -> bool {
        self.params.input_responses.is_some()
    }

    /// The text of `params.inputRequests`, in `notifications/tasks`.
    pub(super) const fn input_requests(&self) -> Option<&Bytes> {
        self.params.input_requests.as_ref()
    }

    /// The text of `params.notifications`: what `subscriptions/listen` asks for. See [`super::listen`].
    pub(super) const fn notifications(&self) -> Option<&Bytes> {
        self.params.notifications.as_ref()
    }

    /// `params.requestId`: what `notifications/cancelled` cancels.
    #[must_use]
    pub const fn request_id(&self) -> Option<&RawId> {
        self.params.request_id.as_ref()
    }

    /// The progress token: in `_meta` of a request, in `params` of `notifications/progress`.
    #[must_use]
    pub fn progress_token(&self) -> Option<&RawId> {
        self.params.progress_token.as_ref().or(self.params.meta.progress_token.as_ref())
    }

    /// The subscription that a notification belongs to.
    #[must_use]
    pub const fn subscription_id(&self) -> Option<&RawId> {
        self.params.meta.subscription_id.as_ref()
    }

    /// The protocol version: from `_meta`, or from the parameters of `initialize`.
    #[must_use]
    pub fn protocol_version(&self) -> Option<&Arc<str>> {
        self.params.meta.protocol_version.as_ref().or(self.params.protocol_version.as_ref())
    }

    /// The text of the client's capabilities: from `_meta`, or from the parameters of `initialize`.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&Bytes> {
        self.params.meta.capabilities.as_ref().or(self.params.capabilities.as_ref())
    }

    /// `_meta.traceparent`, unread: [`TraceId::from_traceparent`](crate::domain::TraceId::from_traceparent) judges it.
    #[must_use]
    pub const fn traceparent(&self) -> Option<&Arc<str>> {
        self.params.meta.traceparent.as_ref()
    }
}

/// The members of the envelope, as text.
#[derive(Default)]
struct Envelope<'a> {
    jsonrpc: Option<&'a str>,
    id: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
    result: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    fn read(text: &'a str) -> Result<Self, Malformed> {
        let mut envelope = Self::default();
        for member in json::members(text)? {
            let part = match &*member.key {
                "jsonrpc" => &mut envelope.jsonrpc,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                "result" => &mut envelope.result,
                "error" => &mut envelope.error,
                other if json::disguised(other, &ENVELOPE) => {
                    return Err(Malformed::request("A key of the message differs from a key of JSON-RPC only in case."));
                }
                _ => continue,
            };
            *part = Some(member.value);
        }
        Ok(envelope)
    }
}

/// The body as text, when it looks like one JSON object of bearable size.
fn text_of<'a>(body: &'a Bytes, limits: &Limits) -> Result<&'a str, Malformed> {
    if body.len() > limits.max_bytes {
        return Err(Malformed::request("The body is too large."));
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(Malformed::new(PARSE_ERROR, "The body starts with a byte order mark."));
    }
    let text = std::str::from_utf8(body).map_err(|_| Malformed::new(PARSE_ERROR, "The body is not UTF-8."))?;
    match text.trim_start_matches([' ', '\t', '\r', '\n']).bytes().next() {
        Some(b'{') => Ok(text),
        Some(b'[') => Err(Malformed::request("Batches are not accepted.")),
        _ => Err(match json::check(text, limits.max_depth) {
            Ok(()) => Fault::Shape.into(),
            Err(fault) => fault.into(),
        }),
    }
}

#[cfg(test)]
#[path = "jsonrpc_tests.rs"]
mod tests;
