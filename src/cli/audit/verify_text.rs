//! What a verification found, as sentences for people and as one JSON object for programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::audit::check::{Report, Rest, Trusted};
use crate::domain::Timestamp;

/// How many faults are told to people.
const TOLD: usize = 20;

/// Which log a report is about.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// What was asked for.
    pub(super) source: String,
    /// A directory that may have the list of its keys, besides the one with its files.
    pub(super) beside: Option<PathBuf>,
}

/// Where the keys come from that were believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeysFrom {
    /// A key on the command line.
    Given,
    /// A file on the command line.
    File(String),
    /// The log's own directory.
    Beside,
}

impl KeysFrom {
    const fn word(&self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::File(_) => "file",
            Self::Beside => "beside",
        }
    }
}

/// The report for people.
pub(super) fn report_text(report: &Report, told: &Told, keys: &KeysFrom, trusted: &Trusted) -> String {
    let mut text = String::new();
    match report.faults.first() {
        None if report.verified() => line(&mut text, format_args!("verified: {}", contents(report, told))),
        None => line(&mut text, format_args!("the log in `{}` does not verify: no checkpoint covers all of it", told.source)),
        Some(fault) => line(&mut text, format_args!("the log in `{}` does not verify: {fault}", told.source)),
    }
    faults(&mut text, report);
    if !report.verified() {
        line(&mut text, format_args!("found: {}", contents(report, told)));
    }
    let hash = report.head.to_string();
    line(&mut text, format_args!("tree head: {}\nhead: {hash}", report.tree));
    let key = trusted.keys().current();
    line(&mut text, format_args!("keys: {}+{} signs now; {}", key.name(), key.id(), from(keys)));
    for (witness, at) in &report.cosigned {
        let at = i64::try_from(*at).ok().and_then(|at| at.checked_mul(1_000_000)).map(Timestamp::from_micros);
        line(&mut text, format_args!("seen by witness {witness} at {}", at.map_or_else(|| "-".to_owned(), time)));
    }
    // Those inside the log prove nothing to whoever distrusts its owner: they are told of when they do not hold.
    for anchor in report.anchors.iter().filter(|anchor| !anchor.inside || anchor.holds != Some(true)) {
        let holds = match anchor.holds {
            Some(true) => "holds",
            Some(false) => "DOES NOT HOLD",
            None => "cannot be compared, because hashes are missing",
        };
        line(&mut text, format_args!("older head: {} ({} records) {holds}", anchor.name, anchor.head.size));
    }
    line(&mut text, format_args!("allowed calls without an outcome: {}", report.without_outcome));
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = writeln!(text, "{arguments}");
}

fn contents(report: &Report, told: &Told) -> String {
    let [first, last] = [report.first, report.last].map(|at| at.map_or_else(|| "-".to_owned(), time));
    let gone = match report.tree.size.saturating_sub(report.read) {
        0 => String::new(),
        gone => format!(", {gone} of them not there"),
    };
    format!("{} records in `{}`{gone}, from {first} to {last}", report.tree.size, told.source)
}

fn from(keys: &KeysFrom) -> String {
    match keys {
        KeysFrom::Given => "the key was given".to_owned(),
        KeysFrom::File(path) => format!("the keys are those in `{path}`"),
        KeysFrom::Beside => "the keys come from the log's own directory, where whoever changes the log can change them too: \
                             compare them with what you have kept, or give them with --key or --trust"
            .to_owned(),
    }
}

fn faults(text: &mut String, report: &Report) {
    for fault in report.faults.iter().take(TOLD).skip(1) {
        line(text, format_args!("  also: {fault}"));
    }
    let more = report.faults.total().saturating_sub(TOLD as u64);
    if more > 0 {
        let counts: Vec<String> = report.faults.counts().iter().map(|(code, count)| format!("{code} {count}")).collect();
        line(text, format_args!("  and {more} more; in all: {}", counts.join(", ")));
    }
    if !report.faults.is_empty() {
        line(text, format_args!("  {}", conclusion(report.rest)));
    }
}

/// What follows for the records that no fault names.
const fn conclusion(rest: Rest) -> &'static str {
    match rest {
        Rest::Signed => "all records are those that the checkpoint is about: what is wrong is not in them",
        Rest::OnlyNamed => {
            "the hash tiles are those that the checkpoint is about: the records named here were changed or are missing, and no others"
        }
        Rest::Open => "any record may have been changed, unless an older head that holds covers it",
    }
}

/// The report for programs.
pub(super) fn report_json(report: &Report, told: &Told, keys: &KeysFrom, trusted: &Trusted) -> String {
    let faults = report.faults.iter().map(
        |fault| json!({"code": fault.code(), "text": fault.to_string(), "record": fault.record(), "file": report.file(fault)}),
    );
    let anchors = report
        .anchors
        .iter()
        .map(|anchor| json!({"name": anchor.name, "tree_head": anchor.head.to_string(), "inside": anchor.inside, "holds": anchor.holds}));
    let cosigned = report.cosigned.iter().map(|(witness, at)| json!({"witness": witness.as_str(), "time": at}));
    let terms: Vec<String> = trusted.keys().terms().map(|term| term.key().to_string()).collect();
    let rest = match report.rest {
        Rest::Signed => "signed",
        Rest::OnlyNamed => "only_named",
        Rest::Open => "open",
    };
    let line = json!({
        "verified": report.verified(),
        "source": told.source,
        "origin": trusted.keys().current().name().as_str(),
        "records": report.tree.size,
        "read": report.read,
        "min_index": report.min_index,
        "head": report.head.to_string(),
        "tree_head": report.tree.to_string(),
        "first": report.first.map(time),
        "last": report.last.map(time),
        "without_outcome": report.without_outcome,
        "keys": {"from": keys.word(), "list": terms},
        "cosigned": cosigned.collect::<Value>(),
        "anchors": anchors.collect::<Value>(),
        "error": report.faults.first().map(ToString::to_string),
        "faults": faults.collect::<Value>(),
        "counts": report.faults.counts(),
        "rest": rest,
    });
    format!("{line}\n")
}

/// A time as people read it.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

#[cfg(test)]
#[path = "verify_text_tests.rs"]
mod tests;
