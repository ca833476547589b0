//! The headers a client has to send with a message of the modern era (revision 2026-07-28, `basic/transports/streamable-http`): for
//! when the sidecar is the HTTP client of somebody who speaks another transport. [`super::headers`] checks what is made here.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::jsonrpc::Message;

/// The headers that repeat parts of the body: version, method and, where there is one, name.
#[must_use]
pub fn mirrored_headers(message: &Message) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if let Some(version) = message.protocol_version() {
        headers.push(("mcp-protocol-version", version.to_string()));
    }
    if let Some(method) = message.method() {
        headers.push(("mcp-method", encode(method.name())));
    }
    if let Some(name) = message.name().or(message.uri()).or(message.task_id()) {
        headers.push(("mcp-name", encode(name)));
    }
    headers
}

/// The headers that repeat arguments because the schema of the tool asks for them (`x-mcp-header`), with their full names.
#[must_use]
pub fn argument_headers(message: &Message, input_schema: &[u8]) -> Vec<(String, String)> {
    let (Ok(schema), Some(arguments)) = (serde_json::from_slice::<Value>(input_schema), message.arguments()) else {
        return Vec::new();
    };
    let Ok(arguments) = serde_json::from_slice::<Value>(arguments) else { return Vec::new() };
    let mut headers = Vec::new();
    collect(&schema, &arguments, &mut headers);
    headers
}

fn collect(schema: &Value, instance: &Value, headers: &mut Vec<(String, String)>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        let Some(value) = instance.get(key) else { continue };
        if let Some(name) = property.get("x-mcp-header").and_then(Value::as_str)
            && let Some(text) = plain(value)
        {
            headers.push((format!("mcp-param-{}", name.to_ascii_lowercase()), encode(&text)));
        }
        collect(property, value, headers);
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Text that a header can hold stays as it is; other text is wrapped as `=?base64?…?=`, and so is text that looks wrapped already.
fn encode(text: &str) -> String {
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let edges = text.starts_with(' ') || text.ends_with(' ');
    if visible && !edges && !text.is_empty() && !text.starts_with("=?base64?") {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", BASE64_STANDARD.encode(text))
    }
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
