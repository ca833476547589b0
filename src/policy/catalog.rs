//! What the servers say they offer: the tools known so far, by server.
//!
//! A server's own description is a claim. The catalog keeps it as it is, except that it never grows without bound and that of two
//! descriptions of the same tool in one list the less trusting parts count.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::Context as Sha256;

use crate::domain::{Annotations, ServerName, ToolDefinition};

/// The most tools of one server that are known; further ones stay unknown, and are refused.
const MAX_TOOLS: usize = 10_000;

/// The tools of one server, by name.
pub(super) type Tools = BTreeMap<Arc<str>, ToolDefinition>;

/// The tools of all servers. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    servers: BTreeMap<ServerName, Arc<Tools>>,
}

impl Catalog {
    /// Takes in what a server listed and says whether that changed anything. A `complete` list replaces what was known of the
    /// server; a part of a list (one page of several) adds to it.
    pub fn learn(&mut self, server: &ServerName, complete: bool, tools: impl IntoIterator<Item = ToolDefinition>) -> bool {
        let known = self.servers.get(server);
        let mut listed = Tools::new();
        for tool in tools {
            let tool = match listed.remove(&tool.name) {
                Some(twin) => ToolDefinition { annotations: less_trusting(twin.annotations, tool.annotations), ..tool },
                None => tool,
            };
            if listed.len() < MAX_TOOLS {
                listed.insert(Arc::clone(&tool.name), tool);
            }
        }
        if !complete {
            let room = MAX_TOOLS.saturating_sub(listed.len());
            let kept = known.into_iter().flat_map(|known| known.iter()).filter(|(name, _)| !listed.contains_key(*name));
            let kept: Tools = kept.take(room).map(|(name, tool)| (Arc::clone(name), tool.clone())).collect();
            listed.extend(kept);
        }
        let changed = known.is_none_or(|known| **known != listed);
        if changed {
            self.servers.insert(server.clone(), Arc::new(listed));
        }
        changed
    }

    /// Whether all of these are known, exactly as they are described here.
    #[must_use]
    pub fn holds(&self, server: &ServerName, tools: &[ToolDefinition]) -> bool {
        let known = self.servers.get(server);
        tools.iter().all(|tool| known.and_then(|known| known.get(&tool.name)) == Some(tool))
    }

    /// Whether a server listed a tool of this name.
    #[must_use]
    pub fn has(&self, server: &ServerName, tool: &str) -> bool {
        self.get(server, tool).is_some()
    }

    /// What a server listed; `None` when it has not listed anything yet.
    pub(super) fn of(&self, server: &ServerName) -> Option<&Arc<Tools>> {
        self.servers.get(server)
    }

    /// A tool as its server lists it.
    #[must_use]
    pub fn get(&self, server: &ServerName, tool: &str) -> Option<&ToolDefinition> {
        self.servers.get(server)?.get(tool)
    }

    /// A tool as its server listed it.
    #[must_use]
    pub fn tool(&self, server: &ServerName, tool: &str) -> Option<&ToolDefinition> {
        self.servers.get(server)?.get(tool)
    }

    /// The servers that have listed their tools, also those that have none.
    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// All tools with their servers, in order.
    pub fn tools(&self) -> impl Iterator<Item = (&ServerName, &ToolDefinition)> {
        self.servers.iter().flat_map(|(server, tools)| tools.values().map(move |tool| (server, tool)))
    }

    /// Adds everything that distinguishes this catalog from another to a digest.
    pub(super) fn hash(&self, digest: &mut Sha256) {
        for (server, tool) in self.tools() {
            for part in [server.as_str().as_bytes(), tool.name.as_bytes(), &tool.definition] {
                digest.update(&(part.len() as u64).to_be_bytes());
                digest.update(part);
            }
            let Annotations { read_only, destructive, idempotent, open_world } = tool.annotations;
            digest.update(&[read_only.into(), destructive.into(), idempotent.into(), open_world.into()]);
        }
    }
}

const fn less_trusting(a: Annotations, b: Annotations) -> Annotations {
    Annotations {
        read_only: a.read_only && b.read_only,
        destructive: a.destructive || b.destructive,
        idempotent: a.idempotent && b.idempotent,
        open_world: a.open_world || b.open_world,
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
