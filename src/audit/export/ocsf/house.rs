//! What is about the sidecar itself: its policies, its starts and stops, and its log.

use serde_json::json;

use super::super::entry::Entry;
use super::super::leaf::Leaf;
use super::event::{ENTITY, EVENT_LOG, Event, LIFECYCLE, OTHER, Severity, Status, house, product};
use crate::audit::json::present;

/// A change of policies as Entity Management: what is managed is the set of policies.
pub(super) fn policy(entry: &Entry<'_>, leaf: &Leaf) -> Event {
    let mut event = Event::of_class(&ENTITY, 3, "Update");
    let fingerprint = leaf.text("policy");
    match leaf.text("change").as_deref() {
        Some("accepted") => {
            event.status(Status::Success);
            event.severity(Severity::Informational);
            event.set("message", "policies were put in force");
        }
        Some("refused") => {
            event.status(Status::Failure);
            event.severity(Severity::Medium);
            event.set("message", "policies were refused, and what was in force stays in force");
            event.set("status_detail", leaf.problems().collect::<Vec<_>>().join("; "));
        }
        Some(_) | None => event.status(Status::Unknown),
    }
    // What is in force now: the new set, or the one that stays.
    let policy = json!({ "name": "policies", "uid": fingerprint, "type": "Cedar", "is_applied": true });
    let policy = fingerprint.as_ref().map(|_| policy);
    let entity = json!({ "name": "policies", "type": "Policy", "type_id": 5, "uid": fingerprint, "policy": policy });
    event.set("entity", present(entity));
    event.set("actor", house(entry));
    event.set_some("status_code", leaf.text("change"));
    event.place(&["change", "policy"]);
    event
}

/// A start as Application Lifecycle.
pub(super) fn start(leaf: &Leaf) -> Event {
    let mut event = lifecycle(3, "Start", "the sidecar started");
    event.set("app", product(leaf.text("version").as_deref()));
    event.place(&["version"]);
    event
}

/// An orderly stop as Application Lifecycle.
pub(super) fn stop() -> Event {
    let mut event = lifecycle(4, "Stop", "the sidecar stopped in order");
    event.set("app", product(None));
    event
}

fn lifecycle(activity: u64, name: &str, message: &str) -> Event {
    let mut event = Event::of_class(&LIFECYCLE, activity, name);
    event.severity(Severity::Informational);
    event.status(Status::Success);
    event.set("message", message);
    event
}

/// What can happen to the log itself: the kind of record, the activity with its name, how bad it is, and a sentence.
const OF_LOG: [(&str, u64, &str, Severity, &str); 5] = [
    ("recovery", OTHER, "Recovery", Severity::Medium, "the log was opened after a stop that was not orderly"),
    ("clock", OTHER, "Clock", Severity::Medium, "the wall clock was set back"),
    ("key", OTHER, "Key", Severity::Low, "another key signs the log from here on"),
    ("erase", OTHER, "Erase", Severity::Low, "contents of records were erased"),
    ("prune", 2, "Delete", Severity::Low, "the oldest records were removed"),
];

/// What happened to the log itself, as Event Log Activity; `None` when this is no such record.
pub(super) fn of_log(entry: &Entry<'_>, leaf: &Leaf) -> Option<Event> {
    let kind = leaf.kind();
    let (_, activity, name, severity, message) = OF_LOG.into_iter().find(|(of, ..)| *of == kind)?;
    let mut event = Event::of_class(&EVENT_LOG, activity, name);
    event.severity(severity);
    event.status(Status::Success);
    event.set("message", message);
    event.set("log_name", entry.origin());
    event.set("log_provider", "cedarpost");
    event.set("log_type", "Application");
    event.set("log_type_id", 2);
    event.set("actor", house(entry));
    Some(event)
}
