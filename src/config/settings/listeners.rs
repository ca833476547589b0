//! Where others connect, and who may.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::domain::{Extra, ServerName};
use crate::identity;
use crate::listen;
use crate::rest::AppProbe;

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
    pub clients: Option<ClientCertificates>,
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

/// Whose certificates the clients of a listener have to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
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
    /// Whose certificates services have to show; `None` when they show none.
    pub clients: Option<ClientCertificates>,
    /// The tokens of the services that may ask. Without these and without certificates everybody may who can connect, from this machine.
    pub tokens_file: Option<PathBuf>,
    /// What becomes of properties that no schema has.
    pub unknown_properties: Extra,
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
