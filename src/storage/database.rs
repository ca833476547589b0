//! One database directory: made whole or not at all, opened by one process, committed durably, read in key order.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sled::IVec;

use super::contain::contained;
use super::disk::Disk;
use super::files::{sync_directory, sync_tree};

/// How often, and in which steps, a database that was just closed is tried again: two seconds in all.
const LOCK_LOOKS: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The largest value that may be stored, in bytes. With at most about 17 values a page, pages stay below sled's limit for
/// pages that it stores outside the synced file (a quarter of a segment).
pub const MAX_VALUE: usize = 48 << 10;

/// The unit in which sled lays out and reuses its file, in bytes. It can never change for a database that exists. sled keeps several
/// buffers of this size, so that a larger one would only cost memory.
pub(super) const SEGMENT: usize = 4 << 20;

/// What sled may keep of the database in memory, in bytes of serialized pages.
const CACHE: u64 = 8 << 20;

/// Why a database call failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database library reported an error.
    #[error("the database reported: {0}")]
    Database(String),
    /// The database library panicked, which it does when its file is damaged.
    #[error("the database file is damaged: {0}")]
    Panicked(String),
    /// The operating system reported an error.
    #[error("the disk reported an error")]
    Disk(#[from] io::Error),
    /// A value is longer than [`MAX_VALUE`].
    #[error("a value of {0} bytes is too long to be stored safely")]
    TooLong(usize),
}

impl From<sled::Error> for StorageError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(source) => Self::Disk(source),
            other => Self::Database(other.to_string()),
        }
    }
}

/// Why a database could not be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("`{0}` is in use by another process")]
    Locked(PathBuf),
    /// The disk is full; opening needs some room.
    #[error("the disk is full, and `{0}` cannot be opened without some room: free a few megabytes")]
    Full(PathBuf),
    /// The files are damaged.
    #[error(
        "`{path}` is damaged; keep it as it is. On a copy, removing `conf`, and then `snap.*`, may let it open again, but only \
         `cedarpost audit verify` tells whether the copy still holds everything"
    )]
    Damaged {
        /// The database directory.
        path: PathBuf,
        /// What the database library said.
        #[source]
        source: StorageError,
    },
    /// The operating system reported an error.
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
}

/// An open database. Clones share it; it is closed, and its lock freed, when the last clone is dropped.
#[derive(Clone)]
pub struct Database {
    db: Handle,
    /// Our own descriptor of sled's data file: its errors reach us, sled's are only logged.
    file: Arc<File>,
    disk: Arc<dyn Disk>,
}

/// The library's handle. Closing the last one writes and syncs, and panics when the disk fails at that: whoever drops it must not.
#[derive(Clone)]
struct Handle(Option<sled::Db>);

impl Handle {
    fn get(&self) -> sled::Result<&sled::Db> {
        self.0.as_ref().ok_or_else(|| sled::Error::Unsupported("the database is closed".into()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let db = self.0.take();
        if let Err(error) = contained(|| {
            drop(db);
            Ok(())
        }) {
            // What was committed is durable; what is lost is only what a new start makes again.
            tracing::warn!(%error, "a database could not be closed in order");
        }
    }
}

impl Database {
    /// Opens the database in the directory `path`. Whoever calls this sees to it that no other process is about to do the same.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing was changed except what sled's recovery itself does.
    pub fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        remove_unfinished_snapshots(path).map_err(|source| OpenError::Io { step: "clean", path: path.into(), source })?;
        let db = Handle(Some(contained(|| settings(path).open()).map_err(|error| refuse(path, error))?));
        let data = path.join("db");
        let file = File::open(&data).map_err(|source| OpenError::Io { step: "open", path: data, source })?;
        Ok(Self { db, file: Arc::new(file), disk })
    }

    /// Makes a database with these first entries in the directory `path`, which must not exist. A crash leaves a whole one or none:
    /// sled writes some of its files without syncing them, and cannot open a directory where they are half written.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; also when another process was faster.
    pub fn create(path: &Path, first: Batch, disk: &Arc<dyn Disk>) -> Result<Self, OpenError> {
        let fresh = path.with_extension(format!("new-{}", std::process::id()));
        let io = |step| {
            let path = fresh.clone();
            move |source| OpenError::Io { step, path, source }
        };
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(io("remove the unfinished"))?;
        }
        super::make_private_directory(&fresh).map_err(io("make"))?;
        let made = Self::fill(&fresh, first, disk).and_then(|()| Self::move_into_place(&fresh, path, disk));
        if made.is_err() {
            // The room is needed by others; the next attempt would remove it, too.
            let _ = std::fs::remove_dir_all(&fresh);
        }
        made
    }

    fn fill(fresh: &Path, first: Batch, disk: &Arc<dyn Disk>) -> Result<(), OpenError> {
        let mut first = Some(first.checked().map_err(|error| refuse(fresh, error))?);
        let written = disk.write(&mut || {
            let first = first.take().unwrap_or_default();
            contained(|| settings(fresh).open().and_then(|db| write(&db, first)))
        });
        written.map_err(|error| refuse(fresh, error))
    }

    /// Makes the closed database in `fresh` durable, gives it the name `path`, and opens it.
    pub(super) fn move_into_place(fresh: &Path, path: &Path, disk: &Arc<dyn Disk>) -> Result<Self, OpenError> {
        let io = |step| move |source| OpenError::Io { step, path: fresh.into(), source };
        sync_tree(fresh).map_err(io("sync"))?;
        std::fs::rename(fresh, path).map_err(io("put in place"))?;
        sync_directory(path.parent().unwrap_or(path)).map_err(io("sync the directory of"))?;
        Self::reopen(path, disk)
    }

