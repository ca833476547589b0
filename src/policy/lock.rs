//! The catalog lock: the tool definitions that somebody has reviewed, in a file that is kept with the policies.
//!
//! ```json
//! { "version": 1, "servers": { "fs": { "tools": [ { "name": "read_file", "description": "…", "inputSchema": { … } } ] } } }
//! ```
//!
//! Every entry is what the server sent in `tools/list`, all of it: a description is read by a model, so a changed one is a changed
//! tool. Two definitions are the same when their canonical forms are (`super::json`). What a difference leads to is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalog::Catalog;
use super::json::{Json, Misread};
use super::load::SourceFile;
use super::lock_file;
use super::report::{LoadError, Problem};
use crate::domain::{ServerName, ToolDefinition};

/// The version of the file's format.
pub(super) const VERSION: &str = "1";

/// The reviewed tools of some servers. A server that is not in it has not been reviewed at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    servers: Servers,
}

pub(super) type Servers = BTreeMap<ServerName, Tools>;
pub(super) type Tools = BTreeMap<Arc<str>, Locked>;

/// A reviewed tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) tool: ToolDefinition,
    canonical: Box<str>,
}

/// A tool that a server lists differently from the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The server.
    pub server: ServerName,
    /// The tool's name.
    pub tool: Arc<str>,
    /// What is different.
    pub difference: Difference,
}

/// What is different about a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The server lists it, the lock does not.
    New,
    /// The lock lists it, the server does not.
    Gone,
    /// Both list it, but not alike.
    Changed {
        /// The members of the definition that differ, by name; empty when the server's definition cannot be read.
        members: Vec<String>,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Gone => f.write_str("gone"),
            Self::Changed { members } if members.is_empty() => f.write_str("changed"),
            Self::Changed { members } => write!(f, "changed: {}", members.join(", ")),
        }
    }
}

/// Why a server's tool cannot be written into a lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the definition of tool `{tool}` of server `{server}` {reason}")]
pub struct Unlockable {
    /// The server.
    pub server: ServerName,
    /// The tool's name.
    pub tool: Arc<str>,
    /// What is wrong with its definition.
    pub reason: String,
}

impl Lock {
    /// Reads the text of a lock; `name` is how problems call the file.
    ///
    /// # Errors
    ///
    /// [`LoadError::Invalid`] with everything that is wrong and where: text that is not JSON, a key that is unknown or stands twice, a
    /// version that is not ours, a name that no server can have, a definition that cannot be read, two tools of one name.
    pub fn parse(name: &str, text: &str) -> Result<Self, LoadError> {
        let file = SourceFile { name: name.into(), text: text.into() };
        let mut problems = Vec::new();
        let lock = Self::read(&file, &mut problems);
        if problems.is_empty() { Ok(lock) } else { Err(problems.into()) }
    }

    /// The same for a file that was read with the policies. What is wrong is added to `problems`, and left out of the lock.
    pub(super) fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Self {
        Self { servers: lock_file::read(file, problems) }
    }

    /// A lock of exactly what is known: every server of the catalog, with all its tools.
    ///
    /// # Errors
    ///
    /// [`Unlockable`] for the first tool whose definition is not JSON that everybody reads alike.
    pub fn of(catalog: &Catalog) -> Result<Self, Unlockable> {
        Self::default().updated(catalog)
    }

    /// This lock with what the servers of the catalog list now; servers that the catalog does not know keep their entries. A tool that
    /// has not changed keeps its text, so that a file in version control changes only where something did.
    ///
    /// # Errors
    ///
    /// [`Unlockable`] for the first tool whose definition is not JSON that everybody reads alike.
    pub fn updated(&self, live: &Catalog) -> Result<Self, Unlockable> {
        let mut servers = self.servers.clone();
        servers.extend(live.servers().map(|server| (server.clone(), Tools::new())));
        for (server, tool) in live.tools() {
            let unlockable = |reason| Unlockable { server: server.clone(), tool: Arc::clone(&tool.name), reason };
            let new = Locked::new(tool.clone()).map_err(unlockable)?;
            let same = self.locked(server, &tool.name).filter(|locked| locked.canonical == new.canonical);
            let locked = same.cloned().unwrap_or(new);
            servers.entry(server.clone()).or_default().insert(Arc::clone(&tool.name), locked);
        }
        Ok(Self { servers })
    }

    /// The file's text: sorted by server and tool, indented, with a line break at its end. The definitions keep the order of their keys;
    /// what a reader would not see in them is escaped.
    #[must_use]
    pub fn to_json(&self) -> String {
        let servers = self.servers.iter().map(|(server, tools)| {
            let tools: Vec<Json<'_>> = tools.values().filter_map(|locked| tree(&locked.tool.definition).ok()).collect();
            (server.to_string(), Json::Object(vec![("tools".to_owned(), Json::List(tools))]))
        });
        let whole = vec![("version".to_owned(), Json::Scalar(VERSION)), ("servers".to_owned(), Json::Object(servers.collect()))];
        Json::Object(whole).pretty(0) + "\n"
    }

    /// All tools with their servers, in order.
    pub fn tools(&self) -> impl Iterator<Item = (&ServerName, &ToolDefinition)> {
        self.servers.iter().flat_map(|(server, tools)| tools.values().map(move |locked| (server, &locked.tool)))
    }

