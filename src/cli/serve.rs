//! `cedarpost serve`, `cedarpost stdio` and the other commands that run something: settings, logging and a runtime for `app`.

use anyhow::Context;

use super::Exit;
use crate::app;
use crate::config::flags::{AuditCommand, AuditFlags, DemoFlags, PolicyCommand, ServeFlags, StdioFlags};
use crate::config::{Config, Environment, LogFormat, LogSettings, Sources};
use crate::telemetry::{self, Logging};

/// Runs the sidecar over HTTP.
pub(super) fn serve(flags: &ServeFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let config = Config::for_serve(&sources)?;
    let _logging = start_logging(&config.log, &sources.environment)?;
    on_runtime(app::serve(config))
}

/// Runs the sidecar over standard input and output.
pub(super) fn stdio(flags: &StdioFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let config = Config::for_stdio(&sources, &flags.server())?;
    let _logging = start_logging(&config.log, &sources.environment)?;
    on_runtime(app::stdio(config))
}

/// Runs the demo; it logs only what went wrong, its own words go to standard output.
pub(super) fn demo(flags: &DemoFlags, environment: &Environment) -> anyhow::Result<Exit> {
    let _logging = start_logging(&LogSettings { format: LogFormat::Pretty, level: "warn".to_owned() }, environment)?;
    on_runtime(app::demo(flags.clone()))
}

/// Checks policies.
pub(super) fn policy(command: &PolicyCommand, environment: Environment) -> anyhow::Result<Exit> {
    let PolicyCommand::Check(flags) = command;
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    app::check_policies(&Config::for_policy_check(&sources)?)
}

/// Reads the log.
pub(super) fn audit(command: &AuditCommand, environment: Environment) -> anyhow::Result<Exit> {
    let settings = |flags: &AuditFlags| {
        let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
        Config::for_audit(&sources)
    };
    match command {
        AuditCommand::Verify(flags) => app::verify_log(&settings(&flags.audit)?, flags),
        AuditCommand::Show(flags) => app::show_log(&settings(&flags.audit)?, flags),
    }
}

fn start_logging(log: &LogSettings, environment: &Environment) -> anyhow::Result<Logging> {
    let format = match log.format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Pretty => telemetry::Format::Pretty,
    };
    let settings = telemetry::Settings { format, level: log.level.clone(), color: !environment.refuses_color() };
    telemetry::init(&settings).context("failed to set up logging")
}

fn on_runtime(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("failed to start the runtime")?;
    let ended = runtime.block_on(work);
    // What still runs here was told to stop and given time; a thread stuck in a read of standard input must not keep the process alive.
    runtime.shutdown_background();
    ended
}
