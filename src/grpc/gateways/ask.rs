//! Which server a question is about, and who is behind it.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};

use super::backend::Backend;
use super::judge::{Judge, Kept};
use super::no::No;
use crate::domain::{Caller, ServerName, Transport};
use crate::gate::TurnedAway;
use crate::identity::{Credentials, Identified};

/// What the configuration of a gateway calls the server.
pub(super) const SERVER: &str = "cedarpost.server";

/// The header that names a session (2025-03-26 to 2025-11-25).
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// How a request came to the gateway.
pub(super) struct Came<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) ip: Option<IpAddr>,
    /// Whom its client's certificate names, as the gateway says.
    pub(super) principal: Option<&'a str>,
}

impl Kept {
    /// The session that the headers name, if they name one. One of somebody else, and two at once, do not exist.
    pub(super) fn session<'h>(&self, headers: &'h HeaderMap, caller: &Caller) -> Result<Option<&'h str>, No> {
        let mut named = headers.get_all(SESSION_ID).iter();
        match (named.next(), named.next()) {
            (None, _) => Ok(None),
            (Some(id), None) => {
                let id = id.to_str().ok().filter(|id| self.sessions.is_of(id, caller));
                id.map(Some).ok_or_else(No::unknown_session)
            }
            (Some(_), Some(_)) => Err(No::unknown_session()),
        }
    }
}

impl Judge {
    /// The server that the gateway names; the only one there is when it names none. `host` is what the request says as host, which
    /// counts only where the configuration says so.
    pub(super) fn backend(&self, named: Option<&str>, host: Option<&str>) -> Result<(&Backend, &Kept), No> {
        let backends = || self.gateways.backends.iter().zip(&self.kept);
        let by_name = |name: &ServerName| backends().find(|(backend, _)| backend.name == *name);
        let found = match (named, host.and_then(|host| self.of_host(host))) {
            (Some(named), _) => ServerName::new(named).and_then(|name| by_name(&name)),
            (None, Some(name)) => by_name(name),
            (None, None) => backends().next().filter(|_| self.gateways.backends.len() == 1 && self.gateways.hosts.is_empty()),
        };
        found.ok_or_else(|| {
            tracing::warn!(
                named,
                host,
                "a gateway does not say which server a request is for, or names one that is not configured"
            );
            No::invalid(StatusCode::FORBIDDEN, "The gateway does not say which MCP server this is for.")
        })
    }

    fn of_host(&self, host: &str) -> Option<&ServerName> {
        let host = host.to_ascii_lowercase();
        let without_port = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let hosts = &self.gateways.hosts;
        hosts.get(&host).or_else(|| without_port.and_then(|(name, _)| hosts.get(name)))
    }

    /// Who sent a request for this server, by what the request itself shows. What the connection of the gateway shows is the gateway's.
    pub(super) async fn identify(&self, backend: &Backend, came: &Came<'_>) -> Result<Identified, No> {
        let identity = &self.gateways.identity;
        let identified = match Credentials::of_request(came.headers, came.method, came.uri) {
            Ok(credentials) => {
                let principal = came.principal.filter(|_| self.gateways.trusts_principal);
                identity.identify(&credentials.vouched_for(principal), &backend.protected).await
            }
            Err(flaw) => identity.identify_flawed(flaw),
        };
        identified.map_err(|why| {
            let (listener, server, reason, transport, ip) = ("grpc", &backend.name, why.word(), Transport::Http, came.ip);
            tracing::info!(event = "unidentified", reason, %server, "a gateway's request is refused: nobody vouches for who is behind it");
            self.gate.turned_away(TurnedAway { listener, server, reason, transport, ip });
            No::unidentified(identity.refusal(&why, &backend.protected))
        })
    }
}
