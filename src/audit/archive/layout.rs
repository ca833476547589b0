//! Where the files of the archive are, below the log's directory.
//!
//! `tiles/` alone is a log in the layout of C2SP tlog-tiles. What is private stands apart from it, under the same names of bundles.

use std::path::{Path, PathBuf};

use crate::audit::tlog::Tile;
use crate::audit::tlog::tile::{Content, FULL};

/// How many records a bundle holds.
pub const BUNDLE: usize = FULL as usize;
/// How many records a segment of the index covers.
pub const SEGMENT: u64 = 16_384;

/// The names of everything in the archive.
#[derive(Debug, Clone)]
pub struct Layout {
    directory: PathBuf,
    segment: u64,
}

impl Layout {
    /// The archive of the log in this directory.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.into(), segment: SEGMENT }
    }

    /// The same with shorter segments.
    #[cfg(test)]
    pub(super) fn with_segments_of(self, records: u64) -> Self {
        Self { segment: records, ..self }
    }

    /// The log's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How far the archive goes.
    #[must_use]
    pub fn marker(&self) -> PathBuf {
        self.directory.join("archived")
    }

    /// What can be published as it is.
    #[must_use]
    pub fn tiles(&self) -> PathBuf {
        self.directory.join("tiles")
    }

    /// The checkpoint over everything in `tiles/`, written when the log is closed.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.tiles().join("checkpoint")
    }

    /// An entry bundle or a hash tile.
    #[must_use]
    pub fn tile(&self, tile: Tile) -> PathBuf {
        self.tiles().join(tile.to_string())
    }

    /// Where entry bundles are.
    #[must_use]
    pub fn bundles(&self) -> PathBuf {
        self.tiles().join("tile/entries")
    }

    /// Where what was kept of calls is.
    #[must_use]
    pub fn all_kept(&self) -> PathBuf {
        self.directory.join("private/kept")
    }

    /// What was kept of the calls in an entry bundle.
    #[must_use]
    pub fn kept(&self, bundle: Tile) -> PathBuf {
        let name = bundle.to_string();
        self.all_kept().join(name.strip_prefix("tile/entries/").unwrap_or(&name))
    }

    /// Where the segments of the index are.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.directory.join("index")
    }

    /// The segment of the index that begins with a record.
    #[must_use]
    pub fn segment(&self, first: u64) -> PathBuf {
        self.index().join(format!("{first:016}"))
    }

    /// How many records a segment of the index covers.
    #[must_use]
    pub const fn segment_len(&self) -> u64 {
        self.segment
    }

    /// Where a file is written before it takes the place of its name; at most one at a time.
    pub(super) fn scratch(&self) -> PathBuf {
        self.directory.join("archive.new")
    }
}

/// The entry bundle that a record stands in; nothing when it is not one of the first `size`.
pub(super) fn bundle_of(seq: u64, size: u64) -> Option<Tile> {
    Tile::in_tree(Content::Entries, seq / u64::from(FULL), size).filter(|_| seq < size)
}

/// The tile of leaf hashes under an entry bundle.
pub(super) fn leaf_hashes_of(bundle: Tile) -> Option<Tile> {
    let first = bundle.index().checked_mul(u64::from(FULL))?;
    Tile::in_tree(Content::Hashes(0), bundle.index(), first.checked_add(bundle.width().into())?)
}

/// The number of records in full bundles.
pub(super) const fn whole_bundles(size: u64) -> u64 {
    size - size % FULL as u64
}
