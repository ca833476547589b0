//! How far a sink has the log: a small file in the directory of the log that moves only after everything before it arrived.
//!
//! It holds the root at that size as well, so that a log that was exchanged under it is noticed. A file that is missing or damaged
//! means a new sink: everything is sent again, which objects with fixed names make harmless.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audit::tlog::TreeHash;
use crate::storage;

/// The folder in the directory of the log.
const FOLDER: &str = "cursors";

/// How far a sink has the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the next record that it lacks.
    pub(super) next: u64,
    /// The root of the records before that.
    pub(super) root: TreeHash,
    /// Entry bundles below this number were pruned before the sink had them, and are not there.
    pub(super) skipped: u64,
}

impl Position {
    /// A sink that has nothing.
    pub(super) const START: Self = Self { next: 0, root: TreeHash::EMPTY, skipped: 0 };
}

/// The form in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    next: u64,
    root: String,
    skipped: u64,
    /// For people; nothing reads it.
    sink: String,
    v: u64,
}

/// The sink that has the least of the log, by its file, and how many records it has; nothing when there is no sink. A file that cannot
/// be read stands for a sink that has nothing.
pub(in crate::audit) fn smallest_cursor(directory: &Path) -> Option<(PathBuf, u64)> {
    let files = std::fs::read_dir(directory.join(FOLDER)).into_iter().flatten().flatten().map(|entry| entry.path());
    let cursors = files.map(|path| {
        let stored = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        (path, stored.map_or(0, |stored| stored.next))
    });
    cursors.min_by_key(|(_, next)| *next)
}

/// The file of one sink.
#[derive(Debug, Clone)]
pub(super) struct CursorFile {
    path: PathBuf,
    sink: String,
}

impl CursorFile {
    /// The file of the sink with this id and name, in the directory of the log.
    pub(super) fn new(directory: &Path, id: &str, sink: &str) -> Self {
        Self { path: directory.join(FOLDER).join(id), sink: sink.to_owned() }
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the position.
    pub(super) fn read(&self) -> io::Result<Position> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Position::START),
            Err(error) => return Err(error),
        };
        let position = parse(&text);
        if position.is_none() {
            tracing::warn!(file = %self.path.display(), "a cursor of the audit log is damaged: everything is sent again");
        }
        Ok(position.unwrap_or(Position::START))
    }

    /// Writes the position durably.
    pub(super) fn write(&self, position: &Position) -> io::Result<()> {
        let Position { next, root, skipped } = *position;
        let stored = Stored { next, root: root.to_string(), skipped, sink: self.sink.clone(), v: 1 };
        let mut text = serde_json::to_vec(&stored)?;
        text.push(b'\n');
        self.path.parent().map_or(Ok(()), storage::make_private_directory)?;
        storage::replace_file(&self.path, &text)
    }
}

fn parse(text: &[u8]) -> Option<Position> {
    let stored: Stored = serde_json::from_slice(text).ok()?;
    let root = TreeHash::parse(&stored.root)?;
    (stored.v == 1).then_some(Position { next: stored.next, root, skipped: stored.skipped })
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
