//! The resolved settings: plain values that can only be valid, one struct for each part of the house.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::environment::Environment;
use super::show::Shown;
use crate::audit::ship::{AnchorPlace, FeedSettings, Location, StoreOptions, WitnessSettings};
use crate::audit::tlog::{KeyName, VerifierKey};
use crate::audit::{DetailSettings, EpochLimits};
use crate::domain::{AgentId, Extra, JsonPointer, ServerName};
use crate::hooks::HookSettings;
use crate::identity;
use crate::inject;
use crate::listen;
use crate::outbound;
use crate::proxy::upstream::CredentialSettings;
use crate::rest::AppProbe;

/// Everything the sidecar is told at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The MCP listener; `stdio` does not open it.
    pub listen: ListenSettings,
    /// The admin listener; `None` when it is off.
    pub admin: Option<AdminSettings>,
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

/// The MCP listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// `Host` values accepted besides loopback names and the bound address: `name` or `name:port`, lower case.
    pub allowed_hosts: Vec<String>,
    /// `Origin` values accepted besides loopback ones: `scheme://host[:port]`, lower case.
    pub allowed_origins: Vec<String>,
    /// Connections open at the same time; more wait in the system's queue.
    pub max_connections: usize,
    /// The deprecated HTTP+SSE transport of 2024-11-05 is offered.
    pub legacy_sse: bool,
}

/// The gRPC listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// Whose certificates clients have to show; `None` when they show none.
    pub clients: Option<GrpcClients>,
    /// Connections open at the same time; more wait in the system's queue.
    pub max_connections: usize,
    /// Which gateways are answered, and how.
    pub gateways: GatewaySettings,
}

/// Gateways that ask about the messages of their clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Envoy and what speaks like it.
    pub ext_authz: bool,
    /// What becomes of its clients' requests for lists.
    pub lists: GatewayLists,
    /// What becomes of its clients' `requestState`.
    pub states: GatewayStates,
    /// Which host at the gateway, in lower case, stands for which server.
    pub hosts: BTreeMap<String, ServerName>,
    /// Whom the gateway says that a client's certificate names counts like the certificate.
    pub principal: bool,
    /// agentgateway.
    pub ext_mcp: bool,
}

/// What becomes of a request for a list where nobody can cut anything out of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayLists {
    /// It goes on when its caller may use some of the tools.
    Some,
    /// It goes on when its caller may use all of them.
    All,
    /// It does not go on.
    None,
}

/// What becomes of a `requestState` that a client brings back, where nobody saw to whom it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayStates {
    /// The request does not go on.
    None,
    /// It belongs to whoever shows it first.
    First,
}

/// Whose certificates the clients of the gRPC listener have to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcClients {
    /// A PEM file with the certificates of the authority that signs them.
    pub ca_file: PathBuf,
    /// The services that are let in; all that the authority vouches for when there are none.
    pub services: Vec<identity::Subject>,
}

/// The AuthZEN listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthzenSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// Connections open at the same time; more wait in the system's queue.
    pub max_connections: usize,
    /// The URL by which services know the decision point, without a slash at its end.
    pub url: Option<String>,
    /// The tokens of the services that may ask; `None` when everybody may who can connect, from this machine.
    pub tokens_file: Option<PathBuf>,
    /// What becomes of properties that no schema has.
    pub unknown_properties: Extra,
}

/// How people are asked about calls that need an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalsSettings {
    /// How long a ticket waits for a ruling.
    pub lifetime: Duration,
    /// How long a call that was approved once may be made.
    pub grant_lifetime: Duration,
    /// How long a client waits for an answer before it is told to come back.
    pub hold: Duration,
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

/// How the webhook of injection makes its own certificate, and tells API servers of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The Service by which API servers find the webhook.
    pub service: String,
    /// The namespace of that Service.
    pub namespace: String,
    /// The `MutatingWebhookConfiguration` to keep right.
    pub configuration: String,
    /// Where the certificate and its key are written.
    pub directory: PathBuf,
    /// Where the API server is.
    pub api: String,
    /// The directory with `token` and `ca.crt` of the service account.
    pub account: PathBuf,
    /// How long a certificate is good for; another one follows after two thirds of it.
    pub lifetime: Duration,
}

/// What the webhook of injection is told at the start.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where an API server asks, and with which certificate it is answered.
    pub listener: listen::Settings,
    /// The certificate that it makes for itself, when the listener has none from files.
    pub own_certificate: Option<OwnCertificate>,
    /// Connections open at the same time; more wait in the system's queue.
    pub max_connections: usize,
    /// What pods get.
    pub injection: inject::Settings,
    /// What is logged.
    pub log: LogSettings,
}

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// `Host` names accepted for `/status` besides `localhost` and IP addresses, lower case, without port.
    pub allowed_hosts: Vec<String>,
    /// `/status` and `/explain` answer other machines, too.
    pub remote_details: bool,
    /// Probes that are passed on to a container beside the sidecar.
    pub app_health: Vec<AppProbe>,
}

/// The console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// The URL by which browsers know it, without a slash at its end.
    pub url: Option<String>,
    /// `Host` names accepted besides `localhost`, IP addresses and the one of the URL, lower case, without port.
    pub allowed_hosts: Vec<String>,
    /// Where people log in; `None` when only links do.
    pub oidc: Option<identity::LoginSettings>,
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

