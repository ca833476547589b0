//! What a collector's answer means: whether it has the records, and if not, what to do about it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use super::{json, protobuf};
use crate::domain::Timestamp;

/// The longest that a collector may ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// How much of what a collector says is told to operators, in characters.
const TOLD: usize = 200;

/// What an answer with success says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// How many records it did not take.
    pub(super) rejected: u64,
    /// Why, or a warning.
    pub(super) message: String,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has all records. There may be a warning.
    Taken(Option<String>),
    /// Of these very records it did not take all, and says why: sending something else may succeed.
    Refused {
        /// How many it did not take.
        records: u64,
        /// Why.
        why: String,
    },
    /// It cannot take anything now.
    Busy {
        /// Not before that.
        wait: Option<Duration>,
        /// Why.
        why: String,
    },
    /// It will take nothing until somebody changes something: keys, the address, the collector.
    Wrong(String),
}

/// Reads the answer to a request with so many records.
pub(super) fn judge(answer: &Response<Bytes>, records: u64, now: Timestamp) -> Answer {
    let status = answer.status();
    let form = Form::of(answer.headers());
    match status.as_u16() {
        200..=299 => success(answer.body(), form, records),
        429 | 502 | 503 | 504 => {
            Answer::Busy { wait: retry_after(answer.headers(), now), why: told(status, answer.body(), form) }
        }
        // One record may be what a collector stumbles over.
        400 | 413 | 422 | 500..=599 => Answer::Refused { records, why: told(status, answer.body(), form) },
        300..=399 => Answer::Wrong(format!("{}; redirections are not followed", told(status, answer.body(), form))),
        _ => Answer::Wrong(told(status, answer.body(), form)),
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
    Other,
}

impl Form {
    fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-protobuf" | "application/protobuf" => Self::Protobuf,
            "application/json" => Self::Json,
            _ => Self::Other,
        }
    }
}

/// A page that some proxy sends with `200` must not be taken for a collector's yes. An empty answer is one: in protobuf the answer
/// that says nothing has no bytes.
fn success(body: &Bytes, form: Form, records: u64) -> Answer {
    let report = match form {
        _ if body.is_empty() => Some(Report::default()),
        Form::Protobuf => protobuf::report(body),
        Form::Json => json::report(body),
        Form::Other => None,
    };
    match report {
        None => {
            Answer::Wrong("what answers there is no OTLP collector: it says yes in a form that OTLP does not have".to_owned())
        }
        Some(Report { rejected: 0, message }) => Answer::Taken(Some(plain(&message)).filter(|warning| !warning.is_empty())),
        Some(Report { rejected, message }) => {
            let rejected = rejected.min(records);
            Answer::Refused {
                records: rejected,
                why: format!("{rejected} of {records} records were rejected: {}", plain(&message)),
            }
        }
    }
}

fn told(status: StatusCode, body: &Bytes, form: Form) -> String {
    let complaint = match form {
        Form::Protobuf => protobuf::complaint(body),
        Form::Json => json::complaint(body),
        Form::Other => None,
    };
    match complaint.map(|complaint| plain(&complaint)).filter(|complaint| !complaint.is_empty()) {
        Some(complaint) => format!("it answered {status}: {complaint}"),
        None => format!("it answered {status}"),
    }
}

/// What a collector says, in a form that can stand in a log line.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(TOLD).collect::<String>().trim().to_owned()
}

/// Seconds, or a time of day as HTTP writes it.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
            Duration::from_micros(u64::try_from(until.as_microsecond().saturating_sub(now.as_micros())).unwrap_or(0))
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
