//! What a message from a server brings along besides content: requests to the client's user or model, tasks, further pages, lists.

use std::sync::Arc;

use bytes::Bytes;

use super::jsonrpc::{Kind, Message};
use super::list::Unreadable;
use super::method::{ListKind, Method};
use crate::json::{self, Member};

/// How a response ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultKind {
    /// With its result (`resultType` is `complete` or absent), or it is no response at all.
    Complete,
    /// With a request for more input (`input_required`).
    InputRequired,
    /// With a task of this id that will have the result later.
    Task(Arc<str>),
    /// With a JSON-RPC error of this code.
    Error(i64),
    /// With a kind of result that we do not know.
    Unknown(Arc<str>),
}

/// How an elicitation asks the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elicitation {
    /// By a form in the client.
    Form,
    /// By sending the user to this URL.
    Url(Arc<str>),
    /// In a way that we do not know.
    Unknown,
}

/// A request to the client that travels inside an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRequest {
    /// Its key in `inputRequests`.
    pub key: Arc<str>,
    /// What it asks for.
    pub method: Method,
    /// How it asks, when it is an elicitation.
    pub elicitation: Option<Elicitation>,
}

/// What a response or notification from a server brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// How it ended.
    pub kind: ResultKind,
    /// The requests to the client in it: in `inputRequests`, or in the data of error -32042.
    pub input_requests: Vec<InputRequest>,
    /// A tool's own failure (`isError`).
    pub is_error: bool,
    /// There is a further page.
    pub next_cursor: Option<Arc<str>>,
    /// The list in it, told by its shape: for answers whose request is not known, on a resumed stream.
    pub list: Option<ListKind>,
    /// The client is given a state to bring back (`requestState`).
    pub state: bool,
}

/// The members of a result that are read.
const RESULT: [&str; 13] = [
    "resultType",
    "inputRequests",
    "task",
    "taskId",
    "isError",
    "nextCursor",
    "tools",
    "resources",
    "resourceTemplates",
    "prompts",
    "tasks",
    "requestState",
    "result",
];

impl Inspection {
    /// Looks at a message. Big results cost one pass over their text; nothing of them is copied.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] when the result is ambiguous where something depends on it. It must not be passed on then.
    pub fn of(message: &Message) -> Result<Self, Unreadable> {
        match (message.kind(), message.outcome()) {
            (Kind::Response { is_error: true, .. }, Some(error)) => Self::of_error(error),
            (Kind::Response { is_error: false, .. }, Some(result)) => Self::of_result(result),
            _ => Self::nothing().with_requests(message.input_requests()),
        }
    }

    const fn nothing() -> Self {
        Self {
            kind: ResultKind::Complete,
            input_requests: Vec::new(),
            is_error: false,
            next_cursor: None,
            list: None,
            state: false,
        }
    }

    fn with_requests(self, requests: Option<&Bytes>) -> Result<Self, Unreadable> {
        let input_requests = requests.map_or_else(|| Ok(Vec::new()), |raw| input_requests(text(raw)?))?;
        Ok(Self { input_requests, ..self })
    }

    fn of_result(result: &Bytes) -> Result<Self, Unreadable> {
        let members = members(text(result)?, &RESULT)?;
        let string = |key| find(&members, key).and_then(|raw| json::string(raw).ok());
        let result_type = find(&members, "resultType").map(|raw| json::string(raw).map_err(|_| Unreadable::Json)).transpose()?;
        let kind = match result_type.as_deref() {
            None | Some("complete") => legacy_task(&members)?.map_or(ResultKind::Complete, ResultKind::Task),
            Some("input_required") => ResultKind::InputRequired,
            Some("task") => ResultKind::Task(string("taskId").ok_or(Unreadable::Json)?.into()),
            Some(other) => ResultKind::Unknown(other.into()),
        };
        Ok(Self {
            kind,
            input_requests: find(&members, "inputRequests").map_or_else(|| Ok(Vec::new()), input_requests)?,
            is_error: find(&members, "isError") == Some("true"),
            next_cursor: string("nextCursor").map(Into::into),
            list: list_kind(&members),
            state: find(&members, "requestState").is_some_and(|raw| raw != "null"),
        })
    }

