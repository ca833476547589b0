//! The annotation that says what was done to a pod, and with which everything can be put back.

use std::collections::BTreeMap;

use ring::digest;
use serde_json::{Map, Value, json};

use super::names::STATUS;
use super::patch::{Draft, word};

/// What is noted while a pod is changed.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Lists and objects that had to be made.
    made: Vec<Value>,
    /// Containers, and what of them was otherwise.
    was: Map<String, Value>,
}

impl Notes {
    pub(super) fn made(&mut self, what: impl Into<String>) {
        self.made.push(Value::String(what.into()));
    }

    /// Notes what a part of a container was: a member of one of its parts.
    pub(super) fn was(&mut self, container: &str, part: &str, member: &str, value: Value) {
        let container = self.was.entry(container).or_insert_with(|| json!({}));
        let Some(container) = container.as_object_mut() else { return };
        let part = container.entry(part).or_insert_with(|| json!({}));
        if let Some(part) = part.as_object_mut() {
            part.insert(member.to_owned(), value);
        }
    }

    /// Notes what a part of a container was.
    pub(super) fn was_whole(&mut self, container: &str, part: &str, value: Value) {
        let container = self.was.entry(container).or_insert_with(|| json!({}));
        if let Some(container) = container.as_object_mut() {
            container.insert(part.to_owned(), value);
        }
    }

    /// The annotation's value. `pieces` are what was put in.
    pub(super) fn status(self, mode: &str, digest: &str) -> String {
        let mut status = Map::new();
        status.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
        status.insert("mode".to_owned(), mode.into());
        status.insert("digest".to_owned(), digest.into());
        if !self.made.is_empty() {
            status.insert("made".to_owned(), Value::Array(self.made));
        }
        if !self.was.is_empty() {
            status.insert("was".to_owned(), Value::Object(self.was));
        }
        Value::Object(status).to_string()
    }
}

/// The digest of what is put into a pod: the SHA-256 of its JSON with sorted keys, so that the order of a manifest does not matter.
pub(super) fn digest(pieces: &Value) -> String {
    let hash = digest::digest(&digest::SHA256, sorted(pieces).to_string().as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let members: BTreeMap<&String, &Value> = map.iter().collect();
            members.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// The pointer to the annotation.
pub(super) fn pointer() -> String {
    format!("/metadata/annotations/{}", word(STATUS))
}

/// What an annotation that somebody left in a pod says. Whoever makes the pod could have written it, so it is only ever asked for what
/// they could have written into the pod itself.
#[derive(Debug, Default)]
pub(super) struct Noted {
    made: Vec<String>,
    was: Map<String, Value>,
}

impl Noted {
    pub(super) fn read(draft: &Draft) -> Option<Self> {
        let text = draft.at(&pointer())?.as_str()?;
        let status: Value = serde_json::from_str(text).unwrap_or_default();
        let made = status.get("made").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let made = made.iter().filter_map(|made| made.as_str().map(str::to_owned)).collect();
        let was = status.get("was").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { made, was })
    }

    pub(super) fn made(&self, what: &str) -> bool {
        self.made.iter().any(|made| made == what)
    }

    pub(super) fn was(&self, container: &str) -> Option<&Map<String, Value>> {
        self.was.get(container)?.as_object()
    }
}
