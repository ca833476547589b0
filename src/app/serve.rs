//! The sidecar over HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;

use super::Ended;
use super::admin::Admin;
use super::authzen::AuthzenFace;
use super::bypass;
use super::carriers::Carriers;
use super::console::{ConsoleFace, Parts};
use super::control;
use super::grpc::{self, GrpcFace};
use super::hooks;
use super::log::{self, Log};
use super::rooms::{Rooms, keep_policies, policy_settings, tell_refused};
use super::servers;
use super::status::{self, Running};
use super::witness::WitnessFace;
use crate::clock::Clock;
use crate::config::{Config, ServerSettings};
use crate::lifecycle::{Reload, Signals, Stop, TaskError, Tasks};
use crate::listen::tls::{Keeper, Served};
use crate::listen::{self, Address, Listener};
use crate::policy;
use crate::proxy::{Endpoint, Guard, HttpFace, Metrics};
use crate::telemetry;

/// Time for what ends after the faces: the servers' processes, the log.
pub(super) const LAST_GRACE: Duration = Duration::from_secs(10);

/// Runs the sidecar over HTTP until it is told to stop. `ready` is called once with the address that it listens on.
///
/// # Errors
///
/// When it cannot start, or a part of it fails.
pub async fn serve(config: Config, stop: Stop, ready: impl FnOnce(&Address)) -> anyhow::Result<Ended> {
    let (clock, mut registry) = (Clock::System, telemetry::registry());
    let metrics = listen::Metrics::new(&mut registry);
    let listener = Listener::bind("mcp", &config.listen.listener, config.listen.max_connections, &metrics).await;
    let mut listener = listener.context("failed to open the MCP listener")?;
    let mut admin = Admin::bind(config.admin.as_ref(), &metrics).await?;
    let mut console = ConsoleFace::bind(config.console.as_ref(), &metrics).await?;
    let (sessions, links) = console.links();
    let mut witness = WitnessFace::open(config.witness.as_ref(), &clock, &metrics).await?;
    let mut grpc = GrpcFace::bind(&config, &clock, &metrics).await?;
    let mut authzen = AuthzenFace::open(&config, &clock, &metrics).await?;
    let address = listener.local_addr().clone();
    let log = Log::open(&config, &clock, &mut registry)?;
    let carriers = Carriers::start(&config, &log, &clock, &mut registry).await?;
    let rooms = Rooms::open(&config, log, clock, &mut registry).await?;
    if let Some(error) = &rooms.refused {
        // Whoever restarts us would only restart us again, and what stands beside us with it. So we run, and say no.
        tell_refused(error, false);
    }
    let (gate, writer, reader) = (rooms.gate.clone(), rooms.log.writer.clone(), rooms.log.reader.clone());
    let (reload, requested) = Reload::channel();
    let signals = Signals::catch().context("failed to catch signals")?;

    let mut parts = Tasks::new(stop.clone());
    control::start(&gate, &reader, &config.approvals.operator, links, &stop, &mut parts)?;
    hooks::start(&config, &gate, &rooms.clock, &mut registry, &stop, &mut parts)?;
    let certificates = [
        listener.take_keeper().zip(listener.certificate()),
        admin.certificate(),
        witness.certificate(),
        grpc.certificate(),
        authzen.certificate(),
        console.certificate(),
    ];
    let certificates = keep_certificates(certificates.into_iter().flatten(), &mut parts, &stop);
    if let Some(verifier) = rooms.identity.client_verifier() {
        listener = listener.asking_for_certificates(verifier).context("failed to open the MCP listener")?;
    }
    witness.start(&mut parts, &stop);
    authzen.start(&config, &gate, &stop, &mut parts);
    let settings = policies(&config);
    let (clock, identity) = (rooms.clock.clone(), rooms.identity.clone());
    let endpoints = start(&config, rooms, &mut registry, listener, requested, &stop, &mut parts)?;
    let policies = Arc::clone(&settings);
    let (identity, served) = (&identity, &endpoints);
    let grpc_parts = grpc::Parts { gate: &gate, reader: &reader, policies, identity, endpoints: served, clock: &clock };
    grpc.start(&config, grpc_parts, &stop, &mut parts);
    let bypass = bypass::start(&config, &address, &mut registry, &stop, &mut parts).await;
    let running = Arc::new(Running { endpoints, certificates, bypass: bypass.clone() });
    let status = status::source(&gate, reader.clone(), carriers.board(), running);
    let console_parts = Parts { gate: &gate, reader: &reader, clock, settings, status: Arc::clone(&status), sessions };
    console.start(&config, console_parts, &stop, &mut parts)?;
    let admin = admin.start(&gate, carriers.board(), bypass, status, registry, &stop);
    tracing::info!(event = "listening", face = "mcp", %address, "the sidecar is ready for clients");
    ready(&address);

    let drained = tokio::select! {
        drained = drain(parts, config.limits.shutdown_grace) => drained,
        () = signals.run(stop.clone(), reload) => return Ok(Ended::Interrupted),
    };
    log::close(writer).await;
    carriers.end().await;
    admin.end().await;
    drained.context("the sidecar did not end in order")?;
    Ok(Ended::Drained)
}

