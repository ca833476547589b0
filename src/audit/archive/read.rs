//! Reads the archive: records, what was kept of them, and the hashes of the tree.
//!
//! In the process that writes, readers see at once what is durable. Elsewhere they see what the marker says, as of
//! [`ArchiveReader::open`] or the last [`ArchiveReader::refresh`]. Files never change, so nothing is locked.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::bundle::Bundle;
use super::kept;
use super::layout::{BUNDLE, Layout, bundle_of, leaf_hashes_of};
use super::marker::{Marker, MarkerError};
use super::tiles::TileCache;
use crate::audit::StoredRecord;
use crate::audit::tlog::Tile;
use crate::audit::tlog::frontier::FrontierError;
use crate::audit::tlog::tile::{FULL, decode_hashes};

/// Why something could not be read from the archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is not there on purpose.
    #[error("record {seq} was pruned; the log begins at record {pruned}")]
    Pruned {
        /// The record.
        seq: u64,
        /// The first that is still there.
        pruned: u64,
    },
    /// It should be there.
    #[error("`{0}` is missing")]
    Missing(PathBuf),
    /// A file is not what was written.
    #[error("record {seq} in `{path}`: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The record.
        seq: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A hash tile is not what was written.
    #[error("the hash tile `{0}` is cut short or too long")]
    Tile(PathBuf),
    /// A file could not be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The marker could not be read.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// The tree has no such part.
    #[error(transparent)]
    Tree(#[from] FrontierError),
}

/// What the writer and its readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) layout: Layout,
    /// Whether the writer is in this process, and says itself how far the archive goes. What the marker says may not be durable yet.
    is_written: bool,
    archived: AtomicU64,
    pruned: AtomicU64,
    pub(super) tiles: TileCache,
    /// Segments of the index that a reader found damaged, for the writer to make anew.
    pub(super) damaged_segments: Mutex<BTreeSet<u64>>,
}

impl Shared {
    pub(super) fn new(layout: Layout, marker: Marker, is_written: bool) -> Self {
        let (archived, pruned) = (marker.archived.into(), marker.pruned.into());
        Self { layout, is_written, archived, pruned, tiles: TileCache::default(), damaged_segments: Mutex::default() }
    }

    pub(super) fn marker(&self) -> Marker {
        // What is pruned first: it never passes what is archived.
        let pruned = self.pruned.load(Ordering::Acquire);
        Marker { archived: self.archived.load(Ordering::Acquire), pruned }
    }

    /// Lets readers see more, or less. Neither number ever goes back.
    pub(super) fn advance(&self, marker: Marker) {
        self.archived.fetch_max(marker.archived, Ordering::AcqRel);
        self.pruned.fetch_max(marker.pruned, Ordering::AcqRel);
    }
}

/// Reads the archive. Clones share what they know.
#[derive(Debug, Clone)]
pub struct ArchiveReader {
    pub(super) shared: Arc<Shared>,
}

impl ArchiveReader {
    /// Reads the archive of the log in `directory`, which another process may be writing.
    ///
    /// # Errors
    ///
    /// [`MarkerError`].
    pub fn open(directory: &Path) -> Result<Self, MarkerError> {
        let layout = Layout::new(directory);
        let marker = Marker::read(&layout)?;
        Ok(Self { shared: Arc::new(Shared::new(layout, marker, false)) })
    }

    /// Sees what has been archived and pruned since, when another process writes. In the process that writes it is seen at once.
    ///
    /// # Errors
    ///
    /// [`MarkerError`].
    pub fn refresh(&self) -> Result<(), MarkerError> {
        if !self.shared.is_written {
            self.shared.advance(Marker::read(self.layout())?);
        }
        Ok(())
    }

    /// How many records are archived; a multiple of 256.
    #[must_use]
    pub fn archived(&self) -> u64 {
        self.shared.marker().archived
    }