/// Where policies, schema and entities come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// Files or directories with `*.cedar`.
    pub policies: Vec<PathBuf>,
    /// Files or directories with `*.cedarschema`, on top of the base vocabulary.
    pub schema: Vec<PathBuf>,
    /// Files or directories with `*.json`.
    pub entities: Vec<PathBuf>,
    /// The catalog lock, if tools are to be as they were reviewed.
    pub lock: Option<PathBuf>,
    /// After which time a server is asked for its tools again; `None` when only on its own notice.
    pub catalog_ttl: Option<Duration>,
    /// The IANA time zone of `context.time`.
    pub timezone: String,
    /// How often the content is compared, besides being watched.
    pub poll_interval: Duration,
    /// Whether what is known of the policies beforehand is kept and used.
    pub residuals: bool,
}

/// What the commands about the catalog are told.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// The servers to ask.
    pub servers: Vec<ServerSettings>,
    /// Bounds on asking them.
    pub limits: LimitSettings,
    /// The catalog lock.
    pub lock: Option<PathBuf>,
}

/// Where decisions are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// The directory of the log; one process at a time.
    pub directory: PathBuf,
    /// The name of the log in its checkpoints; a new log without one gets one of its own.
    pub origin: Option<KeyName>,
    /// Where the private key is, if not with the log.
    pub keys: Option<PathBuf>,
    /// A call whose record is not durable after this time is refused.
    pub append_deadline: Duration,
    /// Records that may wait to be written.
    pub queue: usize,
    /// Free space below which the log refuses to grow, in bytes.
    pub low_water_bytes: u64,
    /// When the log goes on in another database.
    pub epochs: EpochLimits,
    /// How much is kept of arguments and results.
    pub detail: DetailSettings,
    /// The collector that gets each record, if there is one.
    pub feed: Option<FeedSettings>,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipSettings {
    /// Where copies go.
    pub export: Vec<Location>,
    /// How long a record waits for others before it goes.
    pub export_interval: Duration,
    /// How long a store may take for one operation.
    pub export_deadline: Duration,
    /// Where checkpoints are kept.
    pub anchors: Vec<AnchorPlace>,
    /// How old anchors and cosignatures may be.
    pub anchor_interval: Duration,
    /// Who cosigns.
    pub witnesses: Vec<WitnessSettings>,
    /// How many of them must.
    pub witness_quorum: usize,
    /// Keys, regions and endpoints of stores, from the environment.
    pub store_options: StoreOptions,
}

/// The witness that the sidecar is for other logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessServerSettings {
    /// Where it listens, and with which certificate.
    pub listener: listen::Settings,
    /// The name in its cosignatures.
    pub name: KeyName,
    /// Where its key and its memory are.
    pub directory: PathBuf,
    /// The logs that it knows, by origin, each with its keys.
    pub logs: BTreeMap<String, Vec<VerifierKey>>,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// How log lines look.
    pub format: LogFormat,
    /// A level (`info`), or directives such as `info,cedarpost::policy=debug`.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

impl LogFormat {
    /// The formats and how the configuration names them.
    pub(super) const NAMES: [(&str, Self); 3] = [("auto", Self::Auto), ("json", Self::Json), ("pretty", Self::Pretty)];
}

/// One MCP server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Its name in policies and records.
    pub name: ServerName,
    /// Its path at the listener, beginning with `/`.
    pub path: String,
    /// How it is reached.
    pub target: ServerTarget,
    /// Methods outside the specification that policy decides as action `extension`.
    pub extensions: Vec<String>,
    /// Scopes that a token must have to get to this server at all.
    pub scopes: Vec<String>,
    /// Tools that call other tools of this server.
    pub meta_tools: Vec<MetaToolSettings>,
}

impl ServerSettings {
    /// Whether the server is the very resource that callers' tokens were given out for, and is shown them.
    #[must_use]
    pub const fn is_the_same_resource(&self) -> bool {
        match &self.target {
            ServerTarget::Http { credential, .. } => matches!(**credential, CredentialSettings::SameResource { .. }),
            ServerTarget::Child { .. } => false,
        }
    }

    /// Whether the server has to be shown something that is made of what callers show us.
    #[must_use]
    pub const fn needs_callers_tokens(&self) -> bool {
        match &self.target {
            ServerTarget::Http { credential, .. } => credential.needs_callers_tokens(),
            ServerTarget::Child { .. } => false,
        }
    }
}

/// What policies need to know of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyServer {
    /// Its name.
    pub name: ServerName,
    /// Tools that call other tools of this server.
    pub meta_tools: Vec<MetaToolSettings>,
}

impl From<&ServerSettings> for PolicyServer {
    fn from(server: &ServerSettings) -> Self {
        Self { name: server.name.clone(), meta_tools: server.meta_tools.clone() }
    }
}

/// A tool that calls other tools of its server: policy decides about the tool that it is asked to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaToolSettings {
    /// Its name.
    pub tool: String,
    /// Where in its arguments the name of the other tool stands.
    pub name: JsonPointer,
    /// Where in its arguments those of the other tool stand.
    pub arguments: JsonPointer,
}

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum ServerTarget {
    /// Streamable HTTP.
    Http {
        /// `http` or `https`, with host, without user information.
        url: Uri,
        /// What it is shown of us.
        credential: Box<CredentialSettings>,
    },
    /// A child process over its standard input and output.
    Child {
        /// The program, looked up in `PATH` when it has no slash.
        program: OsString,
        /// Its arguments.
        args: Vec<OsString>,
        /// Its working directory; `None` for ours.
        directory: Option<PathBuf>,
        /// Its whole environment; nothing else is inherited.
        environment: Environment,
    },
}
