//! Holds the log against a checkpoint that was put away earlier: the log may have grown since, and nothing else.

use std::sync::Arc;

use crate::audit::tlog::checkpoint::CheckpointError;
use crate::audit::tlog::trust::DistrustError;
use crate::audit::tlog::{Checkpoint, SignedCheckpoint, TreeHash};

use super::source::{Source, SourceError, root_at};

/// What a place outside holds cannot be the past of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// What stands there is no checkpoint.
    #[error("what `{place}` holds is no checkpoint: find out who wrote it, or name another place")]
    Malformed {
        /// Where.
        place: Arc<str>,
        /// What is wrong.
        #[source]
        source: CheckpointError,
    },
    /// It is a checkpoint, and not of this log.
    #[error("`{place}` holds a checkpoint that this log has not signed: each log needs a place of its own")]
    Foreign {
        /// Where.
        place: Arc<str>,
        /// Why it is not believed.
        #[source]
        source: DistrustError,
    },
    /// The log is smaller than it once was.
    #[error(
        "the audit log was rolled back: `{place}` has seen {seen} records, the log has {found}; restore the newer log, or move this \
         directory and `{place}` away to begin a new log"
    )]
    RolledBack {
        /// Where.
        place: Arc<str>,
        /// How many records there once were.
        seen: u64,
        /// How many there are.
        found: u64,
    },
    /// The log is not the one that was seen.
    #[error(
        "the history of the audit log was changed: its first {size} records are not those that `{place}` has seen; keep both copies, and find \
         out which one is true"
    )]
    Forked {
        /// Where.
        place: Arc<str>,
        /// At which size they differ.
        size: u64,
    },
}

impl Mismatch {
    /// Whether this very log was seen, as its signature shows, and not the wrong place.
    pub(super) const fn is_about_this_log(&self) -> bool {
        match self {
            Self::RolledBack { .. } | Self::Forked { .. } => true,
            Self::Malformed { .. } | Self::Foreign { .. } => false,
        }
    }
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum HoldError {
    /// It is known, and wrong.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The log could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Holds the log, which has `size` records, against the bytes of a checkpoint. Reads the log, so it may block.
pub(super) fn hold(source: &dyn Source, size: u64, place: &Arc<str>, note: &[u8]) -> Result<Checkpoint, HoldError> {
    let place = Arc::clone(place);
    let signed = SignedCheckpoint::parse(note).map_err(|source| Mismatch::Malformed { place: Arc::clone(&place), source })?;
    let verified = source.trust().verify(&signed);
    verified.map_err(|source| Mismatch::Foreign { place: Arc::clone(&place), source })?;
    let seen = signed.checkpoint();
    hold_root(source, size, &place, seen.size(), seen.root())?;
    Ok(seen.clone())
}

/// Holds the log against a size and a root that it is known to have had.
pub(super) fn hold_root(source: &dyn Source, size: u64, place: &Arc<str>, seen: u64, root: &TreeHash) -> Result<(), HoldError> {
    let place = Arc::clone(place);
    if seen > size {
        return Err(Mismatch::RolledBack { place, seen, found: size }.into());
    }
    if root_at(source, seen)? != *root {
        return Err(Mismatch::Forked { place, size: seen }.into());
    }
    Ok(())
}

#[cfg(test)]
#[path = "hold_tests.rs"]
mod tests;
