//! Meta-tools: tools that call other tools of their server. Such a call is decided as the call that it comes to.
//!
//! What the other tool is called and gets is read from the same text that is forwarded, which was parsed strictly: no server can read
//! another name out of it. A meta-tool needs no permit, because by itself it does nothing; its other arguments are not looked at.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::input::object;
use super::snapshot::PolicySnapshot;
use crate::domain::{Action, Arguments, Call, Cause, JsonPointer, ServerName, Target};

/// A tool that calls other tools of its server, and how its arguments say which and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaTool {
    /// The server it belongs to.
    pub server: ServerName,
    /// Its name.
    pub tool: String,
    /// Where in its arguments the name of the other tool stands.
    pub name: JsonPointer,
    /// Where in its arguments those of the other tool stand.
    pub arguments: JsonPointer,
}

/// The meta-tools of all servers.
#[derive(Debug, Default)]
pub(super) struct MetaTools {
    servers: HashMap<ServerName, OfServer>,
}

#[derive(Debug, Default)]
struct OfServer {
    meta_tools: HashMap<String, MetaTool>,
    /// The tools of the server that an entities file declares.
    declared: Vec<Arc<str>>,
}

impl MetaTools {
    /// `declared` are the tools that entities files declare.
    pub(super) fn new<'a>(meta_tools: &[MetaTool], declared: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut servers: HashMap<ServerName, OfServer> = HashMap::new();
        for meta_tool in meta_tools {
            let server = servers.entry(meta_tool.server.clone()).or_default();
            server.meta_tools.insert(meta_tool.tool.clone(), meta_tool.clone());
        }
        let declared = declared.filter_map(|(server, tool)| Some((ServerName::new(server)?, tool)));
        for (server, tool) in declared {
            servers.entry(server).and_modify(|server| server.declared.push(tool.into()));
        }
        Self { servers }
    }

    fn find(&self, server: &ServerName, tool: &str) -> Option<&MetaTool> {
        self.servers.get(server)?.meta_tools.get(tool)
    }
}

impl PolicySnapshot {
    /// The call that a call of a meta-tool comes to; `None` when the tool that is called is no meta-tool.
    ///
    /// # Errors
    ///
    /// [`Cause::InvalidRequest`] when the arguments do not say which tool is to be called, or with what; [`Cause::Drifted`] when the
    /// meta-tool is not as it was reviewed: where it says the name is may not be where it is any more.
    pub fn inner(&self, call: &Call) -> Result<Option<Call>, Cause> {
        let (Action::ToolsCall, Target::Tool(tool)) = (call.action, &call.target) else { return Ok(None) };
        let Some(meta_tool) = self.core.meta_tools.find(&call.server, tool) else { return Ok(None) };
        if self.is_drifted(&call.server, tool) {
            // Where it takes the name of the other tool from may be what has changed.
            return Err(Cause::Drifted);
        }
        let invalid = |message: String| Cause::InvalidRequest(format!("meta-tool `{tool}`: {message}").into());
        let (name, arguments) = read(meta_tool, &call.arguments).map_err(invalid)?;
        if self.is_meta_tool(&call.server, &name) {
            return Err(invalid(format!("`{name}` is a meta-tool itself")));
        }
        Ok(Some(Call { target: Target::Tool(name.into()), arguments, ..call.clone() }))
    }

    /// The meta-tool of this name.
    #[must_use]
    pub fn meta_tool(&self, server: &ServerName, tool: &str) -> Option<&MetaTool> {
        self.core.meta_tools.find(server, tool)
    }

    /// Whether a tool was declared to be one that calls others.
    pub(super) fn is_meta_tool(&self, server: &ServerName, tool: &str) -> bool {
        self.core.meta_tools.find(server, tool).is_some()
    }

    /// The tools of a server that a meta-tool can call, as far as they are known.
    pub(super) fn inner_tools(&self, server: &ServerName) -> impl Iterator<Item = Arc<str>> {
        let listed = self.catalog.tools().filter(move |(of, _)| *of == server).map(|(_, tool)| &tool.name);
        let declared = self.core.meta_tools.servers.get(server).into_iter().flat_map(|server| &server.declared);
        listed.chain(declared).filter(|tool| !self.is_meta_tool(server, tool)).cloned()
    }
}

/// The name of the other tool, and its arguments.
fn read(meta_tool: &MetaTool, arguments: &Arguments) -> Result<(String, Arguments), String> {
    let text = std::str::from_utf8(arguments.json().unwrap_or(b"{}")).map_err(|_| "the arguments are not UTF-8")?;
    let whole: &RawValue = serde_json::from_str(text).map_err(|_| "the arguments are not JSON")?;
    let MetaTool { name: name_at, arguments: arguments_at, .. } = meta_tool;
    let name = follow(whole, name_at)?.ok_or_else(|| format!("`{name_at}` is missing"))?;
    let name = serde_json::from_str(name.get()).map_err(|_| format!("`{name_at}` is not a string"))?;
    let arguments = match follow(whole, arguments_at)? {
        None => Arguments::ABSENT,
        Some(inner) if inner.get().starts_with('{') => {
            Arguments::from_checked_json(Bytes::copy_from_slice(inner.get().as_bytes()))
        }
        Some(_) => return Err(format!("`{arguments_at}` is not an object")),
    };
    Ok((name, arguments))
}

/// The value that a pointer leads to; `None` when the last step leads nowhere.
fn follow<'a>(whole: &'a RawValue, pointer: &JsonPointer) -> Result<Option<&'a RawValue>, String> {
    let mut value = Some(whole);
    for step in pointer.steps() {
        let container = value.ok_or_else(|| format!("`{pointer}` leads through a value that is missing"))?;
        value = part(container, step).ok_or_else(|| format!("`{pointer}` leads through a value that has no parts"))?;
    }
    Ok(value)
}

/// The member or element that a step leads to, if there is one; `None` when the value has no parts.
fn part<'a>(value: &'a RawValue, step: &str) -> Option<Option<&'a RawValue>> {
    match value.get().bytes().next()? {
        b'{' => {
            let members = object(value).ok()?;
            Some(members.into_iter().find(|(key, _): &(Cow<'_, str>, _)| key == step).map(|(_, value)| value))
        }
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            // RFC 6901 writes numbers without leading zeros.
            let number = step.parse::<usize>().ok().filter(|number| number.to_string() == step);
            Some(number.and_then(|number| elements.get(number).copied()))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "meta_tests.rs"]
mod tests;
