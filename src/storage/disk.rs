//! The steps of a commit that ask the disk for something, as a seam: tests put a failing, full or hanging disk here.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::StorageError;

/// What a database needs of the disk it stands on.
pub trait Disk: Send + Sync {
    /// Hands a batch to the operating system. `write` does it.
    ///
    /// # Errors
    ///
    /// What `write` reported.
    fn write(&self, write: &mut dyn FnMut() -> Result<(), StorageError>) -> Result<(), StorageError> {
        write()
    }

    /// Returns when everything written to `file` survives a power cut.
    ///
    /// # Errors
    ///
    /// What the operating system reported; what was written since the last success may then be lost.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// The bytes an unprivileged process can still write below `directory`.
    ///
    /// # Errors
    ///
    /// What the operating system reported.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(directory)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Writes and syncs a small file in `directory`, to see whether the disk works (again).
///
/// # Errors
///
/// What the operating system reported.
pub fn probe(directory: &Path, disk: &dyn Disk) -> Result<(), StorageError> {
    let path = directory.join("probe");
    let mut file = File::create(&path)?;
    disk.write(&mut || Ok(file.write_all(&[0; 4096])?))?;
    disk.sync(&file)?;
    Ok(std::fs::remove_file(&path)?)
}

/// A real local disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {}
