//! What all events have in common: their class, their time, where they come from, and what has no place in the schema.

use serde_json::{Map, Value, json};

use super::super::entry::Entry;
use super::super::leaf::Leaf;
use super::VERSION;
use crate::audit::json::present;

/// A class of events.
pub(super) struct Class {
    uid: u64,
    name: &'static str,
    category_uid: u64,
    category: &'static str,
}

pub(super) const BASE: Class = Class { uid: 0, name: "Base Event", category_uid: 0, category: "Uncategorized" };
pub(super) const EVENT_LOG: Class = Class { uid: 1008, name: "Event Log Activity", category_uid: 1, category: "System Activity" };
pub(super) const ENTITY: Class =
    Class { uid: 3004, name: "Entity Management", category_uid: 3, category: "Identity & Access Management" };
pub(super) const LIFECYCLE: Class =
    Class { uid: 6002, name: "Application Lifecycle", category_uid: 6, category: "Application Activity" };
pub(super) const API: Class = Class { uid: 6003, name: "API Activity", category_uid: 6, category: "Application Activity" };

/// What stands for "something else" wherever the schema numbers things.
pub(super) const OTHER: u64 = 99;

/// How bad it is.
#[derive(Clone, Copy)]
pub(super) enum Severity {
    Unknown,
    Informational,
    Low,
    Medium,
}

impl Severity {
    const fn numbered(self) -> (u64, &'static str) {
        match self {
            Self::Unknown => (0, "Unknown"),
            Self::Informational => (1, "Informational"),
            Self::Low => (2, "Low"),
            Self::Medium => (3, "Medium"),
        }
    }
}

/// Whether what was tried came about.
#[derive(Clone, Copy)]
pub(super) enum Status {
    Unknown,
    Success,
    Failure,
}

impl Status {
    const fn numbered(self) -> (u64, &'static str) {
        match self {
            Self::Unknown => (0, "Unknown"),
            Self::Success => (1, "Success"),
            Self::Failure => (2, "Failure"),
        }
    }
}

/// An event that is being made.
pub(super) struct Event {
    members: Map<String, Value>,
    profiles: Vec<&'static str>,
    /// Members of the leaf that have found their place in full.
    placed: Vec<&'static str>,
}

impl Event {
    /// An event of a class; `name` is the caption of the activity, or the word for another one.
    pub(super) fn of_class(class: &Class, activity: u64, name: &str) -> Self {
        let caption = if activity == OTHER { "Other" } else { name };
        let mut event = Self { members: Map::new(), profiles: Vec::new(), placed: vec!["origin", "seq", "t", "ts"] };
        event.set("class_uid", class.uid);
        event.set("class_name", class.name);
        event.set("category_uid", class.category_uid);
        event.set("category_name", class.category);
        event.set("activity_id", activity);
        event.set("activity_name", name);
        event.set("type_uid", class.uid * 100 + activity);
        event.set("type_name", format!("{}: {caption}", class.name));
        event.severity(Severity::Unknown);
        event
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    /// Sets what is there.
    pub(super) fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    pub(super) fn severity(&mut self, severity: Severity) {
        let (id, name) = severity.numbered();
        self.set("severity_id", id);
        self.set("severity", name);
    }

    pub(super) fn status(&mut self, status: Status) {
        let (id, name) = status.numbered();
        self.set("status_id", id);
        self.set("status", name);
    }

    /// Says that the event has the members of a profile.
    pub(super) fn with_profile(&mut self, name: &'static str) {
        self.profiles.push(name);
    }

    /// Says that these members of the leaf need not stand in `unmapped`.
    pub(super) fn place(&mut self, names: &[&'static str]) {
        self.placed.extend_from_slice(names);
    }

    /// Adds what every event has.
    pub(super) fn finish(mut self, entry: &Entry<'_>, leaf: &Leaf) -> Value {
        // An event needs a time; a record that is so damaged that it has none is at the beginning of time.
        self.set("time", leaf.time().map_or(0, |time| time.as_micros().div_euclid(1_000)));
        let metadata = self.metadata(entry, leaf);
        self.set("metadata", metadata);
        let mut unmapped: Map<String, Value> = leaf.members().clone();
        // Of a text that was cut more is known than its place can hold.
        unmapped.retain(|name, value| value.is_object() || !self.placed.contains(&name.as_str()));
        for (name, value) in
            [("seq", json!(entry.seq())), ("origin", json!(entry.origin())), ("leaf_hash", json!(entry.hash().to_string()))]
        {
            unmapped.insert(name.to_owned(), value);
        }
        if entry.leaf().is_none() {
            unmapped.insert("damaged".to_owned(), json!(String::from_utf8_lossy(entry.bytes())));
        }
        self.set("unmapped", unmapped);
        Value::Object(self.members)
    }

    fn metadata(&self, entry: &Entry<'_>, leaf: &Leaf) -> Value {
        present(json!({
            "version": VERSION,
            "product": product(Some(env!("CARGO_PKG_VERSION"))),
            "uid": entry.uid(),
            "log_name": entry.origin(),
            "log_provider": "cedarpost",
            // The schema's integers are those of 32 bits.
            "sequence": i32::try_from(entry.seq()).ok(),
            "profiles": Some(&self.profiles).filter(|profiles| !profiles.is_empty()),
            "event_code": leaf.text("t"),
            "original_time": leaf.text("ts"),
            "correlation_uid": leaf.text("id"),
        }))
    }
}

/// This program, in a version if that is known.
pub(super) fn product(version: Option<&str>) -> Value {
    present(json!({ "name": "Cedarpost", "vendor_name": "Cedarpost", "uid": "cedarpost", "version": version }))
}

/// This program as the one that acts, in the events that are about itself.
pub(super) fn house(entry: &Entry<'_>) -> Value {
    json!({ "app_name": "cedarpost", "app_uid": entry.origin() })
}
