//! Lists in answers: cuts out what a caller may not see, and reads what tools a server offers.
//!
//! Definitions are never re-serialized. Fields that we have never heard of, the order of keys, the spelling of numbers and the white
//! space between them all survive.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{Annotations, Hints, ToolDefinition};

use super::method::ListKind;
use super::splice::Splice;
use crate::json::{self, Fault, Member};

/// Why a list could not be read. It must not be passed on, since nobody knows what is in it: the client gets an internal error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, nested too deep, or with a key that stands twice or in disguise.
    #[error("the answer is not JSON that every parser reads alike")]
    Json,
    /// A result without the list that was asked for.
    #[error("the answer has no list of the kind that was asked for")]
    NoList,
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax | Fault::Depth | Fault::DuplicateKey => Self::Json,
            Fault::Shape => Self::NoList,
        }
    }
}

/// What becomes of the cache hints of a list that was made for one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// The era has no cache hints: nothing is touched.
    Untouched,
    /// `cacheScope` becomes `private` on every page, and `ttlMs` at most this many milliseconds; a hint that is missing is added.
    Private {
        /// The longest time that a client may go on using a list that policy may have changed, in milliseconds.
        max_ttl_ms: u64,
    },
}

/// One entry of a list.
#[derive(Debug)]
pub struct Item<'a> {
    /// What identifies it, decoded: the `name` of a tool or prompt, the `uri` of a resource, the `uriTemplate` of a template, the
    /// `taskId` of a task.
    pub name: Cow<'a, str>,
    /// The entry's JSON text as the server wrote it.
    pub definition: Bytes,
}

/// What one page of `tools/list` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolPage {
    /// The tools that can be read.
    pub tools: Vec<ToolDefinition>,
    /// The names of tools (as far as they have one) whose definition cannot be read, or that stand twice on the page: nobody can say
    /// what they are, so they count as unknown.
    pub refused: Vec<String>,
    /// Where the next page starts.
    pub next_cursor: Option<Arc<str>>,
}

impl ListKind {
    /// The member of a result that holds the list.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Prompts => "prompts",
            Self::Tasks => "tasks",
        }
    }

    /// The member of an entry that identifies it.
    const fn item_key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
            Self::Tasks => "taskId",
        }
    }
}

/// Cuts the entries that `keep` does not want out of the answer `message`, and applies the cache rules to it; every other byte stays.
/// Entries that cannot be identified are cut out as well. Errors pass unchanged, and so does a message in which nothing changes.
///
/// # Errors
///
/// [`Unreadable`] when the message is not an answer that holds such a list, or holds it in a way that others may read differently.
pub fn filter(
    message: &Bytes,
    kind: ListKind,
    mut keep: impl FnMut(&Item<'_>) -> bool,
    cache: CachePolicy,
) -> Result<Bytes, Unreadable> {
    let text = std::str::from_utf8(message).map_err(|_| Unreadable::Json)?;
    let envelope = exact_members(text, &["result", "error", "id"])?;
    if find(&envelope, "error").is_some() && find(&envelope, "result").is_none() {
        return Ok(message.clone());
    }
    let result = find(&envelope, "result").ok_or(Unreadable::NoList)?;
    let members = exact_members(result, &[kind.key(), "cacheScope", "ttlMs", "nextCursor", "resultType"])?;
    let elements = json::elements(find(&members, kind.key()).ok_or(Unreadable::NoList)?)?;
    let kept: Vec<bool> = elements.iter().map(|text| item(message, text, kind).is_some_and(|item| keep(&item))).collect();
    let mut splice = Splice::of(message);
    splice.retain(&elements, &kept);
    if let CachePolicy::Private { max_ttl_ms } = cache {
        make_private(&mut splice, result, &members, max_ttl_ms);
    }
    Ok(splice.apply())
}

/// Reads the tools out of the answer to `tools/list`. One bad definition is left out and reported; it does not spoil the page.
///
/// # Errors
///
/// [`Unreadable`] when the message is not an answer with a list of tools.
pub fn tools(message: &Bytes) -> Result<ToolPage, Unreadable> {
    let text = std::str::from_utf8(message).map_err(|_| Unreadable::Json)?;
    let envelope = exact_members(text, &["result"])?;
    let result = exact_members(find(&envelope, "result").ok_or(Unreadable::NoList)?, &["tools", "nextCursor"])?;
    let elements = json::elements(find(&result, "tools").ok_or(Unreadable::NoList)?)?;
    let next_cursor = find(&result, "nextCursor").and_then(|raw| json::string(raw).ok()).map(Into::into);
    let mut page = ToolPage { next_cursor, ..ToolPage::default() };
    for element in elements {
        match tool(message, element) {
            Some(tool) => page.tools.push(tool),
            None => {
                page.refused.push(item(message, element, ListKind::Tools).map_or_else(String::new, |item| item.name.into_owned()))
            }
        }
    }
    refuse_doubles(&mut page);
    Ok(page)
}

/// Takes every tool off the page whose name stands there more than once: which definition counts, each reader decides differently.
fn refuse_doubles(page: &mut ToolPage) {
    let mut times: HashMap<Arc<str>, usize> = HashMap::new();
    for tool in &page.tools {
        *times.entry(tool.name.clone()).or_default() += 1;
    }
    page.tools.retain(|tool| times.get(&tool.name) == Some(&1));
    page.refused.extend(times.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name.to_string()));
}

