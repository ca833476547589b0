//! Who else is known besides callers: people who rule by a token of theirs, and services by their certificates.

use std::convert::Infallible;

use crate::clock::Clock;
use crate::config::{ClientCertificates, Config};
use crate::domain::{Actor, AgentId, Caller};
use crate::identity::{
    self, Accept, AuthoritySettings, Identity, IssuerKind, IssuerSettings, OpenError, Resource, Settings, Upkeep,
};
use crate::lifecycle::{Stop, Tasks};
use crate::listen::{BindError, Listener};

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

/// The one who vouches for the certificates of a listener's clients.
fn authority(listener: &str, clients: &ClientCertificates) -> AuthoritySettings {
    AuthoritySettings {
        name: listener.into(),
        ca_file: clients.ca_file.clone(),
        trust_domain: None,
        agents: Vec::new(),
        services: Some(clients.services.clone()),
    }
}

/// How the clients of a listener are known by their certificates, and what keeps that fresh.
pub(super) fn services(
    config: &Config,
    listener: &str,
    clients: &ClientCertificates,
    clock: &Clock,
) -> Result<(Identity, Upkeep), OpenError> {
    let accept = Accept { mtls: true, ..Accept::default() };
    let settings = Settings { accept, authorities: vec![authority(listener, clients)], ..room(config) };
    Identity::open(settings, clock.clone(), identity::Metrics::default())
}

/// The listener, which asks for the certificates by which services are known, if they are.
pub(super) fn asking(listener: Listener, services: Option<&Identity>) -> Result<Listener, BindError> {
    match services.and_then(Identity::client_verifier) {
        Some(verifier) => listener.asking_for_certificates(verifier),
        None => Ok(listener),
    }
}

/// Starts what keeps keys, certificates and the deny list fresh.
pub(super) fn keep(what: &'static str, upkeep: Upkeep, stop: &Stop, tasks: &mut Tasks) {
    let running = upkeep.run(stop.clone());
    tasks.spawn(what, async move {
        running.await;
        Ok::<(), Infallible>(())
    });
}

/// A room in which tokens count that were given out for ruling, and no others; `None` when there are none. They may be bound to
/// certificates of `clients`.
pub(super) fn people(config: &Config, clients: Option<&ClientCertificates>) -> Option<Settings> {
    let bearers = config.approvals.bearers.as_ref()?;
    let issuers = config.callers.ways.issuers.iter().filter(|issuer| issuer.kind == IssuerKind::OAuth);
    // The other audiences of an issuer are for agents.
    let issuers = issuers.map(|issuer| IssuerSettings { audiences: Vec::new(), for_actors: false, ..issuer.clone() });
    Some(Settings {
        accept: Accept { oauth: true, ..Accept::default() },
        issuers: issuers.collect(),
        resource: Some(Resource { base: std::sync::Arc::clone(&bearers.resource), scopes: Vec::new(), documentation: None }),
        authorities: clients.map(|clients| authority("grpc", clients)).into_iter().collect(),
        ..room(config)
    })
}
