//! Who is calling: the agent (a program) and the actor (the person it acts for).
//!
//! Only `identity` makes a [`Caller`] from what a connection shows; everything below believes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::evidence::Evidence;

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

/// A value that a token says of its bearer, as the configuration asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// A text.
    Text(Arc<str>),
    /// Texts, without order.
    Texts(BTreeSet<Arc<str>>),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
}

/// The kinds of such values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// A text.
    Text,
    /// Texts, without order.
    Texts,
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
}

/// What a verified token says besides who calls.
///
/// Two tokens that differ in nothing but their ids are the same here: whoever gets a new token for the same purpose stays the same
/// caller.
#[derive(Debug, Clone)]
pub struct Token {
    /// Who vouches for it.
    pub issuer: Arc<str>,
    /// Its own id, for records and for its revocation.
    pub id: Option<Arc<str>>,
    /// Through whom the agent came to act, from the one before it to the first. For the record: nobody decides by it.
    pub chain: Vec<Arc<str>>,
    /// What it was given out for.
    pub scopes: BTreeSet<Arc<str>>,
    /// What else the configuration takes from it, by name.
    pub attributes: BTreeMap<Arc<str>, Attribute>,
}

/// All that two tokens are compared by.
type Substance<'a> = (&'a str, &'a [Arc<str>], &'a BTreeSet<Arc<str>>, &'a BTreeMap<Arc<str>, Attribute>);

impl Token {
    fn substance(&self) -> Substance<'_> {
        (&self.issuer, &self.chain, &self.scopes, &self.attributes)
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.substance() == other.substance()
    }
}

impl Eq for Token {}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.substance().hash(state);
    }
}

/// Agent and actor together: the subject of every decision, and the owner of every session, task and stream.
///
/// Whoever comes with other memberships, or with a token that says something else, is another caller than before. So a session ends
/// with the memberships and scopes it was opened with, and nothing is ever decided by those that somebody no longer has.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The program that calls.
    pub agent: AgentId,
    /// The person it acts for.
    pub actor: Actor,
    /// What the two bring besides their names.
    pub standing: Arc<Standing>,
    /// What else the token says that they came with; absent for callers that no token vouches for.
    pub token: Option<Arc<Token>>,
    /// By what they were identified, for the record.
    pub evidence: Option<Arc<Evidence>>,
    /// Somebody vouches for them, by a token, a certificate or the kernel: they are somebody also when no file has heard of them.
    pub vouched: bool,
}

/// All that two callers are compared by.
type Who<'a> = (&'a AgentId, &'a Actor, &'a Standing, Option<&'a Token>, bool);

impl Caller {
    fn who(&self) -> Who<'_> {
        (&self.agent, &self.actor, &self.standing, self.token.as_deref(), self.vouched)
    }

    /// A caller who brings nothing but names.
    #[must_use]
    pub fn new(agent: AgentId, actor: Actor) -> Self {
        Self { agent, actor, standing: Arc::default(), token: None, vouched: false, evidence: None }
    }

    /// The same caller with these memberships.
    #[must_use]
    pub fn with_standing(self, standing: Standing) -> Self {
        Self { standing: Arc::new(standing), ..self }
    }

    /// The same caller, who was identified by this.
    #[must_use]
    pub fn with_evidence(self, evidence: Evidence) -> Self {
        Self { evidence: Some(Arc::new(evidence)), ..self }
    }

    /// The same caller with what else their token says.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self { token: Some(Arc::new(token)), vouched: true, ..self }
    }

    /// The same caller, for whom something else than a token vouches.
    #[must_use]
    pub fn vouched(self) -> Self {
        Self { vouched: true, ..self }
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        self.who() == other.who()
    }
}

impl Eq for Caller {}

impl Hash for Caller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.who().hash(state);
    }
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;
