//! How far the archive goes, in a file of its own: `{"archived":N,"pruned":M,"v":1}`.
//!
//! Records below N are durable in the archive; the bundles of those below M are gone, or about to be.

use std::io;
use std::path::PathBuf;

use serde::Deserialize;

use super::layout::{Layout, whole_bundles};
use crate::audit::json::Json;

/// The version of the file's form.
const VERSION: u64 = 1;

/// Why it cannot be told how far the archive goes.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// The file cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file does not say it.
    #[error("`{0}` does not say how far the archive goes: restore it from a copy")]
    Damaged(PathBuf),
}

/// How far the archive goes. INVARIANT: both are at the end of a bundle, and no more is pruned than was archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marker {
    pub(super) archived: u64,
    pub(super) pruned: u64,
}

#[derive(Deserialize)]
struct Text {
    archived: u64,
    pruned: u64,
    v: u64,
}

impl Marker {
    /// Reads the file; where there is none, nothing is archived.
    pub(super) fn read(layout: &Layout) -> Result<Self, MarkerError> {
        let path = layout.marker();
        match std::fs::read(&path) {
            Ok(text) => Self::parse(&text).ok_or(MarkerError::Damaged(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(MarkerError::Read { path, source }),
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let Text { archived, pruned, v } = serde_json::from_slice(text).ok()?;
        let whole = [archived, pruned].iter().all(|end| whole_bundles(*end) == *end);
        (v == VERSION && whole && pruned <= archived).then_some(Self { archived, pruned })
    }

    /// The content of the file.
    pub(super) fn text(self) -> Vec<u8> {
        let mut json = Json::default();
        json.open_object();
        json.key("archived").integer(self.archived);
        json.key("pruned").integer(self.pruned);
        json.key("v").integer(VERSION);
        json.close_object();
        let mut text = json.into_text();
        text.push(b'\n');
        text
    }
}

#[cfg(test)]
#[path = "marker_tests.rs"]
mod tests;
