//! What keeps a place from having the log: faults that pass, and contradictions that do not.

use std::error::Error;
use std::io;
use std::sync::Arc;

use super::hold::{HoldError, Mismatch};
use super::source::SourceError;
use super::store::StoreError;

/// Why a round did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Hitch {
    /// The sink and the log contradict each other.
    #[error(transparent)]
    Fork(#[from] Fork),
    /// The sink did not do what it was asked to.
    #[error(transparent)]
    Store(StoreError),
    /// The log could not be read, or is damaged.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The cursor could not be written.
    #[error("failed to write the cursor of the sink")]
    Cursor(#[source] io::Error),
}

/// The sink and the log contradict each other.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fork {
    /// A tile or bundle is not what it was.
    #[error(
        "fork: `{store}` holds other bytes under `{name}` than this log has: another log was sent there, or the history was changed"
    )]
    Tile {
        /// The location.
        store: Arc<str>,
        /// The object.
        name: String,
    },
    /// A checkpoint is not of this log's past.
    #[error(transparent)]
    Checkpoint(#[from] Mismatch),
}

impl From<StoreError> for Hitch {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Different { store, name } => Fork::Tile { store, name }.into(),
            other => Self::Store(other),
        }
    }
}

impl From<HoldError> for Hitch {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Mismatch(mismatch) => Fork::Checkpoint(mismatch).into(),
            HoldError::Source(source) => source.into(),
        }
    }
}

/// An error with its causes on one line, cut where servers begin to send pages.
pub(super) fn told(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some repeat what they were caused by.
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    parts.join(": ").chars().map(plain).take(400).collect()
}
