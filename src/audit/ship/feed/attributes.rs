//! The attributes of log records: by OpenTelemetry's semantic conventions where those have a word, else under `audit.` and
//! `cedarpost.`.
//!
//! Of the conventions' words `error.type`, `client.address`, `network.transport` and those of services are stable; `enduser.id` and
//! `jsonrpc.request.id`, and those that begin with `mcp.` and `gen_ai.` (which have conventions of their own), are in development and
//! may be named otherwise one day. The record itself, in the body, does not change with them.

use std::borrow::Cow;

use crate::audit::export::{Entry, Leaf};

use super::record::Value;

/// A name and its value.
pub(super) type Attribute<'a> = (&'static str, Value<'a>);

/// Those of a record.
pub(super) fn of<'a>(entry: &'a Entry<'a>) -> Vec<Attribute<'a>> {
    let mut attributes = vec![
        ("audit.origin", Value::Text(entry.origin().into())),
        ("audit.seq", Value::Number(entry.seq())),
        ("audit.leaf_hash", Value::Text(entry.hash().to_string().into())),
    ];
    if let Some(leaf) = entry.leaf() {
        add_texts(leaf, &mut attributes);
        add_call(leaf, &mut attributes);
        attributes.extend(leaf.number("us").map(|micros| ("cedarpost.duration_us", Value::Number(micros))));
        attributes.extend(leaf.number("bytes").map(|bytes| ("cedarpost.result.size", Value::Number(bytes))));
        attributes.extend(leaf.number("decision_seq").map(|seq| ("cedarpost.decision.seq", Value::Number(seq))));
        attributes.extend(leaf.flag("unattended").then_some(("cedarpost.unattended", Value::Flag(true))));
    }
    attributes
}

/// What the sidecar is, which stands once for all records of a request.
pub(super) fn of_resource<'a>(origin: &'a str, version: &'a str) -> Vec<Attribute<'a>> {
    vec![
        ("service.name", Value::Text("cedarpost".into())),
        ("service.version", Value::Text(version.into())),
        // A log has one writer, so its name is that of the instance.
        ("service.instance.id", Value::Text(origin.into())),
    ]
}

/// Members that become attributes as they are.
const TEXTS: [(&str, &str); 10] = [
    ("cedarpost.decision.id", "id"),
    ("cedarpost.policy", "policy"),
    ("cedarpost.server", "server"),
    ("cedarpost.via", "via"),
    ("cedarpost.failure", "failure"),
    ("enduser.id", "actor"),
    ("gen_ai.agent.id", "agent"),
    ("gen_ai.tool.name", "tool"),
    ("gen_ai.prompt.name", "prompt"),
    ("mcp.resource.uri", "resource"),
];

fn add_texts<'a>(leaf: &'a Leaf, attributes: &mut Vec<Attribute<'a>>) {
    for (name, member) in TEXTS {
        attributes.extend(leaf.text(member).map(|text| (name, Value::Text(text))));
    }
    let found = [
        ("cedarpost.verdict", leaf.verdict()),
        ("mcp.method.name", leaf.method()),
        ("mcp.session.id", leaf.text("session")),
        ("jsonrpc.request.id", leaf.request()),
        ("client.address", leaf.source("ip")),
        ("network.transport", leaf.source("transport").and_then(|transport| carrier(&transport))),
        ("error.type", error_type(leaf)),
    ];
    attributes.extend(found.into_iter().filter_map(|(name, text)| Some((name, Value::Text(text?)))));
}

fn add_call<'a>(leaf: &'a Leaf, attributes: &mut Vec<Attribute<'a>>) {
    if leaf.text("action").as_deref() == Some("tools/call") {
        attributes.push(("gen_ai.operation.name", Value::Text("execute_tool".into())));
    }
    let causes = leaf.causes();
    let policies: Vec<_> = leaf.judgements().flat_map(|judged| judged.policies()).map(|(id, _, _)| id).collect();
    for (name, texts) in [("cedarpost.causes", causes), ("cedarpost.policies", policies)] {
        if !texts.is_empty() {
            attributes.push((name, Value::Texts(texts)));
        }
    }
}

/// The word of the conventions for what carries MCP: `pipe` for standard input and output, `tcp` for HTTP.
fn carrier(transport: &str) -> Option<Cow<'static, str>> {
    match transport {
        "stdio" => Some("pipe".into()),
        "http" => Some("tcp".into()),
        _ => None,
    }
}

/// What went wrong: why a call was denied, or how it ended badly; nothing when nothing did.
fn error_type(leaf: &Leaf) -> Option<Cow<'_, str>> {
    let verdict = leaf.verdict()?;
    match (&*leaf.kind(), &*verdict) {
        ("decision" | "access", "allow") | ("outcome", "ok") | ("policy", "accepted") => None,
        // The first cause that is no permit is that of the principal who was denied.
        ("decision" | "access", _) => leaf.causes().into_iter().find(|cause| cause != "permitted").or(Some(verdict)),
        ("outcome" | "policy", _) => Some(verdict),
        _ => None,
    }
}
