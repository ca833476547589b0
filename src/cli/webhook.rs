//! `cedarpost webhook`: settings, logging and a runtime for `app`.

use super::Exit;
use super::serve::{exit, on_runtime, start_logging};
use crate::app;
use crate::config::flags::WebhookFlags;
use crate::config::{Config, Environment, Sources};
use crate::lifecycle::Stop;

/// Answers API servers.
pub(super) fn webhook(flags: &WebhookFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let settings = Config::for_webhook(&sources)?;
    let _logging = start_logging(&settings.log, &sources.environment)?;
    on_runtime(async { app::injector(settings, Stop::new(), |_| {}).await.map(exit) })
}
