//! Logs and the root of all metrics.
//!
//! Logs go to standard error, always: standard output belongs to MCP in `stdio` mode. JSON lines use the field names of the
//! OpenTelemetry log data model (`timestamp`, `severity_text`, `severity_number`, `body`, `attributes`), so that a collector needs no
//! mapping. What a line says is the business of the part that says it; metrics belong to each part, this only makes the registry.

use std::fmt;
use std::io::{self, IsTerminal};

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

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

/// Sets up logging for this process.
///
/// # Errors
/// When the level cannot be read, or logging was set up before.
pub fn init(settings: &Settings) -> Result<(), InitError> {
    let terminal = io::stderr().is_terminal();
    let json = match settings.format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Pretty => false,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter(&settings.level)?).with_writer(io::stderr);
    let set = if json {
        lines.fmt_fields(JsonFields).event_format(JsonLine).try_init()
    } else {
        lines.with_ansi(terminal && settings.color).try_init()
    };
    set.map_err(InitError::Twice)
}

/// The registry all metrics hang from: everything in it begins with `cedarpost_`.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::with_prefix("cedarpost");
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The build that runs", build);
    registry
}

fn filter(level: &str) -> Result<EnvFilter, LevelError> {
    let wrong = || LevelError { level: level.to_owned() };
    // A bare word that is no level would be taken for a module's name and silence everything else.
    let known =
        |directive: &str| directive.contains('=') || directive.trim().parse::<tracing::level_filters::LevelFilter>().is_ok();
    if level.trim().is_empty() || !level.split(',').all(known) {
        return Err(wrong());
    }
    EnvFilter::builder().parse(level).map_err(|_| wrong())
}

/// Formats an event as one JSON object in OpenTelemetry's words.
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(text) = span.extensions().get::<FormattedFields<N>>() {
                fields.add_json(&text.fields);
            }
        }
        event.record(&mut fields);
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let (text, number) = severity(*event.metadata().level());
        let line = json!({
            "timestamp": timestamp,
            "severity_text": text,
            "severity_number": number,
            "body": fields.message,
            "scope": event.metadata().target(),
            "attributes": fields.attributes,
        });
        writeln!(writer, "{line}")
    }
}

/// Formats the fields of a span as a JSON object that [`JsonLine`] reads again.
struct JsonFields;

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut seen = Fields::default();
        fields.record(&mut seen);
        write!(writer, "{}", Value::Object(seen.attributes))
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &tracing::span::Record<'_>) -> fmt::Result {
        let mut seen = Fields::default();
        seen.add_json(&current.fields);
        fields.record(&mut seen);
        current.fields = Value::Object(seen.attributes).to_string();
        Ok(())
    }
}

/// The fields of an event or span as JSON values.
#[derive(Default)]
struct Fields {
    message: String,
    attributes: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.attributes.insert(field.name().to_owned(), value);
    }

    fn add_json(&mut self, text: &str) {
        if let Ok(Value::Object(fields)) = serde_json::from_str(text) {
            self.attributes.extend(fields);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.add(field, format!("{value:?}").into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.add(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

/// Severity text and number as in OpenTelemetry's log data model.
const fn severity(level: Level) -> (&'static str, u8) {
    match level {
        Level::TRACE => ("TRACE", 1),
        Level::DEBUG => ("DEBUG", 5),
        Level::INFO => ("INFO", 9),
        Level::WARN => ("WARN", 13),
        Level::ERROR => ("ERROR", 17),
    }
}

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
