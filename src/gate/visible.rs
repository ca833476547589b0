//! What a caller may see: discovery by the same policies that decide calls.

use std::sync::Arc;

use super::Gate;
use crate::domain::{Action, Caller, ServerName, Source, Target, Timestamp};
use crate::policy::PolicySnapshot;

/// One caller's view of one server against one snapshot, for filtering a list from its first entry to its last.
pub struct View<'a> {
    snapshot: Arc<PolicySnapshot>,
    caller: &'a Caller,
    server: &'a ServerName,
    source: &'a Source,
    now: Timestamp,
}

impl Gate {
    /// The names of the tools that a server is known to have, sorted; `None` when no server of that name is configured.
    #[must_use]
    pub fn tools(&self, server: &ServerName) -> Option<Vec<Arc<str>>> {
        let snapshot = self.snapshot();
        let listed = snapshot.catalog().tools().filter(|(of, _)| *of == server).map(|(_, tool)| Arc::clone(&tool.name));
        snapshot.has_server(server).then(|| listed.collect())
    }

    /// Takes a view for `caller` at `server`.
    #[must_use]
    pub fn view<'a>(&self, caller: &'a Caller, server: &'a ServerName, source: &'a Source) -> View<'a> {
        View { snapshot: self.snapshot(), caller, server, source, now: self.shared.clock.now() }
    }
}

impl View<'_> {
    /// The same for a tool in a list, by its definition: what was not reviewed like this is not shown.
    #[must_use]
    pub fn shows_tool(&self, name: &str, definition: &[u8]) -> bool {
        self.snapshot.accepts_definition(self.server, name, definition)
            && self.shows(Action::ToolsCall, &Target::Tool(name.into()))
    }

    /// Whether `action` on `target` could be allowed, now, for some arguments and perhaps with an approval, to the agent and to
    /// the actor. What is possible is never hidden.
    #[must_use]
    pub fn shows(&self, action: Action, target: &Target) -> bool {
        self.snapshot.possible(self.caller, self.server, action, target, self.source, self.now)
    }
}
