//! What must hold between the ways that are about a connection, the listener, and whom its connections tell of.

use super::Ways;
use crate::config::reader::Reader;
use crate::config::report::Problem;
use crate::identity::{AuthoritySettings, PeerSettings};
use crate::listen::Settings;

/// Where callers come from.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) enum CallersAt<'a> {
    /// The other end of standard input, which shows nothing.
    StandardInput,
    /// A listener.
    Listener(&'a Settings),
    /// A listener of which something is wrong that is said already.
    Unknown,
}

/// Notes what does not fit.
pub(super) fn fit(
    reader: &mut Reader<'_>,
    ways: Ways,
    at: CallersAt<'_>,
    authorities: &[AuthoritySettings],
    peers: &[PeerSettings],
) {
    let listen = match at {
        CallersAt::Unknown => return,
        CallersAt::StandardInput => None,
        CallersAt::Listener(listen) => Some(listen),
    };
    let mut problems = Vec::new();
    let has_tls = listen.is_some_and(|listen| listen.tls.is_some());
    let is_socket = listen.is_some_and(|listen| listen.address.tcp().is_none());
    if ways.mtls && authorities.is_empty() {
        let help = "add an [[identity.authority]] table with `ca_file` and `trust_domain`";
        problems.push(("`accept` has `mtls`, and nobody vouches for certificates".to_owned(), help));
    }
    if (ways.mtls || !authorities.is_empty()) && !has_tls {
        let help = "set `tls_cert_file` and `tls_key_file` in [listen]";
        problems.push(("client certificates need a listener with TLS".to_owned(), help));
    }
    if !ways.mtls && !ways.oauth && !authorities.is_empty() {
        let help = "add `mtls` to `accept`, or leave out [[identity.authority]]";
        problems.push(("client certificates would tell nothing about anybody".to_owned(), help));
    }
    for authority in authorities.iter().filter(|_| ways.mtls) {
        if authority.trust_domain.is_none() && authority.agents.is_empty() {
            let help = "set `trust_domain`, or say in `agents` which certificates are whose";
            problems.push((format!("the certificates of authority `{}` name no agent", authority.name), help));
        }
    }
    if ways.peer && peers.is_empty() {
        let help = "add an [[identity.peer]] table with `uid` and `agent`";
        problems.push(("`accept` has `peer`, and no user is known".to_owned(), help));
    }
    if ways.peer && !is_socket {
        let help = "set `address` in [listen] to a socket, such as \"unix:/run/cedarpost/mcp\"";
        problems.push(("who runs a process is only known over a unix socket".to_owned(), help));
    }
    if !ways.peer && !peers.is_empty() {
        let help = "add `peer` to `accept`, or leave out [[identity.peer]]";
        problems.push(("[[identity.peer]] means nothing: `accept` does not have `peer`".to_owned(), help));
    }
    let origin = reader.origin("identity.accept");
    for (message, help) in problems {
        reader.problem(Problem::new(&origin, message).help(help));
    }
}