async fn drain(parts: Tasks, grace: Duration) -> Result<(), TaskError> {
    parts.wait(grace + LAST_GRACE).await
}

/// What the policy room is told.
fn policies(config: &Config) -> Arc<policy::Settings> {
    let servers = config.servers.iter().map(Into::into).collect();
    let attributes = config.callers.ways.attributes();
    Arc::new(policy_settings(&config.policy, config.identity.as_ref(), attributes, servers))
}

/// Starts everything that runs until the stop.
fn start(
    config: &Config,
    rooms: Rooms,
    registry: &mut Registry,
    listener: Listener,
    requested: Reload,
    stop: &Stop,
    parts: &mut Tasks,
) -> anyhow::Result<Vec<Arc<Endpoint>>> {
    let metrics = Metrics::new(registry);
    // Processes of servers outlive the face that drains: they end when their endpoint has ended.
    let processes = Stop::new();
    let endpoints = servers::endpoints(config, &rooms, &metrics, &processes, stop)?;
    let settings = policies(config);
    let guard = Guard::new(listener.local_addr().tcp(), &hosts(config), &config.listen.allowed_origins);
    let (header_timeout, grace) = (config.limits.header_timeout, config.limits.shutdown_grace);
    let protect = |(endpoint, server): (&Arc<Endpoint>, &ServerSettings)| {
        let protected = rooms.identity.protect(&server.path, server.scopes.clone());
        (Arc::clone(endpoint), protected.keeping_tokens(server.needs_callers_tokens()))
    };
    let doors = endpoints.iter().zip(&config.servers).map(protect).collect();
    let face = Arc::new(HttpFace::new(guard, rooms.identity.clone(), doors, header_timeout, grace));

    let drained = Stop::new();
    let (until, done) = (stop.clone(), drained.clone());
    parts.spawn("the MCP face", async move {
        face.run(listener, until).await;
        done.request();
        Ok::<(), Infallible>(())
    });
    let upkeep = rooms.upkeep.run(stop.clone());
    parts.spawn("the upkeep of identities", async move {
        upkeep.await;
        Ok::<(), Infallible>(())
    });
    for endpoint in &endpoints {
        let running = Arc::clone(endpoint).run(drained.clone());
        parts.spawn("a server", async move {
            running.await;
            Ok::<(), Infallible>(())
        });
    }
    let expiring = rooms.gate.clone().expire_tickets(stop.clone());
    parts.spawn("the end of tickets", async move {
        expiring.await;
        Ok::<(), Infallible>(())
    });
    let recording = rooms.gate.clone().record_the_turned_away(drained);
    parts.spawn("the record of those who are turned away", async move {
        recording.await;
        Ok::<(), Infallible>(())
    });
    let keeping = keep_policies(rooms.gate.clone(), settings, rooms.watch, requested, stop.clone());
    parts.spawn("the policy watch", async move {
        keeping.await;
        Ok::<(), Infallible>(())
    });
    Ok(endpoints)
}

/// Keeps the certificates of all listeners as their files say.
pub(super) fn keep_certificates(all: impl Iterator<Item = (Keeper, Served)>, parts: &mut Tasks, stop: &Stop) -> Vec<Served> {
    let keep = |(keeper, served): (Keeper, Served)| {
        let running = keeper.run(stop.clone());
        parts.spawn("the certificate of a listener", async move {
            running.await;
            Ok::<(), Infallible>(())
        });
        served
    };
    all.map(keep).collect()
}

/// The hosts that are served: those of the configuration, and the one by which clients know us.
fn hosts(config: &Config) -> Vec<String> {
    let resource = config.callers.ways.resource.as_ref().and_then(|resource| resource.base.parse::<http::Uri>().ok());
    let ours = resource.and_then(|url| url.authority().map(ToString::to_string));
    config.listen.allowed_hosts.iter().cloned().chain(ours).collect()
}