    /// Opens a database that this process may just have closed: sled's threads hold its lock a moment longer.
    ///
    /// # Errors
    ///
    /// As [`Database::open`].
    pub fn reopen(path: &Path, disk: &Arc<dyn Disk>) -> Result<Self, OpenError> {
        let mut patience = LOCK_LOOKS;
        loop {
            match Self::open(path, Arc::clone(disk)) {
                Err(OpenError::Locked(_)) if patience > 0 => {
                    patience -= 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                opened => return opened,
            }
        }
    }

    /// Writes a batch in its order, and returns when it survives a power cut. For one thread that may block. A crash before that
    /// leaves the writes up to one of them, each whole.
    ///
    /// # Errors
    ///
    /// After any error it is not known how much of the batch is stored: give the database up ([`Database::abandon`]).
    pub fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        let mut writes = Some(batch.checked()?);
        self.disk.write(&mut || {
            let writes = writes.take().unwrap_or_default();
            contained(|| write(self.db.get()?, writes))
        })?;
        // sled's flush leaves the data in the disk's volatile cache at best.
        Ok(self.disk.sync(&self.file)?)
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when it cannot be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Slice>, StorageError> {
        Ok(contained(|| self.db.get()?.get(key))?.map(Slice))
    }

    /// The last entry whose key is at most `key` and begins with `prefix`.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when it cannot be read.
    pub fn last_until(&self, prefix: &[u8], key: &[u8]) -> Result<Option<(Slice, Slice)>, StorageError> {
        let found = contained(|| self.db.get()?.range(prefix..=key).next_back().transpose())?;
        Ok(found.filter(|(key, _)| key.starts_with(prefix)).map(|(key, value)| (Slice(key), Slice(value))))
    }

    /// The entries from `from` on, as long as their keys begin with `prefix`, in key order.
    #[must_use]
    pub fn range(&self, prefix: &[u8], from: &[u8]) -> Range {
        Range { entries: self.db.get().ok().map(|db| db.range(from..)), prefix: prefix.to_vec() }
    }

    /// The length of the file that holds the data, in bytes; 0 when nobody can tell.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.file.metadata().map_or(0, |file| file.len())
    }

    /// Gives up a database after an error: its lock and memory stay until the process ends, because closing it would write.
    pub fn abandon(self) {
        std::mem::forget(self);
    }
}

/// A key and its new value; none removes it.
type Write = (IVec, Option<IVec>);

/// Writes that happen in order and become durable together.
#[derive(Debug, Default)]
pub struct Batch {
    writes: Vec<Write>,
    longest: usize,
}

impl Batch {
    /// Stores a value (at most [`MAX_VALUE`] bytes) under a key.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.longest = self.longest.max(value.len());
        self.writes.push((key.into(), Some(value.into())));
    }

    /// Removes a key and its value.
    pub fn remove(&mut self, key: &[u8]) {
        self.writes.push((key.into(), None));
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    fn checked(self) -> Result<Vec<Write>, StorageError> {
        if self.longest > MAX_VALUE { Err(StorageError::TooLong(self.longest)) } else { Ok(self.writes) }
    }
}

/// Writes in order, and hands everything to the operating system.
///
/// sled's own batches are atomic, but each costs a second write to the disk and wakes every thread of its pool once more.
fn write(db: &sled::Db, writes: Vec<Write>) -> sled::Result<()> {
    for (key, value) in writes {
        match value {
            Some(value) => db.insert(key, value)?,
            None => db.remove(key)?,
        };
    }
    db.flush().map(drop)
}

/// Bytes that the database lends out.
#[derive(Debug, Clone)]
pub struct Slice(IVec);

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Entries in key order.
pub struct Range {
    entries: Option<sled::Iter>,
    prefix: Vec<u8>,
}

impl Iterator for Range {
    type Item = Result<(Slice, Slice), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entries = self.entries.as_mut()?;
        let entry = match contained(|| entries.next().transpose()) {
            Ok(entry) => entry?,
            Err(error) => return Some(Err(error)),
        };
        entry.0.starts_with(&self.prefix).then(|| Ok((Slice(entry.0), Slice(entry.1))))
    }
}

/// Removes snapshots that a crash has left half written: sled takes each file with such a name for a snapshot, and refuses to open. One
/// that is whole has another name, and the one before it is still there.
fn remove_unfinished_snapshots(path: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_unfinished_snapshot(entry.file_name().as_bytes()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file of this name is a snapshot that is being written.
pub(super) fn is_unfinished_snapshot(name: &[u8]) -> bool {
    name.starts_with(b"snap.") && name.ends_with(b".generating")
}

fn settings(path: &Path) -> sled::Config {
    sled::Config::new().path(path).segment_size(SEGMENT).cache_capacity(CACHE).flush_every_ms(Some(500))
}

/// Says why opening failed in words for an operator.
fn refuse(path: &Path, error: StorageError) -> OpenError {
    match error {
        // sled wraps its lock failure in an error without a kind; the version is pinned, and a test holds this text.
        StorageError::Disk(source) if source.to_string().contains("could not acquire lock") => OpenError::Locked(path.into()),
        StorageError::Disk(source) if source.kind() == io::ErrorKind::StorageFull => OpenError::Full(path.into()),
        StorageError::Disk(source) => OpenError::Io { step: "open", path: path.into(), source },
        damage => OpenError::Damaged { path: path.into(), source: damage },
    }
}