/// The members of an object none of whose keys looks like one of `known` without being it.
fn exact_members<'a>(text: &'a str, known: &[&str]) -> Result<Vec<Member<'a>>, Unreadable> {
    let members = json::members(text)?;
    if members.iter().any(|member| json::disguised(&member.key, known)) {
        return Err(Unreadable::Json);
    }
    Ok(members)
}

fn find<'a>(members: &[Member<'a>], key: &str) -> Option<&'a str> {
    members.iter().find(|member| member.key == key).map(|member| member.value)
}

/// The entry in `text`; `None` when it cannot be identified beyond doubt.
fn item<'a>(message: &Bytes, text: &'a str, kind: ListKind) -> Option<Item<'a>> {
    let members = exact_members(text, &[kind.item_key()]).ok()?;
    let name = json::string(find(&members, kind.item_key())?).ok()?;
    Some(Item { name, definition: message.slice_ref(text.as_bytes()) })
}

/// The tool in `text`; `None` when its definition is not unambiguous, or not of the specification's types where policy looks at it.
fn tool(message: &Bytes, text: &str) -> Option<ToolDefinition> {
    json::check(text, json::MAX_DEPTH).ok()?;
    let members = exact_members(text, &["name", "annotations", "inputSchema"]).ok()?;
    let name = json::string(find(&members, "name")?).ok()?;
    let annotations = match find(&members, "annotations") {
        None | Some("null") => Annotations::default(),
        Some(raw) => annotations(raw)?,
    };
    let input_schema = match find(&members, "inputSchema") {
        None => None,
        Some(raw) if json::is_object(raw) => Some(message.slice_ref(raw.as_bytes())),
        Some(_) => return None,
    };
    Some(ToolDefinition { name: name.into(), annotations, input_schema, definition: message.slice_ref(text.as_bytes()) })
}

/// The hints in `text`, with the specification's defaults for those that are missing; `None` when one is not a boolean.
fn annotations(text: &str) -> Option<Annotations> {
    let members = exact_members(text, &Hints::KEYS).ok()?;
    let hints = Hints::read(|key| match find(&members, key) {
        None | Some("null") => Some(None),
        Some("true") => Some(Some(true)),
        Some("false") => Some(Some(false)),
        Some(_) => None,
    })?;
    Some(hints.into())
}

/// Forces the cache hints of `result`. A time to live that is no number of milliseconds counts as none, and one that is missing too.
fn make_private(splice: &mut Splice<'_>, result: &str, members: &[Member<'_>], max_ttl_ms: u64) {
    let mut missing = String::new();
    match find(members, "ttlMs").map(|raw| (raw, raw.parse::<u64>().ok())) {
        Some((_, Some(ttl))) if ttl <= max_ttl_ms => {}
        Some((raw, Some(_))) => splice.replace(raw, max_ttl_ms.to_string()),
        Some((raw, None)) => splice.replace(raw, "0"),
        None => missing.push_str("\"ttlMs\":0,"),
    }
    match find(members, "cacheScope") {
        Some(raw) if json::string(raw).is_ok_and(|scope| scope == "private") => {}
        Some(raw) => splice.replace(raw, "\"private\""),
        None => missing.push_str("\"cacheScope\":\"private\","),
    }
    if !missing.is_empty() {
        splice.insert_first(result, missing);
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
