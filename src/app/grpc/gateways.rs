//! What gateways are told that ask about messages of their clients.

use std::sync::Arc;

use crate::app::servers::LIST_TTL;
use crate::clock::Clock;
use crate::config::{Config, GatewayLists, GatewayStates, ServerSettings};
use crate::grpc::gateways::{Backend, Gateways, Lists, Refresh, ShownStates};
use crate::identity::Identity;
use crate::proxy::Endpoint;

/// What they are told, when there are any. Callers are known as on the MCP listener.
pub(super) fn gateways(config: &Config, identity: &Identity, endpoints: &[Arc<Endpoint>], clock: &Clock) -> Option<Gateways> {
    let settings = &config.grpc.as_ref()?.gateways;
    let backend = |(endpoint, server): (&Arc<Endpoint>, &ServerSettings)| {
        let endpoint = Arc::clone(endpoint);
        let refresh: Refresh = Arc::new(move || {
            let endpoint = Arc::clone(&endpoint);
            Box::pin(async move { endpoint.refresh_tools().await })
        });
        Backend {
            name: server.name.clone(),
            extensions: server.extensions.iter().cloned().collect(),
            protected: identity.protect(&server.path, server.scopes.clone()),
            keeps_token: server.is_the_same_resource(),
            refresh,
        }
    };
    (settings.ext_authz || settings.ext_mcp).then(|| Gateways {
        identity: identity.clone(),
        backends: endpoints.iter().zip(&config.servers).map(backend).collect(),
        hosts: settings.hosts.clone(),
        ext_authz: settings.ext_authz,
        ext_mcp: settings.ext_mcp,
        lists: match settings.lists {
            GatewayLists::Some => Lists::Some,
            GatewayLists::All => Lists::All,
            GatewayLists::None => Lists::None,
        },
        trusts_principal: settings.principal,
        states: match settings.states {
            GatewayStates::None => ShownStates::Refused,
            GatewayStates::First => ShownStates::First,
        },
        sessions: config.limits.max_sessions,
        clock: clock.clone(),
        list_ttl: LIST_TTL,
    })
}
