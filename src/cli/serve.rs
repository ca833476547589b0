//! `cedarpost serve` and `cedarpost stdio`: settings, logging and a runtime for `app`.

use anyhow::Context;

use super::Exit;
use crate::app::{self, Ended};
use crate::config::flags::{ServeFlags, StdioFlags};
use crate::config::{Config, Environment, LogFormat, LogSettings, Sources};
use crate::lifecycle::Stop;
use crate::telemetry::{self, Logging};

/// Runs the sidecar over HTTP.
pub(super) fn serve(flags: &ServeFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let config = match flags.server() {
        Some(server) => Config::for_serve_of(&sources, &server)?,
        None => Config::for_serve(&sources)?,
    };
    let _logging = start_logging(&config.log, &sources.environment)?;
    on_runtime(async { app::serve(config, Stop::new(), |_| {}).await.map(exit) })
}

/// Runs the sidecar over standard input and output.
pub(super) fn stdio(flags: &StdioFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let config = Config::for_stdio(&sources, &flags.server())?;
    let _logging = start_logging(&config.log, &sources.environment)?;
    on_runtime(async { Box::pin(app::stdio(config)).await.map(exit) })
}

pub(super) fn start_logging(log: &LogSettings, environment: &Environment) -> anyhow::Result<Logging> {
    let format = match log.format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Pretty => telemetry::Format::Pretty,
    };
    let settings = telemetry::Settings { format, level: log.level.clone(), color: !environment.refuses_color() };
    telemetry::init(&settings).context("failed to set up logging")
}

pub(super) fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("failed to start the runtime")?;
    let ended = runtime.block_on(work);
    // What still runs here was told to stop and given time; a thread stuck in a read of standard input must not keep the process alive.
    runtime.shutdown_background();
    ended
}

pub(super) const fn exit(ended: Ended) -> Exit {
    match ended {
        Ended::Drained => Exit::Done,
        Ended::Interrupted => Exit::Interrupted,
        Ended::Server(code) => Exit::Server(code),
        Ended::ClientBroke => Exit::Failed,
    }
}
