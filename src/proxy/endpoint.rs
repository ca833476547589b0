//! One server, as clients reach it: its line, its upstream, its sessions, its bounds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conversation::Conversation;
use super::holds::Holds;
use super::learner::{Learner, Learning};
use super::line::{Asking, Line};
use super::metrics::Metrics;
use super::session::Sessions;
use super::upstream::{Upstream, UpstreamError, UpstreamSettings};
use crate::clock::Clock;
use crate::domain::{ServerName, Transport};
use crate::gate::Gate;
use crate::identity::Identified;
use crate::lifecycle::Stop;
use crate::mcp;
use crate::passage::{States, TaskOwners};

/// Bounds on everything that somebody else could make large or long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A message from a client.
    pub request: mcp::Limits,
    /// A message from a server.
    pub answer: mcp::Limits,
    /// Open sessions, per server.
    pub sessions: usize,
    /// Requests in flight, per server.
    pub in_flight: usize,
    /// Time for a request's body to arrive.
    pub body_timeout: Duration,
    /// Time for an answer's body to arrive, and for the next event of a stream to be taken by a client.
    pub answer_timeout: Duration,
    /// Time a session may go unused.
    pub session_idle: Duration,
    /// Time a client may keep a filtered list.
    pub list_ttl: Duration,
}

/// What an endpoint is told at the start.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// The server's name in policies and records.
    pub name: ServerName,
    /// Where clients find it.
    pub path: String,
    /// How it is reached.
    pub upstream: UpstreamSettings,
    /// Methods outside the specification that policy may allow.
    pub extensions: Vec<String>,
    /// Whether the deprecated HTTP+SSE transport of 2024-11-05 is offered; the server has to speak it too.
    pub legacy_sse: bool,
    /// After which time the server is asked for its tools again without a reason; `None` for never.
    pub catalog_ttl: Option<Duration>,
    /// How people are asked about calls that need an approval.
    pub asking: Asking,
    /// Pulled when the sidecar begins to stop: from then on no client waits for people.
    pub stopping: Stop,
    /// Bounds.
    pub limits: Limits,
}

/// A server's state, for operators.
#[derive(Debug, Clone, Serialize)]
pub struct ServerState {
    /// The server's name.
    pub name: String,
    /// Where clients find it.
    pub path: String,
    /// What it is, and whether it is up as far as the sidecar can tell.
    pub upstream: serde_json::Value,
    /// Open sessions.
    pub sessions: usize,
}

/// One server as clients reach it.
pub struct Endpoint {
    pub(super) line: Line,
    pub(super) upstream: Upstream,
    pub(super) sessions: Sessions,
    pub(super) limits: Limits,
    pub(super) legacy_sse: bool,
    pub(super) metrics: Metrics,
    path: String,
    places: Arc<Semaphore>,
    learning: parking_lot::Mutex<Option<Learning>>,
}

impl Endpoint {
    /// Prepares a server; nothing is connected or started yet.
    ///
    /// # Errors
    ///
    /// When the upstream cannot be prepared.
    pub fn new(
        settings: EndpointSettings,
        gate: Gate,
        metrics: Metrics,
        clock: &Clock,
        stop: &Stop,
    ) -> Result<Self, UpstreamError> {
        let (learner, learning) = Learner::new(gate.clone(), settings.name.clone(), settings.catalog_ttl);
        let upstream = Upstream::new(settings.upstream, &metrics.children, clock, stop)?;
        Ok(Self {
            line: Line {
                gate,
                server: settings.name,
                extensions: settings.extensions.into_iter().collect(),
                request_limits: settings.limits.request,
                answer_limits: settings.limits.answer,
                list_ttl: settings.limits.list_ttl,
                owners: TaskOwners::default(),
                states: States::new(clock.clone()),
                asking: settings.asking,
                holds: Holds::default(),
                stopping: settings.stopping,
                learner,
            },
            upstream,
            sessions: Sessions::new(settings.limits.sessions, settings.limits.session_idle),
            places: Arc::new(Semaphore::new(settings.limits.in_flight)),
            limits: settings.limits,
            legacy_sse: settings.legacy_sse,
            metrics,
            path: settings.path,
            learning: parking_lot::Mutex::new(Some(learning)),
        })
    }

    /// Where clients find the server.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Asks the server for its tools, unless that was done a moment ago; returns when it has answered, or after a while.
    pub async fn refresh_tools(&self) {
        self.line.learner.refresh().await;
    }

    /// Looks after the server until told to stop: learns its tools, ends idle sessions.
    pub async fn run(self: Arc<Self>, stop: Stop) {
        if let Some(learning) = self.take_learning() {
            let upstream = self.upstream.clone();
            tokio::spawn(learning.run(upstream, stop.clone()));
        }
        let mut sweep = tokio::time::interval(Duration::from_secs(10));
        loop {
            tokio::select! {
                () = stop.wait() => break,
                _ = sweep.tick() => self.sessions.sweep(),
            }
        }
        self.upstream.close().await;
    }

    /// The server's state, for operators.
    #[must_use]
    pub fn state(&self) -> ServerState {
        ServerState {
            name: self.line.server.to_string(),
            path: self.path.clone(),
            upstream: self.upstream.state(),
            sessions: self.sessions.len(),
        }
    }

    /// Ends the sessions of those who are denied. Says how many there were.
    pub(super) fn end_sessions_of(&self, denied: impl Fn(&Identified) -> bool) -> usize {
        self.sessions.end_of(denied)
    }

    /// The task that learns the server's tools; it is there once.
    pub(super) fn take_learning(&self) -> Option<Learning> {
        self.learning.lock().take()
    }

    /// A place among the requests in flight; `None` when there is none.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place among the requests in flight, as soon as there is one. `None` only if places were closed, which nobody does.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, no place is taken.
    pub(super) async fn place_in_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    pub(super) fn conversation(&self, with: &Identified, transport: Transport, ip: Option<IpAddr>) -> Arc<Conversation> {
        // What a caller showed is for one request; only standard input has but one caller, who showed it once.
        let with = if transport == Transport::Stdio { with.clone() } else { with.without_tokens() };
        Arc::new(Conversation::new(with, transport, ip, self.limits.in_flight))
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("server", &self.line.server).field("path", &self.path).finish_non_exhaustive()
    }
}
