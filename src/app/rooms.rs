//! The rooms and the gate before them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;

use super::log::{self, Log};
use crate::approval::{self, Desk};
use crate::audit::Detail;
use crate::clock::Clock;
use crate::config::{ApprovalsSettings, Config, IdentitySettings, MetaToolSettings, PolicyServer, PolicySettings};
use crate::domain::AttributeKind;
use crate::gate::{self, AdoptError, ApprovalSettings, Books, Gate};
use crate::identity::{self, Identity, Upkeep};
use crate::lifecycle::{Reload, Stop};
use crate::policy::{self, BundleSettings, DeclaredPrincipal, LoadError, MetaTool, PolicyFiles, PrincipalKind, Watch};
use crate::storage::LocalDisk;

/// The file beside the log that says which version of signed policies was the highest in force.
const HIGHEST: &str = "policies.highest";

/// What is open once a sidecar runs.
pub(super) struct Rooms {
    pub(super) gate: Gate,
    pub(super) identity: Identity,
    /// What keeps keys and the deny list fresh; it has to run.
    pub(super) upkeep: Upkeep,
    pub(super) log: Log,
    pub(super) watch: Watch,
    pub(super) clock: Clock,
    /// Why no policies are in force, if none are.
    pub(super) refused: Option<LoadError>,
}

impl Rooms {
    /// Loads the policies and puts the gate before them and the log. A log that cannot be used after all is closed in order.
    pub(super) async fn open(config: &Config, log: Log, clock: Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let writer = log.writer.clone();
        let opened = Self::open_gate(config, log, clock, registry).await;
        if opened.is_err() {
            log::close(writer).await;
        }
        opened
    }

    async fn open_gate(config: &Config, log: Log, clock: Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let servers = config.servers.iter().map(Into::into).collect();
        let mut settings = policy_settings(&config.policy, config.identity.as_ref(), config.callers.ways.attributes(), servers);
        // All places of `stdio` share it: what one of them had in force, no other goes below.
        settings.bundle = settings.bundle.map(|bundle| bundle.remembering(config.audit.directory.join(HIGHEST)));
        let read = policy::read(&settings);
        let watch = Watch::new(&settings, read.as_ref());
        let metrics = (gate::Metrics::new(registry), policy::Metrics::new(registry));
        let (gate, refused) = Gate::open(settings, read, books(config, &log)?, clock.clone(), metrics.0, metrics.1)
            .await
            .context("failed to load the policies")?;
        gate.register_rulers(registry);
        for warning in gate.snapshot().warnings() {
            tracing::warn!("{warning}");
        }
        let metrics = identity::Metrics::new(registry);
        let (identity, upkeep) = Identity::open(config.callers.ways.clone(), clock.clone(), metrics)
            .context("failed to prepare how callers are identified")?;
        Ok(Self { gate, identity, upkeep, log, watch, clock, refused })
    }
}

/// What the gate writes in. The tickets lie beside the log, which no other process writes.
fn books(config: &Config, log: &Log) -> anyhow::Result<Books> {
    let ApprovalsSettings { lifetime, grant_lifetime, max_waiting, max_waiting_per_caller, .. } = config.approvals;
    let limits = approval::Limits { waiting: max_waiting, waiting_per_caller: max_waiting_per_caller };
    let directory = log.reader.directory().join("approvals");
    let tickets = Desk::open(&directory, limits, Arc::new(LocalDisk))
        .with_context(|| format!("failed to open the tickets of approvals in `{}`", directory.display()))?;
    let approvals = ApprovalSettings { lifetime, grant_lifetime };
    Ok(Books { audit: log.writer.clone(), detail: Detail::new(&config.audit.detail), tickets, approvals })
}

/// How long after a change that could not be recorded it is tried again: nobody changes files a second time for our sake.
const AGAIN: Duration = Duration::from_secs(2);

/// Puts every change of the policy files in force, or says why not, until told to stop.
pub(super) async fn keep_policies(gate: Gate, settings: Arc<policy::Settings>, mut watch: Watch, mut reload: Reload, stop: Stop) {
    let mut unrecorded = false;
    loop {
        let read = tokio::select! {
            () = stop.wait() => return,
            read = watch.changed() => read,
            () = reload.requested() => read(&settings).await,
            () = tokio::time::sleep(AGAIN), if unrecorded => read(&settings).await,
        };
        unrecorded = false;
        match gate.adopt(read).await {
            Ok(fingerprint) => tracing::info!(%fingerprint, "new policies are in force"),
            Err(AdoptError::Invalid(error)) => tell_refused(&error, gate.snapshot().in_force().is_some()),
            Err(error) => {
                unrecorded = matches!(error, AdoptError::NotRecorded(_));
                tracing::error!(error = &error as &dyn std::error::Error, "new policies did not take effect");
            }
        }
    }
}

async fn read(settings: &Arc<policy::Settings>) -> Result<PolicyFiles, LoadError> {
    let settings = Arc::clone(settings);
    tokio::task::spawn_blocking(move || policy::read(&settings)).await.unwrap_or(Err(LoadError::BrokeOff))
}

/// Tells operators and authors why policies do not take effect, and what that means.
pub(super) fn tell_refused(error: &LoadError, others_are_in_force: bool) {
    for problem in error.problems() {
        tracing::error!("{problem}");
    }
    match others_are_in_force {
        true => tracing::error!("the policies are not valid; those before stay in force"),
        false => tracing::error!("the policies are not valid; none are in force, and every call is denied until they are"),
    }
}

/// What the policy room is told, from what the configuration says. Whoever the configuration names is known to the policies.
#[must_use]
pub fn policy_settings(
    settings: &PolicySettings,
    identity: Option<&IdentitySettings>,
    token_claims: Vec<(Arc<str>, AttributeKind)>,
    servers: Vec<PolicyServer>,
) -> policy::Settings {
    let principals = identity.map(principals).unwrap_or_default();
    let signed = settings.policies.first().filter(|_| !settings.trusted_keys.is_empty());
    let bundle =
        signed.map(|directory| BundleSettings::new(directory.clone(), settings.trusted_keys.clone(), settings.minimum_version));
    policy::Settings {
        policies: settings.policies.clone(),
        schema: settings.schema.clone(),
        entities: settings.entities.clone(),
        lock: settings.lock.clone(),
        bundle,
        timezone: settings.timezone.clone(),
        poll_interval: settings.poll_interval,
        residuals: settings.residuals,
        principals,
        token_claims,
        meta_tools: servers.iter().flat_map(meta_tools).collect(),
        servers: servers.into_iter().map(|server| server.name).collect(),
    }
}

fn meta_tools(server: &PolicyServer) -> impl Iterator<Item = MetaTool> {
    let meta_tool = |MetaToolSettings { tool, name, arguments }: MetaToolSettings| MetaTool {
        server: server.name.clone(),
        tool,
        name,
        arguments,
    };
    server.meta_tools.iter().cloned().map(meta_tool)
}

fn principals(identity: &IdentitySettings) -> Vec<DeclaredPrincipal> {
    let agent = DeclaredPrincipal { kind: PrincipalKind::Agent, id: identity.agent.clone(), roles: identity.agent_roles.clone() };
    let actor =
        identity.actor.clone().map(|id| DeclaredPrincipal { kind: PrincipalKind::User, id, roles: identity.actor_roles.clone() });
    [agent].into_iter().chain(actor).collect()
}
