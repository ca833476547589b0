//! The sidecar over HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;

use super::Ended;
use super::rooms::{Rooms, keep_policies, policy_settings};
use super::{servers, status};
use crate::config::{AdminSettings, Config, ListenSettings};
use crate::lifecycle::{Reload, Signals, Stop, TaskError, Tasks};
use crate::listen::{self, Listener};
use crate::proxy::{Endpoint, Guard, HttpFace, Metrics};
use crate::rest::{Admin, Sources, router};
use crate::telemetry;

/// Most connections to the admin listener at a time.
const ADMIN_CONNECTIONS: usize = 64;
/// Time for what ends after the faces: the servers' processes, the log.
const LAST_GRACE: Duration = Duration::from_secs(10);

/// Runs the sidecar over HTTP until it is told to stop. `ready` is called once with the address that it listens on.
///
/// # Errors
///
/// When it cannot start, or a part of it fails.
pub async fn serve(config: Config, stop: Stop, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<Ended> {
    let listener = Listener::bind(&listen_settings(&config.listen)).await.context("failed to open the MCP listener")?;
    let address = listener.local_addr();
    let mut registry = telemetry::registry();
    let rooms = Rooms::open(&config, &mut registry).await?;
    let (writer, grace) = (rooms.writer.clone(), config.limits.shutdown_grace);
    let last = Stop::new();
    let (reload, requested) = Reload::channel();

    let mut parts = Tasks::new(stop.clone());
    let mut admin = Tasks::new(last.clone());
    let (gate, reader) = (rooms.gate.clone(), rooms.reader.clone());
    let endpoints = start(&config, rooms, &mut registry, listener, requested, &stop, &mut parts)?;
    if let Some(settings) = &config.admin {
        let sources = status::sources(&gate, reader, endpoints, registry, settings, stop.clone());
        start_admin(settings, sources, &last, &mut admin).await?;
    }
    tracing::info!(event = "listening", face = "mcp", %address, "the sidecar is ready for clients");
    ready(address);

    let signals = Signals::catch().context("failed to catch signals")?;
    let drained = tokio::select! {
        drained = drain(parts, grace) => drained,
        () = signals.run(stop.clone(), reload) => return Ok(Ended::Interrupted),
    };
    if let Err(error) = writer.close().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the stop could not be recorded");
    }
    last.request();
    admin.wait(Duration::from_secs(1)).await.context("failed to end the admin face")?;
    drained.context("the sidecar did not end in order")?;
    Ok(Ended::Drained)
}

async fn drain(parts: Tasks, grace: Duration) -> Result<(), TaskError> {
    parts.wait(grace + LAST_GRACE).await
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
    let endpoints = servers::endpoints(config, &rooms, &metrics, &processes)?;
    let names = config.servers.iter().map(|server| server.name.clone()).collect();
    let settings = Arc::new(policy_settings(&config.policy, Some(&config.identity), names));
    let guard = Guard::new(listener.local_addr(), &config.listen.allowed_hosts, &config.listen.allowed_origins);
    let (header_timeout, grace) = (config.limits.header_timeout, config.limits.shutdown_grace);
    let face = Arc::new(HttpFace::new(guard, rooms.identity, endpoints.clone(), header_timeout, grace));

    let drained = Stop::new();
    let (until, done) = (stop.clone(), drained.clone());
    parts.spawn("the MCP face", async move {
        face.run(listener, until).await;
        done.request();
        Ok::<(), Infallible>(())
    });
    for endpoint in &endpoints {
        let running = Arc::clone(endpoint).run(drained.clone());
        parts.spawn("a server", async move {
            running.await;
            Ok::<(), Infallible>(())
        });
    }
    let keeping = keep_policies(rooms.gate.clone(), settings, rooms.watch, requested, stop.clone());
    parts.spawn("the policy watch", async move {
        keeping.await;
        Ok::<(), Infallible>(())
    });
    Ok(endpoints)
}

async fn start_admin(settings: &AdminSettings, sources: Sources, last: &Stop, admin: &mut Tasks) -> anyhow::Result<()> {
    let listen = listen::Settings {
        address: settings.address,
        plaintext_non_loopback: settings.plaintext_non_loopback,
        max_connections: ADMIN_CONNECTIONS,
    };
    let listener = Listener::bind(&listen).await.context("failed to open the admin listener")?;
    tracing::info!(event = "listening", face = "admin", address = %listener.local_addr(), "the admin face is ready");
    admin.spawn("the admin face", Admin::new(listener, router(sources)).run(last.clone()));
    Ok(())
}

fn listen_settings(settings: &ListenSettings) -> listen::Settings {
    listen::Settings {
        address: settings.address,
        plaintext_non_loopback: settings.plaintext_non_loopback,
        max_connections: settings.max_connections,
    }
}
