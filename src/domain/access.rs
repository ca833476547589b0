//! A question that a service asks about entities and actions of its own: may this subject do this to that resource?
//!
//! The words are those of the OpenID AuthZEN Authorization API 1.0. What a question is about is not a call of an MCP server, so nothing
//! of agents and actors is in here.

use std::sync::Arc;

use super::call::{Arguments, TraceId};

/// Somebody or something that a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// Its type.
    pub kind: Arc<str>,
    /// Its name among those of its type.
    pub id: Arc<str>,
    /// What whoever asks says about it: the text of a JSON object.
    pub properties: Arguments,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who wants to do something.
    pub subject: Thing,
    /// What they want to do.
    pub action: Arc<str>,
    /// What whoever asks says about how it would be done: the text of a JSON object.
    pub action_properties: Arguments,
    /// To what.
    pub resource: Thing,
    /// Under which circumstances: the text of a JSON object.
    pub context: Arguments,
    /// The trace that it belongs to, for the record.
    pub trace: Option<TraceId>,
}

/// What becomes of properties that the schema does not have. No policy can read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extra {
    /// The question is refused: a name that is spelled wrong would otherwise look like a fact that is missing.
    #[default]
    Refuse,
    /// They are passed over.
    Ignore,
}

/// What is wrong with a question, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}` {problem}")]
pub struct BadAccess {
    /// The place in the question, as a JSON pointer (RFC 6901) from `subject`, `action`, `resource` or `context` on.
    pub pointer: String,
    /// What kind of problem it is.
    pub fault: AccessFault,
    /// What is wrong with it.
    pub problem: String,
    /// What would be right, when that is known.
    pub hint: Option<String>,
}

/// The kinds of what can be wrong with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessFault {
    /// The schema has no such type, action or member of an enumeration, or the action is not for these types.
    Unknown,
    /// What is said contradicts what the entities files declare.
    Contradicts,
    /// A value is missing, unknown, or not of the type that the schema gives it.
    Unfit,
}
