//! What policies can see of a tool's arguments: the tool's `inputSchema` as a type.
//!
//! A schema is text that a server wrote, so nothing in it can make this fail, run long or grow: every oddity has an answer, and the
//! answer to doubt is [`Ty::Hidden`] with a note for the author. The rules are in `docs/argument-types.md`.
//!
//! The type is what a value *may* be. Keywords that only narrow what the server accepts (`minimum`, `pattern`, `not`, …) are the
//! server's business: leaving them out can only refuse less. Nothing here converts values, see [`input`](super::input).
//!
//! Read in this order: [`document`] (text to tree), [`mapper`] (tree to type), [`object`] (records), [`place`] (where a note points).

mod document;
mod mapper;
mod object;
mod place;

use std::borrow::Cow;
use std::fmt;

use super::ty::Ty;
use document::{Fault, Node};

/// What policies can see of a tool's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapped {
    /// A record, or hidden when nothing of the arguments can be seen.
    pub(super) input: Ty,
    /// What is not as an author might expect, in the order of the schema's sorted properties.
    pub(super) notes: Vec<Note>,
}

/// Something about a part of a schema that an author should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Note {
    /// The value it is about, as policies name it: `context.input.lines[]`.
    pub(super) argument: String,
    /// The part of the schema, as a JSON pointer (RFC 6901). Names of more than 128 characters are cut.
    pub(super) pointer: String,
    /// A sentence whose subject is the argument.
    pub(super) reason: Cow<'static, str>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.argument, self.reason)
    }
}

/// Maps an input schema. Takes bounded time and memory, whatever the text.
pub(super) fn map(schema: Option<&[u8]>) -> Mapped {
    let Some(text) = schema else { return Mapped::hidden(Fault::here("has no schema")) };
    match Node::parse(text) {
        Ok(root) => mapper::map(&root),
        Err(fault) => Mapped::hidden(fault),
    }
}

impl Mapped {
    /// Nothing can be seen, for one reason.
    fn hidden(fault: Fault) -> Self {
        let note = Note { argument: "context.input".to_owned(), pointer: fault.pointer, reason: fault.reason.into() };
        Self { input: Ty::Hidden, notes: vec![note] }
    }
}

#[cfg(test)]
#[path = "json_schema_tests.rs"]
mod tests;
