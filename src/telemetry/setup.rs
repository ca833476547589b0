//! Sets up logging and the registry of metrics.

use std::io::{self, IsTerminal};

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use super::json::{JsonFields, JsonLine};
use super::stderr::{self, Logging};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Pretty when standard error is a terminal, JSON otherwise.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// What telemetry is told at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How log lines look.
    pub format: Format,
    /// A level, or directives such as `info,cedarpost::policy=debug`.
    pub level: String,
    /// Pretty lines may be coloured (still only on a terminal).
    pub color: bool,
}

/// Why logging was not set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The level cannot be read.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// The thread that writes was not started.
    #[error("failed to start the thread that writes the log")]
    Thread(#[source] io::Error),
    /// Somebody set up logging before.
    #[error("logging is already set up")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A level that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{level}` is not a log level: write error, warn, info, debug or trace, or directives such as info,cedarpost::policy=debug"
)]
pub struct LevelError {
    level: String,
}

/// Whether `level` can be given as [`Settings::level`].
///
/// # Errors
/// When it is neither a level nor a list of directives.
pub fn check_level(level: &str) -> Result<(), LevelError> {
    filter(level).map(drop)
}

/// Sets up logging for this process; lines are written until the returned value is dropped, which waits for those that are on their
/// way. A panic is logged like everything else.
///
/// # Errors
/// When the level cannot be read, the writing thread cannot be started, or logging was set up before.
pub fn init(settings: &Settings) -> Result<Logging, InitError> {
    let terminal = io::stderr().is_terminal();
    let json = match settings.format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Pretty => false,
    };
    let filter = filter(&settings.level)?;
    let (queue, logging) = stderr::start(io::stderr()).map_err(InitError::Thread)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || queue.clone());
    let set = if json {
        lines.fmt_fields(JsonFields).event_format(JsonLine).try_init()
    } else {
        lines.with_ansi(terminal && settings.color).try_init()
    };
    set.map_err(InitError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(logging)
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("no message");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(exception.message = message, code.location = location, "panic");
}

/// The registry all metrics hang from: everything in it begins with `cedarpost_`.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::with_prefix("cedarpost");
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The build that runs", build);
    registry
}

pub(super) fn filter(level: &str) -> Result<EnvFilter, LevelError> {
    let wrong = || LevelError { level: level.to_owned() };
    // A bare word that is no level would be taken for a module's name and silence everything else.
    let known =
        |directive: &str| directive.contains('=') || directive.trim().parse::<tracing::level_filters::LevelFilter>().is_ok();
    if level.trim().is_empty() || !level.split(',').all(known) {
        return Err(wrong());
    }
    EnvFilter::builder().parse(level).map_err(|_| wrong())
}
