//! The sidecar over standard input and output.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::Ended;
use super::admin::Admin;
use super::carriers::Carriers;
use super::console::{ConsoleFace, Parts};
use super::control;
use super::hooks;
use super::log::{self, Log};
use super::rooms::{Rooms, keep_policies, policy_settings};
use super::serve::{LAST_GRACE, keep_certificates};
use super::servers;
use super::status::{self, Running};
use crate::clock::Clock;
use crate::config::{ActorTokenSource, Config, ServerSettings};
use crate::domain::Transport;
use crate::gate::{AdoptError, Gate, TurnedAway};
use crate::identity::{Credentials, Identified, Identity, Unidentified};
use crate::lifecycle::{Reload, Signals, Stop, Tasks};
use crate::listen;
use crate::proxy::{Metrics, StdioEnd, StdioFace};
use crate::telemetry;

/// Runs between a client on standard input and output and its one server.
///
/// # Errors
///
/// When it cannot start.
pub async fn stdio(config: Config) -> anyhow::Result<Ended> {
    let (clock, mut registry) = (Clock::System, telemetry::registry());
    let metrics = listen::Metrics::new(&mut registry);
    let mut admin = Admin::bind(config.admin.as_ref(), &metrics).await?;
    let mut console = ConsoleFace::bind(config.console.as_ref(), &metrics).await?;
    let (sessions, links) = console.links();
    let log = Log::open_free(&config, &clock, &mut registry)?;
    let carriers = Carriers::start(&config, &log, &clock, &mut registry).await?;
    let mut rooms = Rooms::open(&config, log, clock, &mut registry).await?;
    if let Some(error) = rooms.refused.take() {
        // The one client that there is has started us, knows no probes, and shows to a person that we do not start. A server without
        // tools it would show as one that is well.
        log::close(rooms.log.writer).await;
        carriers.end().await;
        return Err(AdoptError::Invalid(error)).context("failed to load the policies");
    }
    let metrics = Metrics::new(&mut registry);
    let stop = Stop::new();
    let endpoint =
        servers::endpoints(&config, &rooms, &metrics, &stop, &stop)?.into_iter().next().context("no server is configured")?;
    let servers = config.servers.iter().map(Into::into).collect();
    let settings = Arc::new(policy_settings(&config.policy, config.identity.as_ref(), config.callers.ways.attributes(), servers));
    let (reload, requested) = Reload::channel();
    let keeping = tokio::spawn(keep_policies(rooms.gate.clone(), Arc::clone(&settings), rooms.watch, requested, stop.clone()));
    let mut parts = Tasks::new(stop.clone());
    control::start(&rooms.gate, &rooms.log.reader, &config.approvals.operator, links, &stop, &mut parts)?;
    hooks::start(&config, &rooms.gate, &rooms.clock, &mut registry, &stop, &mut parts)?;
    let certificates = keep_certificates([admin.certificate(), console.certificate()].into_iter().flatten(), &mut parts, &stop);
    let running = Arc::new(Running { endpoints: vec![Arc::clone(&endpoint)], certificates, bypass: None });
    let status = status::source(&rooms.gate, rooms.log.reader.clone(), carriers.board(), running);
    let (gate, reader, clock) = (&rooms.gate, &rooms.log.reader, rooms.clock.clone());
    console.start(&config, Parts { gate, reader, clock, settings, status: Arc::clone(&status), sessions }, &stop, &mut parts)?;
    let admin = admin.start(gate, carriers.board(), None, status, registry, &stop);

    let expiring = rooms.gate.clone().expire_tickets(stop.clone());
    parts.spawn("the end of tickets", async move {
        expiring.await;
        Ok::<(), Infallible>(())
    });
    let upkeep = tokio::spawn(rooms.upkeep.run(stop.clone()));
    let signals = Signals::catch().context("failed to catch signals")?;
    let talk = async {
        let who = who(&rooms.identity, &config).await.inspect_err(|error| turned_away(&rooms.gate, &config, error))?;
        let face = StdioFace::new(endpoint, &who);
        tokio::select! {
            end = face.run(stop.clone()) => end.map(Some).context("failed to start the MCP server"),
            () = denied(&rooms.identity, &who) => Err(anyhow::anyhow!("the agent, its person or their token is denied from now on")),
            () = too_late(&stop, config.limits.shutdown_grace) => Ok(None),
        }
    };
    let end = tokio::select! {
        end = talk => end,
        () = signals.run(stop.clone(), reload) => return Ok(Ended::Interrupted),
    };
    stop.request();
    upkeep.abort();
    // It ends with the stop; a file system that hangs must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(1), keeping).await;
    if let Err(error) = parts.wait(Duration::from_secs(1)).await {
        tracing::debug!(%error, "the control face was cut off");
    }
    log::close(rooms.log.writer).await;
    carriers.end().await;
    admin.end().await;
    Ok(match end? {
        Some(StdioEnd::Closed(code)) => Ended::Server(code),
        Some(StdioEnd::LineTooLong) => Ended::ClientBroke,
        None => Ended::Interrupted,
    })
}

/// Who the client is: the configured caller, with the person whose token there is.
async fn who(identity: &Identity, config: &Config) -> anyhow::Result<Identified> {
    let token = match &config.callers.actor_token {
        None => None,
        Some(ActorTokenSource::Given(token)) => Some(token.clone()),
        Some(ActorTokenSource::File(path)) => {
            let read = tokio::fs::read_to_string(path).await;
            Some(read.with_context(|| format!("failed to read the actor's token from `{}`", path.display()))?)
        }
    };
    let credentials = Credentials { actor: token.as_deref().map(str::trim), ..Credentials::default() };
    let keeps = config.servers.iter().any(ServerSettings::needs_callers_tokens);
    let server = identity.protect("/", Vec::new()).keeping_tokens(keeps);
    identity.identify(&credentials, &server).await.context("it is not known for whom the agent acts")
}

/// A client of whom it is not known for whom it acts is turned away, and that is recorded.
fn turned_away(gate: &Gate, config: &Config, error: &anyhow::Error) {
    if let (Some(why), Some(server)) = (error.downcast_ref::<Unidentified>(), config.servers.first()) {
        let (reason, transport) = (why.word(), Transport::Stdio);
        gate.turned_away(TurnedAway { listener: "stdio", server: &server.name, reason, transport, ip: None });
    }
}

/// When the client is denied who was let in. Never, while nobody can be denied any more.
async fn denied(identity: &Identity, who: &Identified) {
    let mut revocations = identity.revocations();
    while !identity.denies(who) {
        if revocations.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// When somebody who was told to stop has had time enough: a client that does not read must not keep the process.
async fn too_late(stop: &Stop, grace: Duration) {
    stop.wait().await;
    tokio::time::sleep(grace + LAST_GRACE).await;
    tracing::warn!("what was under way did not end in time; exiting");
}