    /// What these servers should list. One that was not reviewed should list nothing.
    pub(super) fn catalog(&self, servers: &[ServerName]) -> Catalog {
        let mut catalog = Catalog::default();
        for server in servers {
            let tools = self.servers.get(server).into_iter().flat_map(Tools::values);
            catalog.learn(server, true, tools.map(|locked| locked.tool.clone()));
        }
        catalog
    }

    /// The servers that were reviewed, also those without tools.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// Whether a server was reviewed.
    #[must_use]
    pub fn has_server(&self, server: &ServerName) -> bool {
        self.servers.contains_key(server)
    }

    /// A tool as it was reviewed.
    #[must_use]
    pub fn tool(&self, server: &ServerName, tool: &str) -> Option<&ToolDefinition> {
        self.locked(server, tool).map(|locked| &locked.tool)
    }

    /// Whether a server's tool is exactly what was reviewed.
    #[must_use]
    pub fn holds(&self, server: &ServerName, tool: &ToolDefinition) -> bool {
        self.holds_text(server, &tool.name, &tool.definition)
    }

    /// The same for a definition of which only the name was read.
    pub(super) fn holds_text(&self, server: &ServerName, tool: &str, definition: &[u8]) -> bool {
        self.locked(server, tool).is_some_and(|locked| locked.is(definition))
    }

    /// How the servers of the catalog differ from this lock, in order. Servers that the catalog does not know were not asked, and do
    /// not count as different.
    #[must_use]
    pub fn diff(&self, live: &Catalog) -> Vec<Change> {
        let listed = live.tools().filter_map(|(server, tool)| Some((server, &tool.name, self.difference(server, tool)?)));
        let asked: BTreeSet<&ServerName> = live.servers().collect();
        let gone = self.tools().filter(|(server, tool)| asked.contains(server) && !live.has(server, &tool.name));
        let gone = gone.map(|(server, tool)| (server, &tool.name, Difference::Gone));
        let change = |(server, tool, difference): (&ServerName, &Arc<str>, _)| Change {
            server: server.clone(),
            tool: Arc::clone(tool),
            difference,
        };
        let mut changes: Vec<Change> = listed.chain(gone).map(change).collect();
        changes.sort_by(|a, b| (&a.server, &a.tool).cmp(&(&b.server, &b.tool)));
        changes
    }

    fn difference(&self, server: &ServerName, live: &ToolDefinition) -> Option<Difference> {
        let Some(locked) = self.locked(server, &live.name) else { return Some(Difference::New) };
        if locked.is(&live.definition) {
            return None;
        }
        let members = different_members(&locked.tool.definition, &live.definition).unwrap_or_default();
        Some(Difference::Changed { members })
    }

    fn locked(&self, server: &ServerName, tool: &str) -> Option<&Locked> {
        self.servers.get(server)?.get(tool)
    }
}

impl Locked {
    /// A definition with its canonical form; or what is wrong with it.
    pub(super) fn new(tool: ToolDefinition) -> Result<Self, String> {
        let canonical = canonical(&tool.definition)?.into();
        Ok(Self { tool, canonical })
    }

    /// Whether a live definition is this one. One that cannot be read is not, unless it is the same text.
    fn is(&self, live: &[u8]) -> bool {
        *self.tool.definition == *live || canonical(live).is_ok_and(|canonical| *self.canonical == *canonical)
    }
}

/// A member of some definitions of a tool over several lines, for a person who compares them; `None` where there is none. If it is a
/// text in all of them, it is the bare text.
#[must_use]
pub fn member_lines<const N: usize>(definitions: [&[u8]; N], member: &str) -> [Option<String>; N] {
    let values = definitions.map(|definition| match tree(definition) {
        Ok(Json::Object(members)) => members.into_iter().find(|(key, _)| key == member).map(|(_, value)| value),
        _ => None,
    });
    let bare = values.iter().flatten().all(|value| matches!(value, Json::Text(_)));
    values.map(|value| match value? {
        Json::Text(text) if bare => Some(text),
        other => Some(other.pretty(0)),
    })
}

fn different_members(locked: &[u8], live: &[u8]) -> Option<Vec<String>> {
    let read = |definition| match tree(definition) {
        Ok(Json::Object(members)) => {
            Some(members.into_iter().map(|(key, value)| (key, value.canonical())).collect::<BTreeMap<_, _>>())
        }
        _ => None,
    };
    let (locked, live) = (read(locked)?, read(live)?);
    let keys: BTreeSet<&String> = locked.keys().chain(live.keys()).collect();
    Some(keys.into_iter().filter(|key| locked.get(*key) != live.get(*key)).cloned().collect())
}

/// The form in which definitions are compared; or what is wrong with one.
pub(super) fn canonical(definition: &[u8]) -> Result<String, String> {
    tree(definition).map(|tree| tree.canonical())
}

fn tree(definition: &[u8]) -> Result<Json<'_>, String> {
    let text = std::str::from_utf8(definition).map_err(|_| "is not UTF-8".to_owned())?;
    Json::parse(text).map_err(|Misread { reason, .. }| reason)
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
