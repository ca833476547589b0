//! The watch over ways around the sidecar: which ports are guarded, and how it is shown what was found.

use std::convert::Infallible;
use std::net::IpAddr;

use http::Uri;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::bypass::{Board, Guarded, Listener, State, Watch};
use crate::config::{Config, ServerTarget};
use crate::lifecycle::{Stop, Tasks};
use crate::listen::Address;
use crate::rest::{Check, Verdict};

/// The most listeners that are shown, of each kind.
const MOST_SHOWN: usize = 64;

/// Starts the watch, unless it is off. `address` is where MCP clients connect.
pub(super) async fn start(
    config: &Config,
    address: &Address,
    registry: &mut Registry,
    stop: &Stop,
    parts: &mut Tasks,
) -> Option<Board> {
    let watch = Watch::start(config.bypass, guarded(config, address), registry).await?;
    let board = watch.board();
    let running = watch.run(stop.clone());
    parts.spawn("the watch over ways around the sidecar", async move {
        running.await;
        Ok::<(), Infallible>(())
    });
    Some(board)
}

/// The ports of servers on this machine, and the sidecar's own: on another address it would be somebody else's.
fn guarded(config: &Config, address: &Address) -> Vec<Guarded> {
    let own = address.tcp();
    let server = |server: &crate::config::ServerSettings| match &server.target {
        ServerTarget::Http { url, socket: None, .. } => {
            let port = port_here(url, own.map(|own| own.ip()))?;
            Some(Guarded { what: format!("server `{}`", server.name).into(), port })
        }
        ServerTarget::Http { .. } | ServerTarget::Child { .. } => None,
    };
    let sidecar = own.map(|own| Guarded { what: "the port of the sidecar".into(), port: own.port() });
    config.servers.iter().filter_map(server).chain(sidecar).collect()
}

/// The port of a URL that leads to this machine: its loopback address, or the address that is our own.
fn port_here(url: &Uri, own: Option<IpAddr>) -> Option<u16> {
    let host = url.host()?;
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    let here = match ip {
        Some(ip) => ip.is_loopback() || ip.is_unspecified() || own.is_some_and(|own| own.to_canonical() == ip),
        None => host.eq_ignore_ascii_case("localhost"),
    };
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    here.then(|| url.port_u16().unwrap_or(usual))
}

/// The condition of being ready.
pub(super) fn check(board: Board) -> Check {
    Check::new("bypass", move || match board.verdict() {
        (true, text) => Verdict::Holds(text),
        (false, text) => Verdict::Fails(text),
    })
}

/// What `/status` says.
pub(super) fn status(board: Option<&Board>) -> Value {
    let Some(board) = board else { return json!({ "check": "off" }) };
    let check = board.check().word();
    let shown = |listener: &Listener| json!({ "address": listener.address.to_string(), "uid": listener.uid });
    match &*board.state() {
        State::Unknown(why) => json!({ "check": check, "problem": why }),
        State::Seen(found) => {
            let bypasses =
                found.bypasses.iter().take(MOST_SHOWN).map(
                    |(listener, what)| json!({ "what": &**what, "address": listener.address.to_string(), "uid": listener.uid }),
                );
            json!({
                "check": check,
                "problem": null,
                "bypasses": bypasses.collect::<Vec<_>>(),
                "others": found.others.iter().take(MOST_SHOWN).map(shown).collect::<Vec<_>>(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    //! Which URLs lead to this machine.

    use super::*;

    #[test]
    fn a_server_is_here_on_the_loopback_address_and_on_our_own() {
        let own = Some("10.0.0.5".parse().unwrap());
        for (url, expected) in [
            ("http://127.0.0.1:9000/mcp", Some(9000)),
            ("http://localhost/mcp", Some(80)),
            ("https://LOCALHOST/mcp", Some(443)),
            ("http://[::1]:9001/mcp", Some(9001)),
            ("http://127.8.8.8:9002/", Some(9002)),
            ("http://[::ffff:127.0.0.1]:9003/", Some(9003)),
            ("http://0.0.0.0:9004/", Some(9004)),
            ("http://10.0.0.5:9005/", Some(9005)),
            ("http://10.0.0.6:9005/", None),
            ("http://shop:9000/mcp", None),
            ("https://shop.example/mcp", None),
        ] {
            assert_eq!(port_here(&url.parse().unwrap(), own), expected, "{url}");
        }
        assert_eq!(port_here(&"http://10.0.0.5:9005/".parse().unwrap(), None), None);
    }
}
