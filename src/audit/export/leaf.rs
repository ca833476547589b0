//! What a leaf says, read without relying on any of it: members may be missing, of another form, or unknown.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::audit::time::parse_time;
use crate::domain::Timestamp;

/// The members of a leaf.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leaf(Map<String, Value>);

/// The member that names what was asked of, and the word for it in exports.
const TARGETS: [(&str, &str); 4] = [("tool", "tool"), ("resource", "resource"), ("prompt", "prompt"), ("method", "method")];

/// What a decision says about one principal.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    judgement: &'a Value,
}

impl Leaf {
    /// Reads a leaf; `None` when it is no JSON object.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => Some(Self(members)),
            _ => None,
        }
    }

    /// All members.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The text of a member; one that was too long ends in `…`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        text(self.0.get(name)?)
    }

    /// The number of a member.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// Whether a member is true.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The text of a member of `source`.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<Cow<'_, str>> {
        text(self.0.get("source")?.get(name)?)
    }

    /// The text of a member of `identity`.
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<Cow<'_, str>> {
        text(self.0.get("identity")?.get(name)?)
    }

    /// The first of these members that a token of `identity` has.
    #[must_use]
    pub fn token(&self, which: &str, names: &[&str]) -> Option<Cow<'_, str>> {
        let token = self.0.get("identity")?.get(which)?;
        names.iter().find_map(|name| text(token.get(name)?))
    }

    /// Through whom the agent came to act.
    #[must_use]
    pub fn chain(&self) -> Vec<Cow<'_, str>> {
        list(self.0.get("identity").and_then(|identity| identity.get("chain"))).filter_map(text).collect()
    }

    /// Why requests were turned away; `None` for any other record.
    #[must_use]
    pub fn turned_away(&self) -> Option<Cow<'_, str>> {
        if self.kind() == "unidentified" { self.text("reason") } else { None }
    }

    /// Its kind; empty when it does not say.
    #[must_use]
    pub fn kind(&self) -> Cow<'_, str> {
        self.text("t").unwrap_or_default()
    }

    /// When it was put in line.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        parse_time(self.0.get("ts")?.as_str()?)
    }

    /// The word of a decision or an outcome, or what became of policies.
    #[must_use]
    pub fn verdict(&self) -> Option<Cow<'_, str>> {
        ["decision", "outcome", "change"].into_iter().find_map(|name| self.text(name))
    }

    /// What was asked of: whether it is a tool, a resource, a prompt or a method, and its name.
    #[must_use]
    pub fn target(&self) -> Option<(&'static str, Cow<'_, str>)> {
        TARGETS.into_iter().find_map(|(name, word)| Some((word, self.text(name)?)))
    }

    /// The MCP method: that of an extension stands in a member of its own.
    #[must_use]
    pub fn method(&self) -> Option<Cow<'_, str>> {
        self.text("method").or_else(|| self.text("action"))
    }

    /// The JSON-RPC id as text: that of a string without its quotation marks.
    #[must_use]
    pub fn request(&self) -> Option<Cow<'_, str>> {
        let text = self.text("request")?;
        Some(serde_json::from_str::<String>(&text).map_or(text, Cow::Owned))
    }

    /// What the decision says about each principal.
    pub fn judgements(&self) -> impl Iterator<Item = Judged<'_>> {
        list(self.0.get("judgements")).map(|judgement| Judged { judgement })
    }

    /// Why the decision is what it is.
    #[must_use]
    pub fn causes(&self) -> Vec<Cow<'_, str>> {
        self.judgements().filter_map(|judged| judged.text("cause")).collect()
    }

    /// What is wrong with policies that were refused, as `file:line:column: message`.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        list(self.0.get("problems")).filter_map(|problem| {
            let place = |name: &str| problem.get(name).and_then(Value::as_u64).unwrap_or(0);
            let (file, message) = (text(problem.get("file")?)?, text(problem.get("message")?)?);
            Some(format!("{file}:{}:{}: {message}", place("line"), place("column")))
        })
    }
}

impl<'a> Judged<'a> {
    /// The text of a member.
    #[must_use]
    pub fn text(self, name: &str) -> Option<Cow<'a, str>> {
        text(self.judgement.get(name)?)
    }

    /// The policies that determined it: id, file and line.
    pub fn policies(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>, u64)> + use<'a> {
        list(self.judgement.get("policies")).filter_map(|policy| {
            let line = policy.get("line").and_then(Value::as_u64).unwrap_or(0);
            Some((text(policy.get("id")?)?, text(policy.get("file")?)?, line))
        })
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// A string, or what is left of one that was cut.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Object(cut) => Some(Cow::Owned(format!("{}…", cut.get("cut")?.as_str()?))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}
