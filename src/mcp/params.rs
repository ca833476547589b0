//! What a decision, a table or a header check needs to know of a message's `params`, read once and strictly typed.

use std::sync::Arc;

use bytes::Bytes;

use super::id::RawId;
use super::malformed::Malformed;
use super::method::Method;
use crate::json::{self, Fault, Member};

/// The members of `params` that are read. A key that only looks like one of them is refused, see [`json::disguised`].
const READ: [&str; 16] = [
    "_meta",
    "name",
    "uri",
    "arguments",
    "ref",
    "cursor",
    "taskId",
    "task",
    "requestState",
    "inputResponses",
    "inputRequests",
    "notifications",
    "requestId",
    "progressToken",
    "protocolVersion",
    "capabilities",
];

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const META_RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// What a completion is asked for: the `ref` of `completion/complete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionRef {
    /// An argument of the prompt of this name (`ref/prompt`).
    Prompt(Arc<str>),
    /// A variable of the resource template with this URI (`ref/resource`).
    Resource(Arc<str>),
}

/// The parts of `params`; absent parts are `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Params {
    pub(super) text: Option<Bytes>,
    pub(super) name: Option<Arc<str>>,
    pub(super) uri: Option<Arc<str>>,
    pub(super) arguments: Option<Bytes>,
    pub(super) reference: Option<CompletionRef>,
    pub(super) cursor: Option<Arc<str>>,
    pub(super) task_id: Option<Arc<str>>,
    pub(super) wants_task: bool,
    pub(super) request_state: Option<Arc<str>>,
    pub(super) input_responses: Option<Bytes>,
    pub(super) input_requests: Option<Bytes>,
    pub(super) notifications: Option<Bytes>,
    pub(super) request_id: Option<RawId>,
    pub(super) progress_token: Option<RawId>,
    pub(super) protocol_version: Option<Arc<str>>,
    pub(super) capabilities: Option<Bytes>,
    pub(super) meta: Meta,
}

/// The parts of `params._meta` (or `result._meta`) that are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Meta {
    pub(super) protocol_version: Option<Arc<str>>,
    pub(super) capabilities: Option<Bytes>,
    pub(super) progress_token: Option<RawId>,
    pub(super) traceparent: Option<Arc<str>>,
    pub(super) subscription_id: Option<RawId>,
    pub(super) related_task: Option<Arc<str>>,
}

impl Params {
    /// Reads `text`, the value of `params` in `body`. Of a method that is not in the table only `_meta` is read: what else its
    /// members mean is not known here.
    pub(super) fn read(body: &Bytes, text: &str, method: &Method) -> Result<Self, Malformed> {
        let mut params = Self { text: Some(body.slice_ref(text.as_bytes())), ..Self::default() };
        let known: &[&str] = if method.row().is_some() { &READ } else { &["_meta"] };
        let members = json::members(text).map_err(|fault| match fault {
            Fault::Shape => Malformed::params("`params` is not an object."),
            Fault::Syntax | Fault::Depth | Fault::DuplicateKey => fault.into(),
        })?;
        for member in &members {
            if known.contains(&&*member.key) {
                params.take(body, member)?;
            } else if json::disguised(&member.key, known) {
                return Err(Malformed::request("A key in `params` differs from a key of the protocol only in case."));
            }
        }
        Ok(params)
    }

    /// Reads one of the members in [`READ`].
    fn take(&mut self, body: &Bytes, member: &Member<'_>) -> Result<(), Malformed> {
        let value = member.value;
        match &*member.key {
            "_meta" => self.meta = Meta::read(body, value)?,
            "name" => self.name = Some(text(value, "`name` is not a string.")?),
            "uri" => self.uri = Some(text(value, "`uri` is not a string.")?),
            // Of whatever kind: a tool whose arguments policy looks at has a type that they must fit, the rest is the server's business.
            "arguments" => self.arguments = Some(body.slice_ref(value.as_bytes())),
            "ref" => self.reference = Some(reference(value)?),
            "cursor" => self.cursor = text_or_null(value, "`cursor` is not a string.")?,
            "taskId" => self.task_id = Some(text(value, "`taskId` is not a string.")?),
            "task" => self.wants_task = value != "null",
            "requestState" => self.request_state = Some(text(value, "`requestState` is not a string.")?),
            "inputResponses" => self.input_responses = Some(object(body, value, "`inputResponses` is not an object.")?),
            "inputRequests" => self.input_requests = Some(object(body, value, "`inputRequests` is not an object.")?),
            "notifications" => self.notifications = Some(object(body, value, "`notifications` is not an object.")?),
            "requestId" => self.request_id = Some(id(value, "`requestId` is not a string or an integer.")?),
            "progressToken" => self.progress_token = Some(id(value, "`progressToken` is not a string or an integer.")?),
            "protocolVersion" => self.protocol_version = Some(text(value, "`protocolVersion` is not a string.")?),
            "capabilities" => self.capabilities = Some(object(body, value, "`capabilities` is not an object.")?),
            _ => {}
        }
        Ok(())
    }
}

