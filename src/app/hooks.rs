//! Webhooks, when the configuration has some.

use anyhow::Context;
use prometheus_client::registry::Registry;

use crate::clock::Clock;
use crate::config::Config;
use crate::gate::Gate;
use crate::hooks::{Hooks, Settings};
use crate::lifecycle::{Stop, Tasks};
use crate::outbound::Outbound;

/// Starts to tell them what happens to tickets.
pub(super) fn start(
    config: &Config,
    gate: &Gate,
    clock: &Clock,
    registry: &mut Registry,
    stop: &Stop,
    parts: &mut Tasks,
) -> anyhow::Result<()> {
    if config.webhooks.is_empty() {
        return Ok(());
    }
    let outbound = Outbound::new(config.outbound.clone()).context("failed to prepare requests to other machines")?;
    let settings = Settings { hooks: config.webhooks.clone(), console: config.console_url() };
    let hooks = Hooks::open(&settings, &outbound, clock, registry).context("the webhooks cannot be used")?;
    parts.spawn("the webhooks", hooks.run(gate.clone(), stop.clone()));
    Ok(())
}
