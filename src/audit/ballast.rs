//! A file that only takes up room, so that there is some to give back: a log on a full disk cannot even be opened.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use crate::storage::Disk;

/// How much room it holds, in bytes: enough for the database to open.
const SIZE: u64 = 16 << 20;

/// Makes the file when it is missing and the disk has room for it well above the low-water mark. The log works without it.
pub(super) fn ensure(directory: &Path, disk: &dyn Disk, low_water: u64) {
    let path = file(directory);
    let room = disk.free_bytes(directory).is_ok_and(|free| free > low_water.saturating_add(4 * SIZE));
    if path.exists() || !room {
        return;
    }
    let made = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|file| {
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, SIZE).map_err(Into::into)
    });
    if let Err(error) = made {
        tracing::warn!(%error, "failed to set room aside for the audit log");
        // An empty file would look like room that was set aside; the next start tries again.
        let _ = std::fs::remove_file(&path);
    }
}

/// Gives the room back; `false` when there was none.
pub(super) fn release(directory: &Path) -> bool {
    let released = std::fs::remove_file(file(directory)).is_ok();
    if released {
        tracing::warn!("the disk of the audit log is full: the room that was set aside is given back");
    }
    released
}

fn file(directory: &Path) -> PathBuf {
    directory.join("ballast")
}
