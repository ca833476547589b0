//! The path of one message between a client and a server, for every transport: this is where a message becomes a call, and where
//! what comes back becomes what the client may see.
//!
//! Everything here works on whole messages. How they travel (HTTP bodies, events, lines) is the business of the files around.

mod inbound;
mod outbound;
mod refused;
mod waiting;

use std::collections::BTreeSet;
use std::time::Duration;

use super::holds::Holds;
use super::learner::Learner;
use crate::domain::ServerName;
use crate::gate::Gate;
use crate::lifecycle::Stop;
use crate::mcp;
use crate::passage::{States, TaskOwners};

pub(super) use inbound::Inbound;
pub use waiting::Asking;

/// What a message has to pass on its way to one server and back.
pub(super) struct Line {
    pub(super) gate: Gate,
    pub(super) server: ServerName,
    /// Methods outside the specification that policy may allow.
    pub(super) extensions: Extensions,
    /// Bounds of a message from a client.
    pub(super) request_limits: mcp::Limits,
    /// Bounds of a message from the server.
    pub(super) answer_limits: mcp::Limits,
    /// Longest time a client may keep a filtered list (`ttlMs`).
    pub(super) list_ttl: Duration,
    /// Who created which task.
    pub(super) owners: TaskOwners,
    /// Seals what clients are to bring back.
    pub(super) states: States,
    /// How people are asked about calls.
    pub(super) asking: Asking,
    /// The requests that wait for people.
    pub(super) holds: Holds,
    /// Pulled when the sidecar begins to stop.
    pub(super) stopping: Stop,
    /// Finds out what tools the server has.
    pub(super) learner: Learner,
}

/// Methods outside the specification that the configuration lets through to policy.
pub(super) type Extensions = BTreeSet<String>;
