//! What is wrong with a question, as gRPC says it: a code, a sentence, and the field it is about (google.rpc.BadRequest).

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

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

/// The decision could not be recorded, so there is none.
pub(super) fn not_recorded(sentence: String) -> Status {
    let details = ErrorDetails::with_error_info("NOT_RECORDED", "cedarpost.dev", [] as [(String, String); 0]);
    Status::with_error_details(Code::Unavailable, sentence, details)
}
