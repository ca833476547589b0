//! What is wrong with a request: a status, a sentence, and the place it is about.

use std::fmt;

use http::StatusCode;

use crate::domain::BadAccess;
use crate::json::Fault;

/// The longest sentence, in bytes: what somebody sent is not sent back at any length.
const MAX_SENTENCE: usize = 512;

/// Something that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) status: StatusCode,
    /// A JSON pointer (RFC 6901) from the whole body on; empty for the body itself.
    pub(super) pointer: String,
    pub(super) problem: String,
    pub(super) hint: Option<String>,
}

impl Bad {
    /// A member that is not what it has to be.
    pub(super) fn at(pointer: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, pointer: pointer.into(), problem: problem.into(), hint: None }
    }

    /// The request as a whole.
    pub(super) fn request(problem: impl Into<String>) -> Self {
        Self::at("", problem)
    }

    /// The same with what would be right.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with another status.
    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same for a question that stands deeper in the body.
    pub(super) fn within(self, place: &str) -> Self {
        Self { pointer: format!("{place}{}", self.pointer), ..self }
    }

    /// The same for a question that is one of several; what is wrong with no member in particular stays so.
    pub(super) fn in_batch(self, at: usize) -> Self {
        if self.pointer.is_empty() { self } else { self.within(&format!("/evaluations/{at}")) }
    }

    /// JSON that is none, or not one that everybody reads alike.
    pub(super) fn json(fault: Fault) -> Self {
        Self::request(match fault {
            Fault::Syntax | Fault::Shape => "the body is not JSON that every parser reads alike",
            Fault::Depth => "the body is nested too deep",
            Fault::DuplicateKey => "the body has a key that stands twice in one object",
        })
    }
}

impl From<BadAccess> for Bad {
    fn from(bad: BadAccess) -> Self {
        let BadAccess { pointer, problem, hint, .. } = bad;
        Self { status: StatusCode::BAD_REQUEST, pointer, problem, hint }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = match self.pointer.as_str() {
            "" => self.problem.clone(),
            pointer => format!("`{}` {}", shortened(pointer), self.problem),
        };
        if let Some(hint) = &self.hint {
            text = format!("{text} ({hint})");
        }
        f.write_str(&shortened(&text))
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().map(|(at, _)| at).find(|at| *at > MAX_SENTENCE) {
        Some(end) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
