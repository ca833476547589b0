//! Who is calling: the agent (a program) and the actor (the person it acts for).
//!
//! Only `identity` makes a [`Caller`] from what a connection shows; everything below believes it.

use std::fmt;
use std::sync::Arc;

/// The program that calls, by the id policies know it by (`Mcp::Agent::"…"`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(Arc<str>);

/// The person an agent acts for, by the id policies know them by (`Mcp::User::"…"`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

macro_rules! name {
    ($($type:ident),*) => {$(
        impl $type {
            /// Wraps an id that has been authenticated or configured.
            #[must_use]
            pub fn new(id: impl Into<Arc<str>>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
name!(AgentId, UserId);

/// The person behind an agent. That there is none is said, never left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The agent acts for this person and gets no more than they may do themselves.
    Person(UserId),
    /// The agent acts on its own; policies see `context has actor` as false.
    Unattended,
}

impl Actor {
    /// The person, if there is one.
    #[must_use]
    pub fn person(&self) -> Option<&UserId> {
        match self {
            Self::Person(user) => Some(user),
            Self::Unattended => None,
        }
    }
}

/// Agent and actor together: the subject of every decision, and the owner of every session, task and stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The program that calls.
    pub agent: AgentId,
    /// The person it acts for.
    pub actor: Actor,
}
