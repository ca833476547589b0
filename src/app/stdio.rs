//! The sidecar over standard input and output.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::Ended;
use super::rooms::{Rooms, keep_policies, policy_settings};
use super::servers;
use crate::config::Config;
use crate::lifecycle::{Reload, Signals, Stop};
use crate::proxy::{Metrics, StdioEnd, StdioFace};
use crate::telemetry;

/// Runs between a client on standard input and output and its one server.
///
/// # Errors
///
/// When it cannot start.
pub async fn stdio(config: Config) -> anyhow::Result<Ended> {
    let mut registry = telemetry::registry();
    let rooms = Rooms::open(&config, &mut registry).await?;
    let metrics = Metrics::new(&mut registry);
    let stop = Stop::new();
    let endpoint = servers::endpoints(&config, &rooms, &metrics, &stop)?.into_iter().next().context("no server is configured")?;
    let names = config.servers.iter().map(|server| server.name.clone()).collect();
    let settings = Arc::new(policy_settings(&config.policy, Some(&config.identity), names));
    let (reload, requested) = Reload::channel();
    let keeping = tokio::spawn(keep_policies(rooms.gate.clone(), settings, rooms.watch, requested, stop.clone()));

    let face = StdioFace::new(endpoint, rooms.identity.authenticate());
    let signals = Signals::catch().context("failed to catch signals")?;
    let talk = face.run(stop.clone());
    let end = tokio::select! {
        end = talk => end.context("failed to start the MCP server")?,
        () = signals.run(stop.clone(), reload) => return Ok(Ended::Interrupted),
    };
    stop.request();
    // It ends with the stop; a file system that hangs must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(1), keeping).await;
    if let Err(error) = rooms.writer.close().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the stop could not be recorded");
    }
    Ok(match end {
        StdioEnd::Closed(code) => Ended::Server(code),
        StdioEnd::LineTooLong => Ended::ClientBroke,
    })
}
