//! The servers that an author's files speak of, for commands that run without a configuration.
//!
//! Files are only looked at: what is wrong with them is said by whoever loads them, so a file that cannot be read names nothing.

use std::collections::BTreeSet;

use cedar_policy::SchemaFragment;
use serde::Deserialize;
use serde_json::Value;

use super::load::{PolicyFiles, SourceFile};
use super::settings::Settings;
use super::types::members;
use crate::domain::ServerName;

/// As much of an entity as says what it is about.
#[derive(Deserialize)]
struct Named {
    uid: Uid,
}

#[derive(Deserialize)]
struct Uid {
    #[serde(rename = "type")]
    ty: String,
    id: String,
}

impl Settings {
    /// These settings; if they name no servers, with those that the files speak of.
    #[must_use]
    pub fn or_servers_of(mut self, files: &PolicyFiles) -> Self {
        if self.servers.is_empty() {
            self.servers = files.servers();
        }
        self
    }
}

impl PolicyFiles {
    /// The servers that typed actions and entities name, in order.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerName> {
        let actions = self.schema.iter().flat_map(actions).filter_map(|action| server_of(&action));
        let entities = self.entities.iter().flat_map(entities).filter_map(|Named { uid }| match &*uid.ty {
            "Mcp::Server" => ServerName::new(&uid.id),
            "Mcp::Tool" | "Mcp::Resource" | "Mcp::Prompt" => server_of(&uid.id),
            _ => None,
        });
        actions.chain(entities).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

fn server_of(id: &str) -> Option<ServerName> {
    id.split_once('/').and_then(|(server, _)| ServerName::new(server))
}

fn actions(file: &SourceFile) -> Vec<String> {
    let fragment = if file.name.ends_with(".json") {
        SchemaFragment::from_json_str(&file.text).ok()
    } else {
        SchemaFragment::from_cedarschema_str(&file.text).ok().map(|(fragment, _)| fragment)
    };
    let json = fragment.and_then(|fragment| fragment.to_json_value().ok()).unwrap_or_default();
    members(json.get("Mcp").unwrap_or(&Value::Null), "actions").keys().cloned().collect()
}

fn entities(file: &SourceFile) -> Vec<Named> {
    serde_json::from_str(&file.text).unwrap_or_default()
}

#[cfg(test)]
#[path = "named_tests.rs"]
mod tests;
