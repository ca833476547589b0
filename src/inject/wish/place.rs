//! Where a pod says that its server is: the port that is guarded, and the URL behind it.

use http::Uri;

use super::Asked;
use crate::inject::pod::{Container, Pod};
use crate::inject::refused::Refused;

/// The port that is guarded when a pod says nothing and names it.
const USUAL_PORT_NAME: &str = "mcp";

/// The port at which the sidecar alone listens.
pub(super) fn own_port(asked: &Asked<'_>, mode: &str) -> Result<u16, Refused> {
    let missing = || Refused::annotation("port", format!("mode {mode} needs the number of the port that clients connect to"));
    number(asked.text("port").ok_or_else(missing)?)
}

fn number(text: &str) -> Result<u16, Refused> {
    let digits = !text.starts_with('+');
    let port = text.parse::<u16>().ok().filter(|port| digits && *port > 0);
    let port = port.ok_or_else(|| Refused::annotation("port", format!("`{text}` is not a port from 1 to 65535")))?;
    // The sidecar has no privileges.
    if port < 1024 {
        Err(Refused::annotation("port", format!("{port} is below 1024, which the sidecar may not use")))
    } else {
        Ok(port)
    }
}

/// A port by its number, or by the name that a container gives it.
pub(super) fn port_of(pod: &Pod<'_>, text: &str) -> Result<u16, Refused> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return number(text);
    }
    let named = |container: &Container<'_>| {
        container.ports.iter().find(|port| port.tcp && port.name == Some(text)).map(|port| port.number)
    };
    match pod.containers.iter().find_map(named) {
        Some(port) => number(&port.to_string()),
        None => Err(Refused::annotation("port", format!("no container has a port called `{text}`"))),
    }
}

pub(super) fn usual_port(pod: &Pod<'_>) -> Result<u16, Refused> {
    if let Ok(port) = port_of(pod, USUAL_PORT_NAME) {
        return Ok(port);
    }
    let mut all = pod.containers.iter().flat_map(|container| &container.ports).filter(|port| port.tcp);
    match (all.next(), all.next()) {
        (Some(only), None) => number(&only.number.to_string()),
        (Some(_), Some(_)) => {
            Err(Refused::annotation("port", "the pod has several ports and none is called `mcp`: say which one is to be guarded"))
        }
        (None, _) => Err(Refused::annotation(
            "port",
            "the pod names no port: say which one is to be guarded, or set the annotation cedarpost.dev/mode to agent or stdio",
        )),
    }
}

/// Where the server is, as the annotation says.
pub(super) struct Upstream {
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) url: String,
}

/// The annotation `upstream`. On a socket a port is only part of the `Host` header, so there is a usual one.
pub(super) fn upstream(asked: &Asked<'_>, usual_port: Option<u16>) -> Result<Option<Upstream>, Refused> {
    let Some(text) = asked.text("upstream") else { return Ok(None) };
    let refuse = |reason: &str| Refused::annotation("upstream", format!("`{text}`: {reason}"));
    if text.starts_with("unix:") || text.starts_with("http+unix:") {
        return Err(refuse("for a unix socket use mode socket, and write its path in the annotation socket"));
    }
    let uri: Uri = text.parse().map_err(|_| refuse("this is not a URL"))?;
    if uri.scheme_str() != Some("http") {
        return Err(refuse("the server of this pod is reached by http"));
    }
    if !matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]")) || text.contains('@') {
        return Err(refuse("the server is in this pod: its host is 127.0.0.1, localhost or [::1]"));
    }
    let port = uri.port_u16().or(usual_port).filter(|port| *port > 0).ok_or_else(|| refuse("the port is missing"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let path = uri.path();
    let fits = path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment));
    if !fits || uri.query().is_some() {
        return Err(refuse("its path has letters, digits, . _ - and no more"));
    }
    Ok(Some(Upstream { port, path: path.to_owned(), url: text.to_owned() }))
}