    /// How many of them, from the first on, are gone; a multiple of 256.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.shared.marker().pruned
    }

    /// Where its files are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// The bundle that holds records from `256 * index` on; nothing when it is not archived.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]; one of its own when the bundle was pruned.
    pub fn bundle(&self, index: u64) -> Result<Option<Bundle>, ArchiveError> {
        let first = index.saturating_mul(FULL.into());
        let Some(tile) = bundle_of(first, self.archived()) else { return Ok(None) };
        self.require_present(first)?;
        let hashes = leaf_hashes_of(tile).ok_or(FrontierError::TooLarge)?;
        let hashes = self.read_hashes(hashes)?;
        let path = self.layout().tile(tile);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // It may have been pruned a moment ago, by another process perhaps.
                self.refresh()?;
                self.require_present(first)?;
                return Err(ArchiveError::Missing(path));
            }
            Err(source) => return Err(ArchiveError::Read { path, source }),
        };
        Bundle::decode(path, first, bytes, hashes).map(Some)
    }

    fn require_present(&self, seq: u64) -> Result<(), ArchiveError> {
        let pruned = self.pruned();
        if seq < pruned { Err(ArchiveError::Pruned { seq, pruned }) } else { Ok(()) }
    }

    /// The record with a number; nothing when it is not archived.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn get(&self, seq: u64) -> Result<Option<StoredRecord>, ArchiveError> {
        self.bundle(seq / u64::from(FULL))?.map(|bundle| bundle.record(seq)).transpose()
    }

    /// The records from a number on, as far as they are archived when the iterator gets there. It ends after an error.
    #[must_use]
    pub fn range(&self, from: u64) -> ArchivedRecords {
        ArchivedRecords { archive: self.clone(), bundle: None, next: Some(from) }
    }

    /// What was kept of a call, enciphered; nothing when nothing was, when it was erased, or when it is not archived.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]; one of its own when it was pruned.
    pub fn kept(&self, seq: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(bundle) = bundle_of(seq, self.archived()) else { return Ok(None) };
        self.require_present(seq)?;
        let path = self.layout().kept(bundle);
        let Some(file) = read_if_there(&path)? else { return Ok(None) };
        let found = kept::find(&file, place_of(seq)).map_err(|kept::Damaged| damaged_kept(path, seq))?;
        let bytes = found.and_then(|range| file.get(range)).filter(|bytes| !kept::is_erased(bytes));
        Ok(bytes.map(<[u8]>::to_vec))
    }

    /// The hashes of a full tile, from its file.
    pub(super) fn read_hashes(&self, tile: Tile) -> Result<Vec<crate::audit::tlog::TreeHash>, ArchiveError> {
        let path = self.layout().tile(tile);
        let bytes = read_if_there(&path)?.ok_or_else(|| ArchiveError::Missing(path.clone()))?;
        decode_hashes(tile, &bytes).ok_or(ArchiveError::Tile(path))
    }
}

/// The content of a file; nothing when there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ArchiveError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ArchiveError::Read { path: path.into(), source }),
    }
}

/// Where in its bundle a record stands.
pub(super) fn place_of(seq: u64) -> u8 {
    u8::try_from(seq % BUNDLE as u64).unwrap_or(u8::MAX)
}

pub(super) fn damaged_kept(path: PathBuf, seq: u64) -> ArchiveError {
    ArchiveError::Damaged { path, seq, what: "what was kept in its bundle is cut short" }
}

/// Archived records in the order of the log.
#[derive(Debug)]
pub struct ArchivedRecords {
    archive: ArchiveReader,
    bundle: Option<Bundle>,
    next: Option<u64>,
}

impl ArchivedRecords {
    /// The record with a number; nothing when it is not archived.
    fn read(&mut self, seq: u64) -> Result<Option<StoredRecord>, ArchiveError> {
        let index = seq / u64::from(FULL);
        if self.bundle.as_ref().is_none_or(|bundle| bundle.first() / u64::from(FULL) != index) {
            self.bundle = self.archive.bundle(index)?;
        }
        self.bundle.as_ref().map(|bundle| bundle.record(seq)).transpose()
    }
}

impl Iterator for ArchivedRecords {
    type Item = Result<StoredRecord, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let seq = self.next?;
        let record = self.read(seq).transpose();
        self.next = if matches!(record, Some(Ok(_))) { seq.checked_add(1) } else { None };
        record
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
