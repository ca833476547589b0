//! The gRPC face, when the configuration asks for one: who its clients are, whose tokens count, and what its services look into.

mod gateways;
mod look;

use std::sync::Arc;

use anyhow::Context;

use self::gateways::gateways;
use self::look::{LogBook, PolicyLab};
use super::people::{asking, keep, people, services};
use super::status::has_policies;
use super::tail;
use crate::audit::{AuditReader, Health};
use crate::clock::Clock;
use crate::config::Config;
use crate::gate::Gate;
use crate::grpc::{Grpc, Limits, Sources};
use crate::identity::{self, Bearers, Identity, Upkeep};
use crate::lifecycle::{Stop, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{Listener, Metrics};
use crate::policy;
use crate::proxy::Endpoint;

/// The protocol that gRPC is spoken in.
const PROTOCOLS: [&str; 1] = ["h2"];

/// Its listener, open before anything else starts: a port in use ends the start while nothing has happened yet.
pub(super) struct GrpcFace(Option<Open>);

struct Open {
    listener: Listener,
    /// How the certificates of clients are known.
    services: Option<Identity>,
    people: Option<Bearers>,
    /// What keeps keys, certificates and the deny list fresh.
    upkeep: Vec<Upkeep>,
}

/// What the face needs of a running sidecar.
pub(super) struct Parts<'a> {
    pub(super) gate: &'a Gate,
    pub(super) reader: &'a AuditReader,
    pub(super) policies: Arc<policy::Settings>,
    /// How the callers of MCP servers are known, for gateways that ask about them.
    pub(super) identity: &'a Identity,
    pub(super) endpoints: &'a [Arc<Endpoint>],
    pub(super) clock: &'a Clock,
}

impl GrpcFace {
    /// Opens the listener, if one is configured.
    pub(super) async fn bind(config: &Config, clock: &Clock, metrics: &Metrics) -> anyhow::Result<Self> {
        let Some(settings) = &config.grpc else { return Ok(Self(None)) };
        let services = settings.clients.as_ref().map(|clients| services(config, "grpc", clients, clock)).transpose();
        let (services, kept) = services.context("failed to prepare how the clients of the gRPC listener are known")?.unzip();
        let people = people(config, settings.clients.as_ref())
            .map(|settings| Identity::open(settings, clock.clone(), identity::Metrics::default()))
            .transpose();
        let people = people.context("failed to prepare how people who rule over gRPC are known")?;
        let (people, kept_people) = people.unzip();
        let people = people.zip(config.approvals.bearers.as_ref());
        let people = people.map(|(identity, bearers)| Bearers::new(identity, bearers.programs.clone()));
        let listener = Listener::bind("grpc", &settings.listener, settings.max_connections, metrics).await;
        let listener = listener.and_then(|listener| listener.speaking(&PROTOCOLS));
        let listener = listener.and_then(|listener| asking(listener, services.as_ref()));
        let listener = listener.context("failed to open the gRPC listener")?;
        let upkeep = kept.into_iter().chain(kept_people).collect();
        Ok(Self(Some(Open { listener, services, people, upkeep })))
    }

    /// What keeps its certificate, and the certificate.
    pub(super) fn certificate(&mut self) -> Option<(Keeper, Served)> {
        self.0.as_mut().and_then(|open| open.listener.take_keeper().zip(open.listener.certificate()))
    }

    /// Starts it.
    pub(super) fn start(self, config: &Config, parts: Parts<'_>, stop: &Stop, tasks: &mut Tasks) {
        let Some(Open { listener, services, people, upkeep }) = self.0 else { return };
        for upkeep in upkeep {
            keep("the upkeep of who asks over gRPC", upkeep, stop, tasks);
        }
        let Parts { gate, reader, policies, identity, endpoints, clock } = parts;
        let health = gate.clone();
        let sources = Sources {
            gate: gate.clone(),
            records: tail::records(reader.clone()),
            book: Arc::new(LogBook(reader.clone())),
            lab: Arc::new(PolicyLab { gate: gate.clone(), settings: policies }),
            people,
            services,
            gateways: gateways(config, identity, endpoints, clock),
            ready: Arc::new(move || matches!(health.audit_health(), Health::Writable) && has_policies(&health)),
        };
        let limits = Limits {
            max_message: config.limits.max_message_bytes,
            max_depth: config.limits.max_depth,
            grace: config.limits.shutdown_grace,
        };
        tracing::info!(event = "listening", face = "grpc", address = %listener.local_addr(), "the gRPC face is ready");
        tasks.spawn("the gRPC face", Grpc::new(sources, limits).run(listener, stop.clone()));
    }
}
