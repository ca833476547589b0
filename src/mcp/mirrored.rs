//! `Mcp-Param-*`: headers that repeat arguments of a tool because its schema says so (`x-mcp-header`, revision 2026-07-28).

use serde_json::{Map, Value};

use super::headers::{decode, single};
use super::jsonrpc::Message;
use super::malformed::Malformed;
use crate::json;

const ANNOTATION: &str = "x-mcp-header";

/// Checks that the headers which `input_schema`, the schema of the called tool, asks for say what the arguments say. An argument that
/// is there needs its header; one that is absent or `null` must not have one. Headers that the schema does not name are nobody's
/// business here and are forwarded.
///
/// # Errors
///
/// [`Malformed`] (-32020) when they disagree.
pub fn check_params<'h>(
    message: &Message,
    input_schema: Option<&[u8]>,
    get: impl Fn(&str) -> Vec<&'h [u8]>,
) -> Result<(), Malformed> {
    let Some(schema) = input_schema.filter(|schema| mentions(schema)) else { return Ok(()) };
    let Ok(schema) = serde_json::from_slice::<Value>(schema) else { return Ok(()) };
    let arguments = message.arguments().and_then(|text| serde_json::from_slice::<Value>(text).ok()).unwrap_or_default();
    check_level(&schema, &arguments, &get).map_err(|malformed| malformed.answering(message.id()))
}

/// Whether a schema can have the annotation at all: written plainly, or with an escape that might spell it.
fn mentions(schema: &[u8]) -> bool {
    memchr::memmem::find(schema, ANNOTATION.as_bytes()).is_some() || memchr::memmem::find(schema, b"\\u").is_some()
}

/// Checks the properties of one object schema against the object they describe, and goes down into nested objects. Only chains of
/// `properties` count; an annotation anywhere else is invalid and asks for nothing.
fn check_level<'h>(schema: &Value, instance: &Value, get: &impl Fn(&str) -> Vec<&'h [u8]>) -> Result<(), Malformed> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (key, property) in properties {
        let value = instance.get(key).unwrap_or(&Value::Null);
        if let Some(name) = annotation(property) {
            check_one(value, &get(&format!("mcp-param-{}", name.to_ascii_lowercase())))?;
        }
        check_level(property, value, get)?;
    }
    Ok(())
}

/// The header's name that a property asks for, when it may: it is a token (RFC 9110, section 5.6.2), and the property is an integer,
/// string or boolean.
fn annotation(property: &Value) -> Option<&str> {
    let name = property.get(ANNOTATION)?.as_str()?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let primitive = matches!(property.get("type")?.as_str()?, "integer" | "string" | "boolean");
    (primitive && !name.is_empty() && name.bytes().all(token)).then_some(name)
}

fn check_one(value: &Value, headers: &[&[u8]]) -> Result<(), Malformed> {
    let header = single(headers, "A header `Mcp-Param-*` is not one plain value.")?;
    let header = match header.map(decode) {
        None => None,
        Some(Some(decoded)) => Some(decoded),
        Some(None) => return Err(Malformed::headers("A header `Mcp-Param-*` is not well encoded.")),
    };
    let agree = match (value, header) {
        (Value::Null, header) => header.is_none(),
        (Value::String(text), Some(header)) => *text == header,
        (Value::Bool(flag), Some(header)) => header == if *flag { "true" } else { "false" },
        (Value::Number(number), Some(header)) => same_number(&number.to_string(), &header),
        // Objects and arrays cannot be repeated in a header: there must be none.
        (Value::Array(_) | Value::Object(_), header) => header.is_none(),
        (Value::String(_) | Value::Bool(_) | Value::Number(_), None) => false,
    };
    if agree { Ok(()) } else { Err(Malformed::headers("A header `Mcp-Param-*` and the arguments disagree.")) }
}

/// Whether two spellings mean the same number (`42` and `42.0` do). Integers are compared exactly.
fn same_number(body: &str, header: &str) -> bool {
    if json::check(header, 0).is_err() {
        return false;
    }
    match (body.parse::<i128>(), header.parse::<i128>()) {
        (Ok(body), Ok(header)) => body == header,
        _ => match (body.parse::<f64>(), header.parse::<f64>()) {
            (Ok(body), Ok(header)) => body == header,
            _ => false,
        },
    }
}

#[cfg(test)]
#[path = "mirrored_tests.rs"]
mod tests;