impl Meta {
    /// Reads `text`, the value of a `_meta` in `body`.
    pub(super) fn read(body: &Bytes, value: &str) -> Result<Self, Malformed> {
        let mut meta = Self::default();
        let members = json::members(value).map_err(|fault| match fault {
            Fault::Shape => Malformed::params("`_meta` is not an object."),
            Fault::Syntax | Fault::Depth | Fault::DuplicateKey => fault.into(),
        })?;
        for Member { key, value } in members {
            match &*key {
                META_VERSION => meta.protocol_version = Some(text(value, "The protocol version in `_meta` is not a string.")?),
                META_CAPABILITIES => {
                    meta.capabilities = Some(object(body, value, "The client capabilities in `_meta` are not an object.")?);
                }
                "progressToken" => {
                    meta.progress_token = Some(id(value, "`progressToken` is not a string or an integer.")?);
                }
                META_SUBSCRIPTION => {
                    meta.subscription_id = Some(id(value, "The subscription id in `_meta` is not a string or an integer.")?);
                }
                META_RELATED_TASK => meta.related_task = Some(related_task(value)?),
                // Only for the record: a trace that cannot be read is no reason to refuse.
                "traceparent" => meta.traceparent = json::string(value).ok().map(Into::into),
                _ => {}
            }
        }
        Ok(meta)
    }
}

fn text(value: &str, sentence: &'static str) -> Result<Arc<str>, Malformed> {
    json::string(value).map(Into::into).map_err(|_| Malformed::params(sentence))
}

fn text_or_null(value: &str, sentence: &'static str) -> Result<Option<Arc<str>>, Malformed> {
    if value == "null" { Ok(None) } else { text(value, sentence).map(Some) }
}

fn object(body: &Bytes, value: &str, sentence: &'static str) -> Result<Bytes, Malformed> {
    if json::is_object(value) { Ok(body.slice_ref(value.as_bytes())) } else { Err(Malformed::params(sentence)) }
}

fn id(value: &str, sentence: &'static str) -> Result<RawId, Malformed> {
    RawId::read(value).ok_or_else(|| Malformed::params(sentence))
}

fn related_task(value: &str) -> Result<Arc<str>, Malformed> {
    let sentence = "The related task in `_meta` has no `taskId`.";
    let members = json::members(value).map_err(|_| Malformed::params(sentence))?;
    let member = members.iter().find(|member| member.key == "taskId").ok_or_else(|| Malformed::params(sentence))?;
    text(member.value, sentence)
}

/// Reads the `ref` of a completion: its type decides which of its members counts, and the other one must be absent.
fn reference(value: &str) -> Result<CompletionRef, Malformed> {
    const KEYS: [&str; 3] = ["type", "name", "uri"];
    let malformed = || Malformed::params("`ref` is neither a prompt by name nor a resource by URI.");
    let members = json::members(value).map_err(|_| malformed())?;
    if members.iter().any(|member| json::disguised(&member.key, &KEYS)) {
        return Err(malformed());
    }
    let get = |key: &str| members.iter().find(|member| member.key == key).map(|member| json::string(member.value));
    match (get("type"), get("name"), get("uri")) {
        (Some(Ok(kind)), Some(Ok(name)), None) if kind == "ref/prompt" => Ok(CompletionRef::Prompt(name.into())),
        (Some(Ok(kind)), None, Some(Ok(uri))) if kind == "ref/resource" => Ok(CompletionRef::Resource(uri.into())),
        _ => Err(malformed()),
    }
}
