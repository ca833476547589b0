//! Who everybody is, and how people are asked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::AgentId;
use crate::identity;

/// How people are asked about calls that need an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalsSettings {
    /// How long a ticket waits for a ruling.
    pub lifetime: Duration,
    /// How long a call that was approved once may be made.
    pub grant_lifetime: Duration,
    /// How long a client waits for an answer before it is told to come back.
    pub hold: Duration,
    /// The same for a client that hears meanwhile that people are waited for.
    pub hold_with_progress: Duration,
    /// How many tickets may wait altogether.
    pub max_waiting: usize,
    /// How many of one caller.
    pub max_waiting_per_caller: usize,
    /// The name by which policies know whoever rules over the control socket.
    pub operator: String,
    /// Whose tokens count where people rule with tokens of theirs; `None` when they cannot.
    pub bearers: Option<BearerSettings>,
}

/// Whose tokens count where people rule with tokens of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerSettings {
    /// What the tokens must have been given out for.
    pub resource: Arc<str>,
    /// The programs that they must have been given to.
    pub programs: BTreeSet<AgentId>,
}

/// Who everybody is that reaches the listener, or the client of `stdio`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySettings {
    /// The id of the agent.
    pub agent: String,
    /// The roles of the agent.
    pub agent_roles: Vec<String>,
    /// The person it acts for; `None` when the configuration says that nobody stands behind it.
    pub actor: Option<String>,
    /// The roles of that person; empty without a person.
    pub actor_roles: Vec<String>,
}

/// How callers are identified.
#[derive(Debug, Clone)]
pub struct CallerSettings {
    /// The ways, and what they need.
    pub ways: identity::Settings,
    /// For `stdio`: the token of the person behind the agent.
    pub actor_token: Option<ActorTokenSource>,
}

/// Where the token of a person is. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum ActorTokenSource {
    /// It is this one.
    Given(String),
    /// In this file.
    File(PathBuf),
}

impl std::fmt::Debug for ActorTokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}
