//! What the archive asks of the file system it stands on, as a seam: tests put a full or failing one here, and cut its power.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::storage;

/// The file system of an archive.
pub trait Volume: Send + Sync {
    /// Makes `path` a file with these bytes, for its owner's eyes only. Whoever reads it sees all of it, or what was there before. It
    /// is written at `scratch`, in the same file system, first. It is not durable before [`Self::sync`].
    ///
    /// # Errors
    ///
    /// What the operating system reported; what was there before then still stands.
    fn write(&self, scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let written = write_new(scratch, bytes).and_then(|()| put_in_place(scratch, path));
        if written.is_err() {
            // Room for others; the next file is written over it anyway.
            let _ = std::fs::remove_file(scratch);
        }
        written
    }

    /// Returns when everything written to the file system survives a power cut. `root` is a directory in it that was opened before
    /// anything was written: it hears of every write that failed since (from Linux 5.8 on).
    ///
    /// # Errors
    ///
    /// What the operating system reported; what was written since the last success may then be lost, whatever reading it shows.
    fn sync(&self, root: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(root)?)
    }

    /// Replaces a file durably, all but the directories that this makes.
    ///
    /// # Errors
    ///
    /// What the operating system reported; either content may then stand.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        storage::make_private_directory(path.parent().unwrap_or(path))?;
        storage::replace_file(path, bytes)
    }

    /// Overwrites a part of a file in place, durably.
    ///
    /// # Errors
    ///
    /// What the operating system reported; the part may then be overwritten by half.
    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.write_all_at(bytes, at)?;
        file.sync_data()
    }

    /// Removes a file; one that is not there is as good as removed.
    ///
    /// # Errors
    ///
    /// What the operating system reported.
    fn remove(&self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// A real local file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalVolume;

impl Volume for LocalVolume {}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

fn put_in_place(scratch: &Path, path: &Path) -> io::Result<()> {
    match std::fs::rename(scratch, path) {
        // A new group of tiles.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            storage::make_private_directory(path.parent().unwrap_or(path))?;
            std::fs::rename(scratch, path)
        }
        moved => moved,
    }
}
