//! Elicitation of our own: asking the user of a client about a call that waits for an approval, and reading what comes back.
//!
//! Follows `client/elicitation` of the revisions 2025-06-18 (forms), 2025-11-25 (URLs) and 2026-07-28 (input that a result requires).
//! What it is worth is not decided here: a client answers for its user, and may do so by itself.

use bytes::Bytes;
use serde_json::{Value, json};

use super::id::RawId;
use super::jsonrpc::Message;
use super::malformed::Malformed;
use super::splice::Splice;
use crate::json::{self, Member};

/// The key of our question among the requests of a result, and of its answer.
pub const KEY: &str = "dev.cedarpost/approval";
/// The parameters that carry what a client was asked and what it is to bring back.
const DIALOGUE: [&str; 2] = ["requestState", "inputResponses"];
/// The field of a form.
const APPROVE: &str = "approve";

/// How a client's user can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Elicits {
    /// By a form.
    pub form: bool,
    /// By a URL to open.
    pub url: bool,
}

impl Elicits {
    /// What the capabilities of a client say. An empty object means forms, as it did before there was anything else.
    #[must_use]
    pub fn of(capabilities: &[u8]) -> Self {
        let capabilities: Value = serde_json::from_slice(capabilities).unwrap_or_default();
        match capabilities.get("elicitation").and_then(Value::as_object) {
            None => Self::default(),
            Some(said) if said.is_empty() => Self { form: true, url: false },
            Some(said) => Self { form: said.contains_key("form"), url: said.contains_key("url") },
        }
    }
}

/// What a user is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question<'a> {
    /// To open a page.
    Url {
        /// Names the question.
        id: &'a str,
        /// The page.
        url: &'a str,
        /// Why.
        message: &'a str,
    },
    /// To approve, in the client.
    Form {
        /// What.
        message: &'a str,
        /// Whether the revision tells forms from URLs.
        modes: bool,
    },
}

impl Question<'_> {
    fn params(&self) -> Value {
        match self {
            Self::Url { url, message, .. } => json!({ "mode": "url", "url": url, "message": message }),
            Self::Form { message, modes } => {
                let approve =
                    json!({ "type": "boolean", "title": "Approve", "description": "Whether this call may be made, once" });
                let schema = json!({ "type": "object", "properties": { APPROVE: approve }, "required": [APPROVE] });
                let mut params = json!({ "message": message, "requestedSchema": schema });
                if let (true, Some(params)) = (modes, params.as_object_mut()) {
                    params.insert("mode".into(), "form".into());
                }
                params
            }
        }
    }

    /// The question as a request of ours to the client.
    #[must_use]
    pub fn request(&self, id: &RawId) -> Bytes {
        let mut params = self.params();
        // A question in a result has no name of its own: its answer comes with the next leg.
        if let (Self::Url { id, .. }, Some(params)) = (self, params.as_object_mut()) {
            params.insert("elicitationId".into(), (*id).into());
        }
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"elicitation/create","params":{params}}}"#).into()
    }

    /// The question as the input that a result requires; `state` is what the client is to bring back with the answer.
    #[must_use]
    pub fn required(&self, id: &RawId, state: &str) -> Bytes {
        let asked = json!({ KEY: { "method": "elicitation/create", "params": self.params() } });
        super::reply::result(id, &json!({ "resultType": "input_required", "inputRequests": asked, "requestState": state }))
    }
}

/// A result that asks for nothing but another try: `state` is what the client is to bring back.
#[must_use]
pub fn try_again(id: &RawId, state: &str) -> Bytes {
    super::reply::result(id, &json!({ "resultType": "input_required", "requestState": state }))
}

/// Tells a client that what a URL was opened for is done.
#[must_use]
pub fn complete(elicitation: &str) -> Bytes {
    let params = json!({ "elicitationId": elicitation });
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{params}}}"#).into()
}

/// What a client says that its user did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Accepted: agreed to open the page, or sent the form, with or without approving.
    Accepted {
        /// What the form says; absent when there was none.
        approve: Option<bool>,
    },
    /// Declined.
    Declined,
    /// Went away without choosing.
    Cancelled,
    /// Nothing: the client failed to ask.
    Unasked,
}

impl Answered {
    fn of(result: &Value) -> Option<Self> {
        match result.get("action").and_then(Value::as_str)? {
            "accept" => Some(Self::Accepted {
                approve: result.get("content").and_then(|form| form.get(APPROVE)).and_then(Value::as_bool),
            }),
            "decline" => Some(Self::Declined),
            "cancel" => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// The answer in a response of the client.
    #[must_use]
    pub fn in_response(message: &Message) -> Self {
        let result = message.outcome().and_then(|result| serde_json::from_slice(result).ok());
        result.as_ref().and_then(Self::of).unwrap_or(Self::Unasked)
    }

    /// The answer that a request brings along; `None` when it brings none to our question.
    #[must_use]
    pub fn in_request(message: &Message) -> Option<Self> {
        let responses: Value = serde_json::from_slice(message.input_responses()?).ok()?;
        let ours = responses.get(KEY)?;
        Some(Self::of(ours).unwrap_or(Self::Unasked))
    }
}

/// What a request brings along of a dialogue between the client and the server, as the members of an object; empty when there is none, `None`
/// when it cannot be read.
#[must_use]
pub fn theirs(message: &Message) -> Option<String> {
    let Some(params) = message.params() else { return Some(String::new()) };
    let members = json::members(std::str::from_utf8(params).ok()?).ok()?;
    let theirs = members.iter().filter(|member| DIALOGUE.contains(&&*member.key));
    Some(theirs.map(written).collect::<Vec<_>>().join(","))
}

/// The request with `theirs` in place of what it brings along: the server never asked for an answer to our question.
///
/// # Errors
///
/// When it has no parameters that can be read.
pub fn with_theirs(message: &Message, theirs: &str) -> Result<Bytes, Malformed> {
    let unreadable = || Malformed::params("`params` cannot be read.").answering(message.id());
    let params = message.params().and_then(|params| std::str::from_utf8(params).ok()).ok_or_else(unreadable)?;
    let members = json::members(params).map_err(|_| unreadable())?;
    let left = members.iter().filter(|member| !DIALOGUE.contains(&&*member.key)).map(written);
    let theirs = (!theirs.is_empty()).then(|| theirs.to_owned());
    let mut splice = Splice::of(message.body());
    splice.replace(params, format!("{{{}}}", left.chain(theirs).collect::<Vec<_>>().join(",")));
    Ok(splice.apply())
}

fn written(member: &Member<'_>) -> String {
    format!("{}:{}", Value::from(&*member.key), member.value)
}

#[cfg(test)]
#[path = "elicit_tests.rs"]
mod tests;
