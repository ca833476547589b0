//! A server's tools become known: the catalog, and with it the entities that policies see.

use bytes::Bytes;

use super::{Gate, drift};
use crate::domain::{ServerName, ToolDefinition};
use crate::policy::LoadError;

impl Gate {
    /// Takes in what a server lists. `complete` says that this is the whole list, so that tools it no longer has are forgotten;
    /// otherwise it is a page, and adds to what is known. Returns whether anything changed.
    ///
    /// A catalog that policies cannot be built with (too many tools, say) leaves the one before in force; the log says why.
    pub async fn learn(&self, server: &ServerName, complete: bool, tools: Vec<ToolDefinition>) -> bool {
        if !complete && self.snapshot().catalog().holds(server, &tools) {
            return false;
        }
        let world = self.shared.world.lock().await;
        let current = self.snapshot();
        let mut catalog = current.catalog().clone();
        if !catalog.learn(server, complete, tools.into_iter().map(ToolDefinition::detached)) {
            return false;
        }
        let metrics = world.metrics.clone();
        let build = move || {
            let snapshot = current.with_catalog(&catalog)?;
            drift::tell(Some(&current), &snapshot, &metrics);
            Ok::<_, LoadError>(snapshot)
        };
        match tokio::task::spawn_blocking(build).await {
            Ok(Ok(snapshot)) => {
                self.shared.policies.replace(snapshot);
                self.shared.told.send_modify(|count| *count += 1);
                tracing::info!(%server, "learned the server's tools");
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(%server, error = &error as &dyn std::error::Error, "the server's tools could not be taken into the catalog");
                false
            }
            Err(_) => false,
        }
    }

    /// Whether policies know of a tool: it was listed by its server, or an entities file declares it.
    #[must_use]
    pub fn knows_tool(&self, server: &ServerName, tool: &str) -> bool {
        self.snapshot().knows_tool(server, tool)
    }

    /// The JSON Schema of a tool's arguments as its server listed it.
    #[must_use]
    pub fn input_schema(&self, server: &ServerName, tool: &str) -> Option<Bytes> {
        self.snapshot().catalog().get(server, tool)?.input_schema.clone()
    }
}
