//! What `/status` shows, for people.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::super::html::{Html, div, el, html, span};
use super::super::page::{Place, heading, page, time_text};
use super::super::routes::Shown;
use super::super::seen::{name, seen};
use super::super::visit::Visitor;

/// The parts, in the order in which one looks at them.
const PARTS: [(&str, &str); 7] = [
    ("policy", "Policies"),
    ("audit", "Log"),
    ("servers", "Servers"),
    ("tools", "Tools"),
    ("certificates", "Certificates"),
    ("drifted", "Drifted tools"),
    ("version", "Version"),
];

/// The page.
pub(in crate::console) async fn show(State(shown): State<Arc<Shown>>, visitor: Visitor) -> Response {
    let status = match shown.look(|sources| (sources.status)()).await {
        Ok(status) => status,
        Err(error) => Value::from(error),
    };
    let is_empty =
        |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty);
    let part = |(member, title): (&'static str, &'static str)| {
        let value = status.get(member).filter(|value| !is_empty(value))?;
        Some(el("section").class("panel").attr("aria-label", title).with((el("h2").with(title), tree(value))))
    };
    let parts: Vec<Html> = PARTS.into_iter().filter_map(part).collect();
    let content = (
        heading("Health", ("What the sidecar says of itself, the same as at ", el("code").with("/status"), ".")),
        div("grid").attr("id", "health").attr("data-live", "log").with(parts),
    );
    page(&visitor, Place::Health, "Health", content)
}

/// A JSON value as lists of names and values.
fn tree(value: &Value) -> Html {
    match value {
        Value::Object(members) => {
            let member =
                |(key, value): (&String, &Value)| html((el("dt").with(key.replace('_', " ")), el("dd").with(tree(value))));
            el("dl").class("facts").with(members.iter().map(member).collect::<Vec<_>>())
        }
        Value::Array(items) if items.is_empty() => span("absent").with("none"),
        Value::Array(items) => {
            el("ul").class("plain").with(items.iter().map(|item| el("li").with(tree(item))).collect::<Vec<_>>())
        }
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => time_text(text),
        Value::String(text) if text.len() > 40 && !text.contains(' ') => el("code").class("break").with(seen(text)),
        Value::String(text) => seen(text),
        Value::Bool(true) => span("badge good").with("yes"),
        Value::Bool(false) => span("badge bad").with("no"),
        Value::Number(number) => name(&number.to_string()),
        Value::Null => span("absent").with("–"),
    }
}
