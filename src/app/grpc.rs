//! The gRPC face, when the configuration asks for one.

use std::sync::Arc;

use anyhow::Context;

use super::servers::LIST_TTL;
use super::tail;
use crate::audit::{AuditReader, Health};
use crate::config::{Config, GatewayLists, GrpcSettings, ServerSettings};
use crate::gate::Gate;
use crate::grpc::Grpc;
use crate::grpc::gateways::{Backend, Gateways, Lists, Refresh};
use crate::identity::Identity;
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};
use crate::proxy::Endpoint;

/// The protocol that gRPC is spoken in.
const PROTOCOLS: [&str; 1] = ["h2"];

/// Its listener, open before anything else starts: a port in use ends the start while nothing has happened yet.
pub(super) struct GrpcFace(Option<Listener>);

impl GrpcFace {
    /// Opens the listener, if one is configured.
    pub(super) async fn bind(settings: Option<&GrpcSettings>, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let listener = Listener::bind("grpc", &settings.listener, settings.max_connections, metrics).await;
        let listener = listener.and_then(|listener| listener.speaking(&PROTOCOLS));
        Ok(Self(Some(listener.context("failed to open the gRPC listener")?)))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|listener| listener.take_keeper().zip(listener.certificate()))
    }

    /// Starts it. `identity` and `endpoints` are for gateways that ask about messages of their clients.
    pub(super) fn start(
        self,
        config: &Config,
        (gate, reader): (&Gate, &AuditReader),
        (identity, endpoints): (&Identity, &[Arc<Endpoint>]),
        stop: &Stop,
        parts: &mut Tasks,
    ) {
        let Some(listener) = self.0 else { return };
        let health = gate.clone();
        let ready = Box::new(move || matches!(health.audit_health(), Health::Writable));
        let (bytes, depth) = (config.limits.max_message_bytes, config.limits.max_depth);
        let face = Grpc::new(gate.clone(), tail::records(reader.clone()), ready, bytes, depth)
            .with_gateways(gateways(config, identity, endpoints));
        tracing::info!(event = "listening", face = "grpc", address = %listener.local_addr(), "the gRPC face is ready");
        parts.spawn("the gRPC face", face.run(listener, stop.clone()));
    }
}

/// What gateways are told, when there are any.
fn gateways(config: &Config, identity: &Identity, endpoints: &[Arc<Endpoint>]) -> Option<Gateways> {
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
        sessions: config.limits.max_sessions,
        session_idle: config.limits.session_idle_timeout,
        list_ttl: LIST_TTL,
    })
}
