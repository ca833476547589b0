//! Each record as an event of the Open Cybersecurity Schema Framework, version 1.8.0, for whoever collects security events.
//!
//! Decisions, outcomes, questions of services and requests that were turned away are API Activity (6003), changes of policies Entity Management (3004), starts and stops Application
//! Lifecycle (6002), and what happens to the log itself is Event Log Activity (1008). A kind of record that this version does not know
//! is a Base Event (0). What has no place in the schema stands in `unmapped` under the name that it has in the record, together with
//! `seq`, `leaf_hash` and `origin`.
//!
//! The mapping is here, at the edge; the record keeps its own small form, because the schema changes several times a year.

mod call;
mod event;
mod house;

use super::entry::Entry;
use super::leaf::Leaf;
use event::Event;

/// The version of the schema.
pub const VERSION: &str = "1.8.0";

/// Appends the event of a record, as a line of JSON.
pub fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(event(entry).to_string().as_bytes());
    out.push(b'\n');
}

/// The event of a record.
#[must_use]
pub fn event(entry: &Entry<'_>) -> serde_json::Value {
    let nothing = Leaf::default();
    let leaf = entry.leaf().unwrap_or(&nothing);
    let event = match &*leaf.kind() {
        "decision" => call::decision(leaf),
        "outcome" => call::outcome(entry, leaf),
        "unidentified" => call::unidentified(leaf),
        "access" => call::access(leaf),
        "policy" => house::policy(entry, leaf),
        "start" => house::start(leaf),
        "stop" => house::stop(),
        "" => Event::of_class(&event::BASE, event::OTHER, "Damaged"),
        other => house::of_log(entry, leaf).unwrap_or_else(|| Event::of_class(&event::BASE, event::OTHER, other)),
    };
    event.finish(entry, leaf)
}

#[cfg(test)]
#[path = "tests.rs"]
pub(in crate::audit::export) mod tests;
