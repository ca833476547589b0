//! A snapshot for when there are no policies to go by: it decides like any other, and its answer is always no.
//!
//! A sidecar whose policies do not load at its start has this one in force until others do. It says so in every decision
//! ([`Cause::NoPoliciesInForce`](crate::domain::Cause)), so that the log tells a policy that does not permit from one that was not there.
//! What servers list is learned all the same: the first set that loads finds it known.

use ring::digest::{SHA256, digest};

use super::catalog::Catalog;
use super::load::PolicyFiles;
use super::report::LoadError;
use super::settings::Settings;
use super::snapshot::PolicySnapshot;
use crate::domain::Fingerprint;

/// What the fingerprint of having nothing in force is the SHA-256 of; `docs/operations.md` has the digest.
const NOTHING: &[u8] = b"cedarpost: no policies in force";

impl PolicySnapshot {
    /// The snapshot that is in force while nothing is. It has the base vocabulary and the principals of the settings.
    ///
    /// # Errors
    ///
    /// When already the settings are wrong that policies depend on, whatever is in files.
    pub fn closed(settings: &Settings, catalog: &Catalog) -> Result<Self, LoadError> {
        Self::build(settings, &PolicyFiles::default(), catalog).map(Self::closing)
    }

    /// The same, deciding nothing but no. Its name does not depend on what servers list: one name for nothing.
    pub(super) fn closing(mut self) -> Self {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, NOTHING).as_ref());
        self.is_closed = true;
        self.fingerprint = Fingerprint::new(fingerprint);
        self.warnings = Vec::new();
        self
    }

    /// The name of the policies in force; `None` while there are none.
    #[must_use]
    pub fn in_force(&self) -> Option<Fingerprint> {
        (!self.is_closed).then_some(self.fingerprint)
    }
}

#[cfg(test)]
#[path = "closed_tests.rs"]
mod tests;
