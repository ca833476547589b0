//! The little that is read and written of JSON-RPC here: enough to tell which request a line of a child belongs to.
//!
//! This is no validation. Whoever passes a message on to a client parses it strictly first.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Keys are remembered for as long as an answer may come, so none may be large. Real ones have a few dozen bytes.
const MAX_KEY_BYTES: usize = 1024;

/// A request id or a progress token, compared as the most careless reader would compare it.
///
/// Servers differ in what they take for the same: some turn `"1"` into `1`, many keep numbers as 64-bit floats. Keys are equal
/// whenever a server could mix the two up, since keys are what keeps requests apart.
#[derive(Debug, Clone)]
pub struct Key {
    compared: Arc<str>,
    json: Arc<str>,
}

impl Key {
    /// Reads the JSON text of an id; `None` if it is neither a string nor a number, or longer than 1 KiB.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice::<&RawValue>(json).ok().and_then(Self::of)
    }

    fn of(raw: &RawValue) -> Option<Self> {
        let json = raw.get();
        if json.len() > MAX_KEY_BYTES {
            return None;
        }
        let compared = if json.starts_with('"') {
            serde_json::from_str(json).ok()?
        } else {
            // Adding zero makes one zero of the two that floats have.
            (serde_json::from_str::<f64>(json).ok()? + 0.0).to_string()
        };
        Some(Self { compared: compared.into(), json: json.into() })
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.compared == other.compared
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.compared.hash(state);
    }
}

/// What a line is, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peek {
    /// The answer to the request with this id; `None` for an error that answers nobody in particular.
    Response(Option<Key>),
    /// A request of the server to the client, by its id.
    Request(Key),
    /// A notification.
    Notification(About),
}

/// Which request a notification belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// The one that asked for progress under this token.
    Progress(Key),
    /// The `subscriptions/listen` with this id.
    Subscription(Key),
    /// It does not say.
    Nothing,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/subscriptionId")]
    subscription: Option<&'a RawValue>,
}

/// Looks at the routing fields of one line; `None` if it is no JSON-RPC message.
pub(super) fn peek(line: &[u8]) -> Option<Peek> {
    let envelope: Envelope<'_> = serde_json::from_slice(line).ok()?;
    Some(match (envelope.method, envelope.id) {
        (None, id) => Peek::Response(id.and_then(Key::of)),
        (Some(_), Some(id)) => Peek::Request(Key::of(id)?),
        (Some(method), None) => Peek::Notification(about(&method, envelope.params)),
    })
}

fn about(method: &str, params: Option<&RawValue>) -> About {
    let params: Params<'_> = params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    if let Some(id) = params.meta.and_then(|meta| meta.subscription).and_then(Key::of) {
        return About::Subscription(id);
    }
    match params.progress_token.and_then(Key::of) {
        Some(token) if method == "notifications/progress" => About::Progress(token),
        _ => About::Nothing,
    }
}

/// Tells a server that nobody waits for the answer to `id` any more.
pub(super) fn cancelled(id: &Key) -> Bytes {
    let id = &id.json;
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"client gone"}}}}"#)
        .into()
}

/// Answers a request of the server that no client can take.
pub(super) fn declined(id: &Key) -> Bytes {
    let id = &id.json;
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"message":"no client is there to answer"}}}}"#).into()
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
