//! Forgetting: old bundles are removed, and what was kept of a call is overwritten. Proofs hold all the same, because hashes stay.

use std::io;
use std::path::{Path, PathBuf};

use super::files::{Archive, WriteError};
use super::kept;
use super::layout::{BUNDLE, Layout, bundle_of, whole_bundles};
use super::marker::Marker;
use super::read::{damaged_kept, place_of, read_if_there};
use super::volume::Volume;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many files.
    pub files: u64,
    /// How long they were together.
    pub bytes: u64,
}

impl Archive {
    /// Removes the bundles of records below `min_index`, and what was kept and indexed of them.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; once the marker is written, the next call, or opening the archive, removes what is left.
    pub fn prune(&mut self, min_index: u64) -> Result<Removed, WriteError> {
        let marker = self.shared.marker();
        if min_index > marker.archived {
            return Err(WriteError::NotArchived { wanted: min_index, archived: marker.archived });
        }
        let pruned = whole_bundles(min_index);
        if pruned > marker.pruned {
            self.mark(Marker { pruned, ..marker })?;
        }
        self.finish_pruning()
    }

    /// Removes what the marker says is pruned.
    pub(super) fn finish_pruning(&self) -> Result<Removed, WriteError> {
        let sweep = Sweep { pruned: self.shared.marker().pruned, volume: self.volume.as_ref(), removed: Removed::default() };
        sweep.run(self.layout()).map_err(|(path, source)| WriteError::Io { step: "remove", path, source })
    }

    /// Overwrites what was kept of a call, and tells whether there was something.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; then it may still be there.
    pub fn erase_kept(&mut self, seq: u64) -> Result<bool, WriteError> {
        let Some(bundle) = bundle_of(seq, whole_bundles(self.size())) else { return Ok(false) };
        let path = self.layout().kept(bundle);
        let Some(file) = read_if_there(&path)? else { return Ok(false) };
        let found = kept::find(&file, place_of(seq)).map_err(|kept::Damaged| damaged_kept(path.clone(), seq))?;
        let Some(range) = found.filter(|range| !file.get(range.clone()).is_none_or(kept::is_erased)) else { return Ok(false) };
        let written = self.volume.overwrite(&path, range.start as u64, &vec![0; range.len()]);
        written.map_err(|source| WriteError::Io { step: "overwrite", path, source })?;
        Ok(true)
    }
}

/// A file, and why it could not be removed.
type Failed = (PathBuf, io::Error);

/// One look through all directories for what is to go. INVARIANT: it finds it however much of it an earlier one removed.
struct Sweep<'a> {
    pruned: u64,
    volume: &'a dyn Volume,
    removed: Removed,
}

impl Sweep<'_> {
    fn run(mut self, layout: &Layout) -> Result<Removed, Failed> {
        if self.pruned > 0 {
            self.group(&layout.bundles(), 0)?;
            self.group(&layout.all_kept(), 0)?;
            self.segments(&layout.index(), layout.segment_len())?;
        }
        Ok(self.removed)
    }

    /// The bundles in one directory, whose names go on after the digits of `prefix`: `067`, `067.p/` with partial ones in it, and
    /// `x067/` with those of which there are a thousand times as many.
    fn group(&mut self, directory: &Path, prefix: u64) -> Result<(), Failed> {
        let end = self.pruned / BUNDLE as u64;
        for (path, name) in list(directory)? {
            let index = |digits: &str| Some(prefix * 1000 + digits.parse::<u16>().ok().map(u64::from)?);
            if let Some(inner) = name.strip_prefix('x').and_then(index) {
                if inner * 1000 < end {
                    self.group(&path, inner)?;
                    // It stays when there is something in it.
                    let _ = std::fs::remove_dir(&path);
                }
            } else if let Some(outgrown) = name.strip_suffix(".p").and_then(index) {
                if outgrown < end {
                    list(&path)?.iter().try_for_each(|(path, _)| self.remove(path))?;
                    let _ = std::fs::remove_dir(&path);
                }
            } else if index(&name).is_some_and(|index| index < end) {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    fn segments(&mut self, directory: &Path, length: u64) -> Result<(), Failed> {
        let end = |name: &str| name.parse::<u64>().ok()?.checked_add(length);
        let gone = list(directory)?.into_iter().filter(|(_, name)| end(name).is_some_and(|end| end <= self.pruned));
        gone.collect::<Vec<_>>().iter().try_for_each(|(path, _)| self.remove(path))
    }

    fn remove(&mut self, path: &Path) -> Result<(), Failed> {
        let failed = |source| (path.to_owned(), source);
        let bytes = path.metadata().map_err(failed)?.len();
        self.volume.remove(path).map_err(failed)?;
        self.removed = Removed { files: self.removed.files + 1, bytes: self.removed.bytes + bytes };
        Ok(())
    }
}

/// What is in a directory, with names; nothing when it is not there.
fn list(directory: &Path) -> Result<Vec<(PathBuf, String)>, Failed> {
    let failed = |source| (directory.to_owned(), source);
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let named = entries.map(|entry| entry.map(|entry| (entry.path(), entry.file_name().to_string_lossy().into_owned())));
    named.collect::<io::Result<_>>().map_err(failed)
}

#[cfg(test)]
#[path = "prune_tests.rs"]
mod tests;
