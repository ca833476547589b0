//! The resolved settings: plain values that can only be valid, one struct for each part of the house, by what they are about.

mod listeners;
mod log;
mod people;
mod servers;
mod webhook;

use std::time::Duration;

use super::show::Shown;
use crate::bypass;
use crate::hooks::HookSettings;
use crate::outbound;

pub use listeners::{
    AdminSettings, AuthzenSettings, ClientCertificates, ConsoleSettings, GatewayLists, GatewaySettings, GatewayStates,
    GrpcSettings, ListenSettings,
};
pub use log::{AuditSettings, LogFormat, LogSettings, ShipSettings, WitnessServerSettings};
pub use people::{ActorTokenSource, ApprovalsSettings, BearerSettings, CallerSettings, IdentitySettings};
pub use servers::{CatalogSettings, MetaToolSettings, PolicyServer, PolicySettings, ServerSettings, ServerTarget};
pub use webhook::{ApiAccess, OwnCertificate, WebhookSettings};

/// Everything the sidecar is told at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The MCP listener; `stdio` does not open it.
    pub listen: ListenSettings,
    /// The admin listener; `None` when it is off.
    pub admin: Option<AdminSettings>,
    /// Who else listens where guarded servers are.
    pub bypass: bypass::Settings,
    /// The gRPC listener; `None` when there is none.
    pub grpc: Option<GrpcSettings>,
    /// The AuthZEN listener; `None` when there is none.
    pub authzen: Option<AuthzenSettings>,
    /// The console; `None` when it is off.
    pub console: Option<ConsoleSettings>,
    /// Bounds on everything.
    pub limits: LimitSettings,
    /// Who everybody is, if the configuration says so.
    pub identity: Option<IdentitySettings>,
    /// How callers are identified.
    pub callers: CallerSettings,
    /// Where policies come from.
    pub policy: PolicySettings,
    /// How people are asked.
    pub approvals: ApprovalsSettings,
    /// Who is told of tickets.
    pub webhooks: Vec<HookSettings>,
    /// Where decisions are recorded.
    pub audit: AuditSettings,
    /// Where the log goes from there.
    pub ship: ShipSettings,
    /// The witness that the sidecar is for other logs, if it is one.
    pub witness: Option<WitnessServerSettings>,
    /// How the sidecar asks others on its own behalf.
    pub outbound: outbound::Settings,
    /// What is logged.
    pub log: LogSettings,
    /// The MCP servers: at least one for `serve`, exactly one for `stdio`.
    pub servers: Vec<ServerSettings>,
    /// Every setting as `config show` prints it.
    pub(super) shown: Vec<Shown>,
}

impl Config {
    /// Where people find the console: as the settings say, else where it listens, for people on this machine.
    #[must_use]
    pub fn console_url(&self) -> Option<String> {
        let console = self.console.as_ref()?;
        let scheme = if console.listener.tls.is_some() { "https" } else { "http" };
        let bound = console.listener.address.tcp().filter(|address| address.port() != 0 && address.ip().is_loopback());
        console.url.clone().or_else(|| bound.map(|address| format!("{scheme}://{address}")))
    }
}

/// Bounds on what others can make us hold or wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// The largest message, in bytes.
    pub max_message_bytes: usize,
    /// How deep JSON may be nested.
    pub max_depth: u32,
    /// Sessions open at the same time.
    pub max_sessions: usize,
    /// Calls in flight at each server.
    pub max_inflight: usize,
    /// How long connecting to a server may take.
    pub upstream_connect_timeout: Duration,
    /// How long a server may take to the first byte of an answer.
    pub upstream_response_timeout: Duration,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// When an unused session is closed.
    pub session_idle_timeout: Duration,
    /// How long calls in flight may take to end after the first signal to stop.
    pub shutdown_grace: Duration,
}
