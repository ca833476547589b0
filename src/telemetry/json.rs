//! Log lines as JSON objects with the field names of OpenTelemetry's log data model, so that a collector needs no mapping.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats an event as one JSON object in OpenTelemetry's words.
pub(super) struct JsonLine;

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
pub(super) struct JsonFields;

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

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        // With its causes, which are what an operator can do something about.
        let (mut chain, mut cause) = (value.to_string(), value.source());
        while let Some(error) = cause {
            chain = format!("{chain}: {error}");
            cause = error.source();
        }
        self.add(field, chain.into());
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
