//! Writes the archive: full bundles of records and the tiles over them, as files that never change.
//!
//! Files are written without syncing each; [`Archive::make_durable`] syncs the file system once and then moves the marker, and only
//! below the marker does anything count. What an interrupted run left above it is written anew. One `Archive` writes at a time, which
//! is for the caller to see to.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::edge::Edge;
use super::kept;
use super::layout::{BUNDLE, Layout, bundle_of, whole_bundles};
use super::marker::Marker;
use super::read::{ArchiveError, ArchiveReader, Shared, read_if_there};
use super::volume::{LocalVolume, Volume};
use crate::audit::tlog::frontier::FrontierError;
use crate::audit::tlog::tile::{encode_entries, encode_hashes};
use crate::audit::tlog::{Frontier, Tile, TreeHash};
use crate::storage::make_private_directory;

/// Why the archive could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory could not be made or looked at.
    #[error("failed to open `{path}`")]
    Io {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A directory would not be synced with the rest.
    #[error("`{0}` is in another file system than the log's directory: both have to be in one")]
    OtherFileSystem(PathBuf),
    /// What is archived cannot be read.
    #[error(transparent)]
    Read(#[from] ArchiveError),
}

/// Why the archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file could not be written, synced or removed.
    #[error("failed to {step} `{path}`")]
    Io {
        /// What was being done, as a verb.
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Records are missing between those of the archive and those to append.
    #[error("the archive goes on at record {next}, not at record {first}")]
    Gap {
        /// Where it goes on.
        next: u64,
        /// What was to be appended.
        first: u64,
    },
    /// Records that are archived were to be archived with other bytes.
    #[error("`{path}` holds other records than those to archive, from record {first} on")]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The first record of its bundle.
        first: u64,
    },
    /// A record is too long for a bundle.
    #[error("one of the records from {0} on is longer than 65,535 bytes")]
    TooLong(u64),
    /// A checkpoint is not the one of these records.
    #[error("the checkpoint of {size} records is not the one of the records that are archived")]
    Checkpoint {
        /// The size it is of.
        size: u64,
    },
    /// Records that are not archived cannot be pruned.
    #[error("records below {wanted} cannot be pruned: only {archived} are archived")]
    NotArchived {
        /// What was to be pruned.
        wanted: u64,
        /// How many records are archived.
        archived: u64,
    },
    /// The tree cannot grow.
    #[error(transparent)]
    Tree(#[from] FrontierError),
    /// What is archived cannot be read.
    #[error(transparent)]
    Read(#[from] ArchiveError),
}

/// A record to archive.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its bytes.
    pub leaf: &'a [u8],
    /// What was kept of the call, enciphered.
    pub kept: Option<&'a [u8]>,
}

/// The archive, open for writing.
pub struct Archive {
    pub(super) volume: Arc<dyn Volume>,
    /// The log's directory, opened before anything was written.
    root: File,
    pub(super) shared: Arc<Shared>,
    /// The tree of everything that was appended.
    pub(super) edge: Edge,
    /// INVARIANT: the tree of what was appended before the last sync that succeeded; no file below it is written again, and the marker
    /// is never beyond it.
    synced: Edge,
    /// The segment of the index that is looked at next, by its first record.
    pub(super) next_segment: u64,
}

impl Archive {
    /// Opens the archive of the log in `directory`, or begins one.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Self::open_on(Layout::new(directory), Arc::new(LocalVolume))
    }

    /// The same on a given file system.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_on(layout: Layout, volume: Arc<dyn Volume>) -> Result<Self, OpenError> {
        let root = open_directories(&layout)?;
        let marker = Marker::read(&layout).map_err(ArchiveError::from)?;
        let reader = ArchiveReader { shared: Arc::new(Shared::new(layout, marker, true)) };
        let edge = Edge::restore(marker.archived, |tile| reader.read_hashes(tile))?;
        let archive = Self { volume, root, shared: reader.shared, synced: edge.clone(), edge, next_segment: 0 };
        if let Err(error) = archive.finish_pruning() {
            // It costs space and nothing else; the next pruning tries again.
            tracing::warn!(%error, "failed to remove pruned records from the audit log's archive");
        }
        Ok(archive)
    }

    /// How many records were appended; also the number of the next one.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// How many of them count: they survive a power cut.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.shared.marker().archived
    }

    /// The tree of everything that was appended.
    ///
    /// # Errors
    ///
    /// [`FrontierError`], which no log is long enough for.
    pub fn frontier(&self) -> Result<Frontier, FrontierError> {
        self.edge.frontier()
    }

    /// Reads what counts.
    #[must_use]
    pub fn reader(&self) -> ArchiveReader {
        ArchiveReader { shared: Arc::clone(&self.shared) }
    }

    /// Appends the bundle that begins with record `first`. One that was appended before is compared with what is there.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; then nothing was appended, and the same bundle can be tried again.
    pub fn append(&mut self, first: u64, entries: &[Entry<'_>; BUNDLE]) -> Result<(), WriteError> {
        let leaves = entries.iter().map(|entry| entry.leaf);
        let bytes = encode_entries(leaves.clone()).ok_or(WriteError::TooLong(first))?;
        let next = self.size();
        if first > next || whole_bundles(first) != first {
            return Err(WriteError::Gap { next, first });
        }
        let bundle = bundle_of(first, first + BUNDLE as u64).ok_or(FrontierError::TooLarge)?;
        if first < next {
            return self.compare(bundle, first, &bytes);
        }
        let (mut edge, mut full) = (self.edge.clone(), Vec::new());
        leaves.map(TreeHash::leaf).try_for_each(|hash| edge.append(hash, &mut full))?;
        self.write(&self.layout().tile(bundle), &bytes)?;
        let kept_path = self.layout().kept(bundle);
        match kept::encode(entries.iter().map(|entry| entry.kept)) {
            Some(kept) => self.write(&kept_path, &kept)?,
            None => self.remove(&kept_path)?,
        }
        full.iter().try_for_each(|(tile, row)| self.write(&self.layout().tile(*tile), &encode_hashes(row)))?;
        self.edge = edge;
        Ok(())
    }

    /// Refuses records other than those that were appended. What was kept may differ: it can be erased.
    fn compare(&self, bundle: Tile, first: u64, bytes: &[u8]) -> Result<(), WriteError> {
        if first < self.shared.marker().pruned {
            return Ok(());
        }
        let path = self.layout().tile(bundle);
        let there = read_if_there(&path)?.ok_or_else(|| ArchiveError::Missing(path.clone()))?;
        if there == bytes { Ok(()) } else { Err(WriteError::Conflict { path, first }) }
    }

    /// Makes everything that was appended durable, tells so in the marker, and hands back how many records that is.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what then is not known to be durable has to be appended again: [`Self::size`] says from where on.
    pub fn make_durable(&mut self) -> Result<u64, WriteError> {
        let marker = self.shared.marker();
        if marker.archived < self.size() {
            self.sync()?;
            self.mark(Marker { archived: self.synced.size(), ..marker })?;
        }
        Ok(self.durable())
    }

    pub(super) fn sync(&mut self) -> Result<(), WriteError> {
        if let Err(source) = self.volume.sync(&self.root) {
            // Pages whose writing failed may look written from now on, so that only new files help.
            self.edge = self.synced.clone();
            return Err(WriteError::Io { step: "sync", path: self.layout().directory().into(), source });
        }
        self.synced = self.edge.clone();
        Ok(())
    }

    /// Writes the marker. INVARIANT: what it says holds already.
    pub(super) fn mark(&self, marker: Marker) -> Result<(), WriteError> {
        self.replace(&self.layout().marker(), &marker.text())?;
        self.shared.advance(marker);
        Ok(())
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.volume.write(&self.layout().scratch(), path, bytes);
        written.map_err(|source| WriteError::Io { step: "write", path: path.into(), source })
    }

    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
        self.volume.replace(path, bytes).map_err(|source| WriteError::Io { step: "replace", path: path.into(), source })
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), WriteError> {
        self.volume.remove(path).map_err(|source| WriteError::Io { step: "remove", path: path.into(), source })
    }
}

/// Makes the directories that are missing and opens the log's own. One sync has to reach all of them.
fn open_directories(layout: &Layout) -> Result<File, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let directory = layout.directory();
    make_private_directory(directory).map_err(failed(directory))?;
    let root = File::open(directory).map_err(failed(directory))?;
    let device = root.metadata().map_err(failed(directory))?.dev();
    for path in [layout.tiles(), layout.all_kept(), layout.index()] {
        make_private_directory(&path).map_err(failed(&path))?;
        if path.metadata().map_err(failed(&path))?.dev() != device {
            return Err(OpenError::OtherFileSystem(path));
        }
    }
    // Whoever wrote the marker may have been killed before its name was durable.
    root.sync_all().map_err(failed(directory))?;
    Ok(root)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
