//! The keys of `[grpc]` about gateways that ask about their clients' messages.

use std::collections::BTreeMap;

use super::reader::{Reader, text};
use super::report::Problem;
use super::settings::{Config, GatewayLists, GatewaySettings, GatewayStates};
use crate::domain::ServerName;

pub(super) fn gateways(reader: &mut Reader<'_>) -> Option<GatewaySettings> {
    let ext_authz = reader.flag("grpc.ext_authz");
    let lists = reader.read("grpc.ext_authz_lists", |given| match text(given)?.as_str() {
        "some" => Ok(GatewayLists::Some),
        "all" => Ok(GatewayLists::All),
        "none" => Ok(GatewayLists::None),
        other => Err(format!("`{other}` is not one of some, all, none")),
    });
    let states = reader.read("grpc.ext_authz_states", |given| match text(given)?.as_str() {
        "none" => Ok(GatewayStates::None),
        "first" => Ok(GatewayStates::First),
        other => Err(format!("`{other}` is not one of none, first")),
    });
    let hosts = reader.read("grpc.ext_authz_hosts", |given| {
        let mut hosts = BTreeMap::new();
        for pair in super::reader::list(given)? {
            let (host, server) = pair_of(&pair)?;
            if hosts.insert(host.clone(), server).is_some() {
                return Err(format!("`{host}` stands twice"));
            }
        }
        Ok(hosts)
    });
    let principal = reader.flag("grpc.ext_authz_principal");
    let ext_mcp = reader.flag("grpc.ext_mcp");
    Some(GatewaySettings {
        ext_authz: ext_authz?,
        lists: lists?,
        states: states?,
        hosts: hosts?,
        principal: principal?,
        ext_mcp: ext_mcp?,
    })
}

fn pair_of(pair: &str) -> Result<(String, ServerName), String> {
    let form = || format!("`{pair}` is not `host=server`, such as \"tools.example=shop\"");
    let (host, server) = pair.split_once('=').ok_or_else(form)?;
    let plain = host.parse::<http::uri::Authority>().is_ok_and(|host| !host.as_str().contains(['@', '*']));
    let server = ServerName::new(server).ok_or_else(form)?;
    if plain { Ok((host.to_ascii_lowercase(), server)) } else { Err(form()) }
}

/// What nobody listens for is a mistake: somebody believes that their gateway is answered.
pub(super) fn nobody_listens(reader: &mut Reader<'_>, gateways: &GatewaySettings) {
    for (asked, key) in [(gateways.ext_authz, "grpc.ext_authz"), (gateways.ext_mcp, "grpc.ext_mcp")] {
        if asked {
            let origin = reader.origin(key);
            reader.problem(Problem::new(&origin, format!("`{key}` is set and `grpc.address` is `off`: nobody is answered")));
        }
    }
}

/// What is said of gateways fits what is said of servers and of callers.
pub(super) fn fit(reader: &mut Reader<'_>, config: &Config) {
    let Some(grpc) = &config.grpc else { return };
    let gateways = &grpc.gateways;
    for (host, name) in &gateways.hosts {
        if !config.servers.iter().any(|server| server.name == *name) {
            let origin = reader.origin("grpc.ext_authz_hosts");
            reader.problem(Problem::new(
                &origin,
                format!("`grpc.ext_authz_hosts`: `{host}` is for `{name}`, and there is no such server"),
            ));
        }
    }
    let origin = reader.origin("grpc.ext_authz_principal");
    if gateways.principal && !gateways.ext_authz {
        reader.problem(Problem::new(&origin, "`grpc.ext_authz_principal` is set and `grpc.ext_authz` is not"));
    }
    if gateways.principal && !config.callers.ways.accept.mtls {
        let problem = Problem::new(&origin, "`grpc.ext_authz_principal` is set, and certificates are not accepted");
        reader.problem(problem.help("add `mtls` to `identity.accept`, and an [[identity.authority]] that says who is whose"));
    }
}

#[cfg(test)]
#[path = "gateways_tests.rs"]
mod tests;
