//! What this part is told at the start: the MCP servers that gateways carry messages to, and how they are told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::domain::ServerName;
use crate::identity::{Identity, Protected};

/// Asks a server for its tools, unless that was done a moment ago.
pub type Refresh = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// An MCP server that gateways carry messages to.
pub struct Backend {
    /// Its name.
    pub name: ServerName,
    /// Methods outside the specification that policy may allow.
    pub extensions: BTreeSet<String>,
    /// What it asks of those who want in.
    pub protected: Protected,
    /// It is the very resource that callers' tokens were given out for, so it is shown them.
    pub keeps_token: bool,
    /// How policies come to know tools that they do not know yet.
    pub refresh: Refresh,
}

/// What becomes of a request for a list where nobody can cut anything out of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// It goes on when the caller may use some of the server's tools; lists of other things go on.
    Some,
    /// It goes on when the caller may use all of the server's tools; no lists of other things.
    All,
    /// It does not go on.
    None,
}

/// What becomes of a server's `requestState` that a client brings back, where nobody saw to whom it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownStates {
    /// The request does not go on.
    Refused,
    /// It belongs to whoever shows it first.
    First,
}

/// What gateways are told.
pub struct Gateways {
    /// How callers are identified.
    pub identity: Identity,
    /// The servers.
    pub backends: Vec<Backend>,
    /// Which host at the gateway, in lower case, stands for which server.
    pub hosts: BTreeMap<String, ServerName>,
    /// Envoy's question is answered.
    pub ext_authz: bool,
    /// agentgateway's question is answered.
    pub ext_mcp: bool,
    /// What becomes of requests for lists with Envoy's question.
    pub lists: Lists,
    /// Whom a gateway says that a client's certificate names counts like the certificate.
    pub trusts_principal: bool,
    /// What becomes of states with Envoy's question.
    pub states: ShownStates,
    /// Most sessions of one server whose callers are remembered; the same for states.
    pub sessions: usize,
    /// Says how old a state is.
    pub clock: Clock,
    /// How long a client may keep a filtered list (`ttlMs`).
    pub list_ttl: Duration,
}

impl std::fmt::Debug for Gateways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateways").field("ext_authz", &self.ext_authz).field("ext_mcp", &self.ext_mcp).finish_non_exhaustive()
    }
}
