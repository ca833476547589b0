//! The same in JSON, by the rules of OTLP/JSON: lower camel case, 64-bit numbers as strings, trace ids in hexadecimal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::answer::Report;
use super::attributes::Attribute;
use super::record::{Body, LogRecord, Value};
use crate::audit::json::{Hex, present};

/// A log record, to be put into a request with others.
pub(super) fn record(record: &LogRecord<'_>) -> Vec<u8> {
    let json = json!({
        "timeUnixNano": record.time_nanos.map(|nanos| nanos.to_string()),
        "observedTimeUnixNano": record.observed_nanos.to_string(),
        "severityNumber": record.severity.number(),
        "severityText": record.severity.text(),
        "eventName": record.event_name,
        "body": match record.body {
            Body::Text(text) => json!({ "stringValue": text }),
            Body::Bytes(bytes) => json!({ "bytesValue": STANDARD.encode(bytes) }),
        },
        "attributes": attributes(&record.attributes),
        "traceId": record.trace.as_ref().map(|trace| Hex(trace).to_string()),
    });
    present(json).to_string().into_bytes()
}

/// A request with log records.
pub(super) fn request<'r>(resource: &[Attribute<'_>], scope: (&str, &str), records: impl Iterator<Item = &'r [u8]>) -> Vec<u8> {
    let (resource, scope) = (json!({ "attributes": attributes(resource) }), json!({ "name": scope.0, "version": scope.1 }));
    let mut text =
        format!(r#"{{"resourceLogs":[{{"resource":{resource},"scopeLogs":[{{"scope":{scope},"logRecords":["#).into_bytes();
    for (at, record) in records.enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(record);
    }
    text.extend_from_slice(b"]}]}]}");
    text
}

fn attributes(attributes: &[Attribute<'_>]) -> Json {
    attributes.iter().map(|(name, of)| json!({ "key": name, "value": value(of) })).collect()
}

fn value(value: &Value<'_>) -> Json {
    match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Flag(flag) => json!({ "boolValue": flag }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Texts(texts) => {
            let values: Vec<Json> = texts.iter().map(|text| json!({ "stringValue": text })).collect();
            json!({ "arrayValue": { "values": values } })
        }
    }
}

/// What an answer with success says; `None` when it is not of this form.
pub(super) fn report(answer: &[u8]) -> Option<Report> {
    let Json::Object(answer) = serde_json::from_slice(answer).ok()? else { return None };
    let Some(partial) = answer.get("partialSuccess").filter(|partial| !partial.is_null()) else { return Some(Report::default()) };
    let partial = partial.as_object()?;
    let rejected = match partial.get("rejectedLogRecords") {
        None | Some(Json::Null) => 0,
        // JSON for protobuf writes 64-bit numbers as strings, and takes both. Any number but zero counts.
        Some(Json::String(text)) => text.parse::<i64>().ok()?.unsigned_abs(),
        Some(number) => number.as_i64()?.unsigned_abs(),
    };
    let message = partial.get("errorMessage").and_then(Json::as_str).unwrap_or_default().to_owned();
    Some(Report { rejected, message })
}

/// The message of an answer without success.
pub(super) fn complaint(answer: &[u8]) -> Option<String> {
    let answer: Json = serde_json::from_slice(answer).ok()?;
    answer.get("message")?.as_str().map(str::to_owned)
}
