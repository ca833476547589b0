//! What names a tool's definition in records: the digest of its canonical form, in which the catalog lock compares definitions, too.
//!
//! Each is computed when the first decision about the tool is recorded, and kept as long as the snapshot.

use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::lock::canonical;
use super::recent::Recent;
use super::snapshot::PolicySnapshot;
use crate::domain::{Fingerprint, ServerName};

/// How many are kept; calling more tools than this in turn computes some of them again.
const MAX_KEPT: usize = 4 << 10;

/// The digests that were asked for.
#[derive(Debug)]
pub(super) struct Digests(Recent<(ServerName, Arc<str>), Option<Fingerprint>>);

impl Default for Digests {
    fn default() -> Self {
        Self(Recent::with_room(MAX_KEPT))
    }
}

impl PolicySnapshot {
    /// The digest of a tool's definition as its server lists it: SHA-256 over its canonical form. `None` when the server does not list it, or
    /// in a form that not everybody reads alike.
    #[must_use]
    pub fn definition_digest(&self, server: &ServerName, tool: &Arc<str>) -> Option<Fingerprint> {
        let key = (server.clone(), Arc::clone(tool));
        if let Some(known) = self.digests.0.get(&key) {
            return known;
        }
        let listed = self.catalog.get(server, tool)?;
        let found = canonical(&listed.definition).ok().and_then(|text| {
            let digest = digest(&SHA256, text.as_bytes());
            digest.as_ref().try_into().ok().map(Fingerprint::new)
        });
        self.digests.0.insert(key, found);
        found
    }
}

#[cfg(test)]
#[path = "digests_tests.rs"]
mod tests;
