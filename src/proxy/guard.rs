//! Host and Origin: the defence against DNS rebinding, which a proxy that rewrites `Host` must put up itself.
//!
//! Follows the security warning of the streamable HTTP transport (MCP 2025-11-25 and 2026-07-28, "Security").

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Uri, header};

/// Which hosts and origins are served.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
}

/// Why a request is turned away with 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// `Host` is missing, doubled, or not one of ours.
    Host,
    /// `Origin` is not one of ours.
    Origin,
}

impl Guard {
    /// Serves loopback names, the address bound (unix sockets have none), and what is listed: `hosts` as `name` or `name:port`, `origins` as
    /// `scheme://host[:port]`.
    #[must_use]
    pub fn new(bound: Option<SocketAddr>, hosts: &[String], origins: &[String]) -> Self {
        let mut guard = Self {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
        };
        if let Some(bound) = bound.filter(|bound| !bound.ip().is_unspecified()) {
            guard.hosts.insert(bound.to_string());
        }
        guard
    }

    /// Checks one request.
    ///
    /// # Errors
    ///
    /// Says which header is a stranger's.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Stranger> {
        let host = only(headers, &header::HOST).ok_or(Stranger::Host)?.to_ascii_lowercase();
        if !self.knows_host(&host) {
            return Err(Stranger::Host);
        }
        match headers.get_all(header::ORIGIN).iter().count() {
            0 => Ok(()),
            1 => only(headers, &header::ORIGIN)
                .is_some_and(|origin| self.knows_origin(&origin.to_ascii_lowercase()))
                .then_some(())
                .ok_or(Stranger::Origin),
            _ => Err(Stranger::Origin),
        }
    }

    fn knows_host(&self, host: &str) -> bool {
        let name = host_name(host);
        is_loopback(name) || self.hosts.contains(host) || self.hosts.contains(name)
    }

    fn knows_origin(&self, origin: &str) -> bool {
        if self.origins.contains(origin) {
            return true;
        }
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        plain
            && web
            && uri
                .authority()
                .is_some_and(|authority| !authority.as_str().contains('@') && is_loopback(host_name(authority.as_str())))
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

/// The host without its port: `[::1]:80` is `[::1]`.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => {
            if name.starts_with('[') == name.ends_with(']') {
                name
            } else {
                host
            }
        }
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
