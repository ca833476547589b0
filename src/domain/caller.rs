//! Who is calling: the agent (a program) and the actor (the person it acts for).
//!
//! Only `identity` makes a [`Caller`] from what a connection shows; everything below believes it.

use std::collections::BTreeSet;
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

/// The roles and teams that come with somebody, as whoever vouches for them says (an identity provider, say). What entities files and
/// the configuration declare is not in here: it is added to these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Memberships {
    /// Names of roles (`Mcp::Role::"…"`).
    pub roles: BTreeSet<Arc<str>>,
    /// Names of teams (`Mcp::Team::"…"`).
    pub teams: BTreeSet<Arc<str>>,
}

impl Memberships {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.teams.is_empty()
    }
}

/// The memberships that come with the two of a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Those of the agent.
    pub agent: Memberships,
    /// Those of the person; without a person they belong to nobody.
    pub actor: Memberships,
}

impl Standing {
    /// Whether neither brings any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agent.is_empty() && self.actor.is_empty()
    }
}

/// Agent and actor together: the subject of every decision, and the owner of every session, task and stream.
///
/// Whoever comes with other memberships than before is another caller. So a session ends with the memberships it was opened with, and
/// nothing is ever decided by memberships that somebody no longer has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The program that calls.
    pub agent: AgentId,
    /// The person it acts for.
    pub actor: Actor,
    /// What the two bring besides their names.
    pub standing: Arc<Standing>,
}

impl Caller {
    /// A caller who brings nothing but names.
    #[must_use]
    pub fn new(agent: AgentId, actor: Actor) -> Self {
        Self { agent, actor, standing: Arc::default() }
    }

    /// The same caller with these memberships.
    #[must_use]
    pub fn with_standing(self, standing: Standing) -> Self {
        Self { standing: Arc::new(standing), ..self }
    }
}