    fn of_error(error: &Bytes) -> Result<Self, Unreadable> {
        let members = members(text(error)?, &["code", "data"])?;
        let code = find(&members, "code").and_then(|raw| raw.parse().ok()).ok_or(Unreadable::Json)?;
        let data = find(&members, "data").filter(|raw| json::is_object(raw));
        let input_requests = data.map_or_else(|| Ok(Vec::new()), demanded_elicitations)?;
        Ok(Self { kind: ResultKind::Error(code), input_requests, ..Self::nothing() })
    }
}

/// How an `elicitation/create` request asks the user; `None` for any other message.
#[must_use]
pub fn elicitation(message: &Message) -> Option<Elicitation> {
    let asks = message.method().is_some_and(|method| method.name() == ELICITATION);
    let params = message.params().and_then(|params| text(params).ok());
    asks.then(|| params.map_or(Elicitation::Unknown, elicitation_of))
}

const ELICITATION: &str = "elicitation/create";

fn text(bytes: &Bytes) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Json)
}

/// The members of an object none of whose keys looks like one of `known` without being it.
fn members<'a>(text: &'a str, known: &[&str]) -> Result<Vec<Member<'a>>, Unreadable> {
    let members = json::members(text).map_err(|_| Unreadable::Json)?;
    if members.iter().any(|member| json::disguised(&member.key, known)) {
        return Err(Unreadable::Json);
    }
    Ok(members)
}

fn find<'a>(members: &[Member<'a>], key: &str) -> Option<&'a str> {
    members.iter().find(|member| member.key == key).map(|member| member.value)
}

/// The task in a `CreateTaskResult` of revision 2025-11-25: `result.task.taskId`.
fn legacy_task(result: &[Member<'_>]) -> Result<Option<Arc<str>>, Unreadable> {
    let Some(task) = find(result, "task").filter(|raw| json::is_object(raw)) else { return Ok(None) };
    let task = members(task, &["taskId"])?;
    Ok(find(&task, "taskId").and_then(|raw| json::string(raw).ok()).map(Into::into))
}

fn list_kind(result: &[Member<'_>]) -> Option<ListKind> {
    let holds = |kind: &ListKind| find(result, kind.key()).is_some_and(|raw| raw.starts_with('['));
    ListKind::ALL.into_iter().find(holds)
}

/// The requests in an `inputRequests` object.
fn input_requests(text: &str) -> Result<Vec<InputRequest>, Unreadable> {
    let requests = json::members(text).map_err(|_| Unreadable::Json)?;
    requests.into_iter().map(|Member { key, value }| input_request(&key, value)).collect()
}

fn input_request(key: &str, text: &str) -> Result<InputRequest, Unreadable> {
    let members = members(text, &["method", "params"])?;
    let method = find(&members, "method").and_then(|raw| json::string(raw).ok()).ok_or(Unreadable::Json)?;
    let method = Method::of(&method);
    let asks = method.name() == ELICITATION;
    let elicitation = asks.then(|| find(&members, "params").map_or(Elicitation::Unknown, elicitation_of));
    Ok(InputRequest { key: key.into(), method, elicitation })
}

/// The URL elicitations that error -32042 (2025-11-25) demands in its data. They are looked for in the data of every error: a client
/// that acts on them asks no further.
fn demanded_elicitations(data: &str) -> Result<Vec<InputRequest>, Unreadable> {
    let data = members(data, &["elicitations"])?;
    let Some(elicitations) = find(&data, "elicitations") else { return Ok(Vec::new()) };
    let elements = json::elements(elicitations).map_err(|_| Unreadable::Json)?;
    let request = |(at, raw): (usize, &str)| InputRequest {
        key: at.to_string().into(),
        method: Method::of(ELICITATION),
        elicitation: Some(elicitation_of(raw)),
    };
    Ok(elements.into_iter().enumerate().map(request).collect())
}

/// How the parameters of an elicitation ask. Without a mode it is a form, as in the revisions that knew only that; but then it may have
/// no URL, and nothing may be ambiguous.
fn elicitation_of(params: &str) -> Elicitation {
    let Ok(members) = members(params, &["mode", "url"]) else { return Elicitation::Unknown };
    let get = |key| find(&members, key).map(json::string);
    match (get("mode"), get("url")) {
        (Some(Ok(mode)), Some(Ok(url))) if mode == "url" => Elicitation::Url(url.into()),
        (Some(Ok(mode)), None) if mode == "form" => Elicitation::Form,
        (None, None) => Elicitation::Form,
        _ => Elicitation::Unknown,
    }
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
