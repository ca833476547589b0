//! What is wrong with a question, as gRPC says it: a code, a sentence, and details of google.rpc: a reason for programs (`ErrorInfo`),
//! and the field it is about (`BadRequest`).

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Whose reasons these are.
const DOMAIN: &str = "cedarpost.dev";

/// A field that cannot be what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadField {
    /// The field, from the request on: `caller.agent`.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) problem: String,
}

impl BadField {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same, for a message that is itself a field of another.
    pub(super) fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }

    /// As a no whose sentence is the problem alone: it says itself what it is about.
    pub(super) fn into_plain(self) -> Status {
        let details = ErrorDetails::with_bad_request_violation(self.field.as_str(), self.problem.as_str());
        Status::with_error_details(Code::InvalidArgument, self.problem, details)
    }

    pub(super) fn sentence(&self) -> String {
        format!("`{}` {}", self.field, self.problem)
    }
}

impl From<BadField> for Status {
    fn from(bad: BadField) -> Self {
        let details = ErrorDetails::with_bad_request_violation(bad.field.as_str(), bad.problem.as_str());
        Self::with_error_details(Code::InvalidArgument, bad.sentence(), details)
    }
}

/// Why there is no answer, as a word for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The decision, or the ruling, could not be recorded.
    NotRecorded,
    /// The client's certificate is not good.
    Certificate,
    /// It is not told to anybody who can connect.
    Anybody,
    /// Nobody rules here: it is not configured.
    NotConfigured,
    /// The token is missing or not believed.
    Token,
    /// The token is of nobody who rules.
    NotAPerson,
    /// Whether to believe it cannot be found out at the moment.
    Unavailable,
    /// There is no such ticket.
    UnknownTicket,
    /// The ticket is over, or was granted already.
    Over,
    /// They have approved it already.
    Already,
    /// The tool is not known.
    UnknownTool,
    /// Policy does not permit it.
    NotAllowed,
    /// Whoever watches reads too slowly.
    TooSlow,
    /// Something was missed.
    Missed,
    /// The sidecar is stopping.
    Stopping,
    /// There are too many already.
    TooMany,
    /// There is no such record.
    UnknownRecord,
    /// The record is there and cannot be proven yet.
    Unsigned,
    /// The records were pruned, or are yet to come.
    OutOfRange,
    /// The log cannot be read.
    Unreadable,
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::NotRecorded => "NOT_RECORDED",
            Self::Certificate => "CERTIFICATE",
            Self::Anybody => "OPEN_LISTENER",
            Self::NotConfigured => "NOT_CONFIGURED",
            Self::Token => "TOKEN",
            Self::NotAPerson => "NOT_A_PERSON",
            Self::Unavailable => "UNAVAILABLE",
            Self::UnknownTicket => "UNKNOWN_TICKET",
            Self::Over => "OVER",
            Self::Already => "ALREADY",
            Self::UnknownTool => "UNKNOWN_TOOL",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::TooSlow => "TOO_SLOW",
            Self::Missed => "MISSED",
            Self::Stopping => "STOPPING",
            Self::TooMany => "TOO_MANY",
            Self::UnknownRecord => "UNKNOWN_RECORD",
            Self::Unsigned => "UNSIGNED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unreadable => "UNREADABLE",
        }
    }
}

/// A no with its reason.
pub(super) fn problem(code: Code, reason: Reason, sentence: impl Into<String>) -> Status {
    problem_with(code, reason, sentence, &[])
}

/// The same with facts for programs.
pub(super) fn problem_with(code: Code, reason: Reason, sentence: impl Into<String>, facts: &[(&str, String)]) -> Status {
    let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let details = ErrorDetails::with_error_info(reason.word(), DOMAIN, facts.collect::<HashMap<_, _>>());
    Status::with_error_details(code, sentence, details)
}

/// A ticket is not in a state for what is asked.
pub(super) fn precondition(reason: Reason, ticket: &str, sentence: &str) -> Status {
    let mut details = ErrorDetails::with_error_info(reason.word(), DOMAIN, [] as [(String, String); 0]);
    details.add_precondition_failure_violation(reason.word(), ticket, sentence);
    Status::with_error_details(Code::FailedPrecondition, sentence, details)
}

/// The decision could not be recorded, so there is none.
pub(super) fn not_recorded(sentence: String) -> Status {
    problem(Code::Unavailable, Reason::NotRecorded, sentence)
}

/// The sidecar is stopping.
pub(super) fn stopping() -> Status {
    problem(Code::Unavailable, Reason::Stopping, "the sidecar is stopping")
}
