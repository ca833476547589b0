//! Who else is known besides callers: people who rule by a token of theirs, and services by their certificates.

use crate::config::{Config, GrpcClients};
use crate::domain::{Actor, AgentId, Caller};
use crate::identity::{Accept, AuthoritySettings, IssuerKind, IssuerSettings, Resource, Settings};

/// A room in which nobody is believed yet.
fn room(config: &Config) -> Settings {
    let ways = &config.callers.ways;
    let nobody = Caller::new(AgentId::new(""), Actor::Unattended);
    Settings {
        accept: Accept::default(),
        deny: ways.deny.clone(),
        skew: ways.skew,
        remembered: ways.remembered,
        remember_for: ways.remember_for,
        ..Settings::configured(nobody)
    }
}

/// The one who vouches for the certificates of clients.
fn authority(clients: &GrpcClients) -> AuthoritySettings {
    AuthoritySettings {
        name: "grpc".into(),
        ca_file: clients.ca_file.clone(),
        trust_domain: None,
        agents: Vec::new(),
        services: Some(clients.services.clone()),
    }
}

/// A room in which clients are known by their certificates.
pub(super) fn services(config: &Config, clients: &GrpcClients) -> Settings {
    let accept = Accept { mtls: true, ..Accept::default() };
    Settings { accept, authorities: vec![authority(clients)], ..room(config) }
}

/// A room in which tokens count that were given out for ruling, and no others; `None` when there are none. They may be bound to
/// certificates of `clients`.
pub(super) fn people(config: &Config, clients: Option<&GrpcClients>) -> Option<Settings> {
    let bearers = config.approvals.bearers.as_ref()?;
    let issuers = config.callers.ways.issuers.iter().filter(|issuer| issuer.kind == IssuerKind::OAuth);
    // The other audiences of an issuer are for agents.
    let issuers = issuers.map(|issuer| IssuerSettings { audiences: Vec::new(), for_actors: false, ..issuer.clone() });
    Some(Settings {
        accept: Accept { oauth: true, ..Accept::default() },
        issuers: issuers.collect(),
        resource: Some(Resource { base: std::sync::Arc::clone(&bearers.resource), scopes: Vec::new(), documentation: None }),
        authorities: clients.map(authority).into_iter().collect(),
        ..room(config)
    })
}
