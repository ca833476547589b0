//! What a record of the audit log becomes: a log record in OpenTelemetry's model, not encoded yet.

use std::borrow::Cow;

use crate::audit::export::Entry;
use crate::domain::Timestamp;

use super::attributes::{self, Attribute};

/// The name that events begin with.
const NAMESPACE: &str = "cedarpost";

/// A log record.
#[derive(Debug, Clone)]
pub(super) struct LogRecord<'a> {
    /// When the record was put in line; `None` when it does not tell.
    pub(super) time_nanos: Option<u64>,
    /// When the feed read it.
    pub(super) observed_nanos: u64,
    pub(super) severity: Severity,
    pub(super) event_name: String,
    pub(super) body: Body<'a>,
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) trace: Option<[u8; 16]>,
}

/// The record itself, byte for byte: text, unless it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// How bad it is, by the numbers of the log data model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Info,
    Warn,
    Error,
}

impl Severity {
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Info => 9,
            Self::Warn => 13,
            Self::Error => 17,
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// That of a kind of record with a verdict.
    fn of(kind: &str, verdict: &str) -> Self {
        match (kind, verdict) {
            ("decision" | "access", "deny" | "require_approval") => Self::Warn,
            ("outcome", "tool_error" | "rpc_error" | "cancelled" | "abandoned") => Self::Warn,
            ("outcome", "failed") | ("policy", "refused") | ("", _) => Self::Error,
            ("recovery" | "clock" | "unidentified", _) => Self::Warn,
            _ => Self::Info,
        }
    }
}

impl<'a> LogRecord<'a> {
    /// What a record becomes that is read at a time.
    pub(super) fn of(entry: &'a Entry<'a>, observed: Timestamp) -> Self {
        let leaf = entry.leaf();
        let kind = leaf.map(|leaf| leaf.kind()).unwrap_or_default();
        let verdict = leaf.and_then(|leaf| leaf.verdict()).unwrap_or_default();
        let trace = leaf.and_then(|leaf| leaf.text("trace"));
        Self {
            time_nanos: leaf.and_then(|leaf| leaf.time()).map(nanos),
            observed_nanos: nanos(observed),
            severity: Severity::of(&kind, &verdict),
            event_name: event_name(&kind),
            body: std::str::from_utf8(entry.bytes()).map_or(Body::Bytes(entry.bytes()), Body::Text),
            attributes: attributes::of(entry),
            trace: trace.and_then(|trace| trace_id(&trace)),
        }
    }
}

/// `cedarpost.decision` and so on; `cedarpost.damaged` for what says no kind.
fn event_name(kind: &str) -> String {
    let plain = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    format!("{NAMESPACE}.{}", if plain { kind } else { "damaged" })
}

/// Nanoseconds since the epoch; 0 before it, which means that the time is not known.
fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(0).saturating_mul(1_000)
}

/// The 16 bytes of a trace id in hexadecimal; none of one that is all zeros.
fn trace_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().filter(|id| *id != 0).map(u128::to_be_bytes)
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Flag(bool),
    Texts(Vec<Cow<'a, str>>),
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
