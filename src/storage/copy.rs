//! A consistent copy of a database that another process may be writing at the same time.
//!
//! sled lets one process open a database, and opening writes. So whoever only wants to read works on a copy that looks like what a
//! crash at some moment of copying would have left. This is possible because of how the files are laid out:
//!
//! - `db` is a row of segments; each begins with a header that names its position in the log, and inside a segment the log only
//!   grows. A segment changes in another way only when it is reused, and then its header changes. Hence the copy is repeated for
//!   the segments that are new or could still grow until one pass saw the same headers before and after.
//! - `conf` and `snap.*` are written only when a database is opened: they must be the same before and after that pass. The snapshot
//!   may not be left out: without it sled can take a log whose oldest segment was freed for an empty one.
//!
//! What remains is at most a torn end, and recovery drops a torn end. Everything that was durable before the copy began is in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::database::{Database, OpenError, SEGMENT, is_unfinished_snapshot};
use super::disk::{Disk, LocalDisk};

/// How many bytes a segment's header has (a checksum, the position in the log, the stable position; little-endian).
const HEADER: usize = 20;
/// How often a pass is repeated before the copy is given up; each is far quicker than the time a writer needs for a segment.
const PASSES: usize = 200;
/// How much is copied at a time.
const BLOCK: usize = 1 << 20;

/// Why no copy could be made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is not enough room for a copy.
    #[error("a copy of the log needs {needed} bytes in `{path}`, and only {free} are free: choose another directory for it")]
    NoRoom {
        /// Where the copy was to be.
        path: PathBuf,
        /// How long the database file is.
        needed: u64,
        /// How much room there is.
        free: u64,
    },
    /// The file is rewritten faster than it can be copied.
    #[error("the log is rewritten faster than it can be copied: try again when there is less load")]
    TooBusy,
    /// The operating system reported an error.
    #[error("failed to copy the log from `{path}`")]
    Io {
        /// The database directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The copy could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A copy of a database in a directory of its own, removed when this is dropped.
pub struct Copy {
    database: Database,
    original: File,
    /// What the original looked like when the copy began.
    before: Stamp,
    // INVARIANT: declared after `database`, so that the directory is removed after the database was closed.
    _directory: Scratch,
}

impl Copy {
    /// Copies the database in the directory `path` into a new directory below `scratch` and opens the copy. Takes no lock.
    ///
    /// # Errors
    ///
    /// [`CopyError`]; the original was not touched in any case.
    pub fn of(path: &Path, scratch: &Path) -> Result<Self, CopyError> {
        let io = |source| CopyError::Io { path: path.into(), source };
        let original = File::open(path.join("db")).map_err(io)?;
        let before = Stamp::of(&original).map_err(io)?;
        require_room(scratch, before.len, &LocalDisk).map_err(io)??;
        let directory = Scratch::new(scratch).map_err(io)?;
        if !copy_files(path, &original, &directory.0).map_err(io)? {
            return Err(CopyError::TooBusy);
        }
        let database = Database::open(&directory.0, Arc::new(LocalDisk))?;
        Ok(Self { database, original, before, _directory: directory })
    }

    /// The copied database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Makes a database in `to`, which must not exist, of what the files of the one in `from` hold, durably. For a database that this
    /// process has open and has given up after an error: what counts is what reached its files, not what it has in memory.
    ///
    /// # Errors
    ///
    /// [`CopyError`]; then there is nothing in `to`.
    pub fn rescue(from: &Path, to: &Path, disk: &Arc<dyn Disk>) -> Result<Database, CopyError> {
        let io = |source| CopyError::Io { path: from.into(), source };
        let original = File::open(from.join("db")).map_err(io)?;
        let parent = to.parent().unwrap_or(to);
        require_room(parent, original.metadata().map_err(io)?.len(), disk.as_ref()).map_err(io)??;
        let directory = Scratch::new(parent).map_err(io)?;
        if !copy_files(from, &original, &directory.0).map_err(io)? {
            return Err(CopyError::TooBusy);
        }
        Ok(Database::move_into_place(&directory.0, to, disk)?)
    }

    /// Whether nobody wrote to the original since the copy began: then a fault in the copy is a fault in the original.
    #[must_use]
    pub fn original_rests(&self) -> bool {
        Stamp::of(&self.original).is_ok_and(|now| now == self.before)
    }
}

/// What tells that a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self { len: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) })
    }
}

/// A private directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(parent: &Path) -> io::Result<Self> {
        let mut name = [0_u8; 8];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut name)
            .map_err(|_| io::Error::other("no randomness"))?;
        let path = parent.join(format!("cedarpost-copy-{:016x}", u64::from_le_bytes(name)));
        super::make_private_directory(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: a directory that stays behind is litter, not damage.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn require_room(scratch: &Path, needed: u64, disk: &dyn Disk) -> io::Result<Result<(), CopyError>> {
    let free = disk.free_bytes(scratch)?;
    Ok(if free < needed { Err(CopyError::NoRoom { path: scratch.into(), needed, free }) } else { Ok(()) })
}

/// Copies all files until they fit together; `false` when that never happened.
fn copy_files(from: &Path, original: &File, to: &Path) -> io::Result<bool> {
    let target = File::create_new(to.join("db"))?;
    let mut copied = Vec::new();
    for _ in 0..PASSES {
        let small = small_files(from)?;
        let segments = copy_new_segments(original, &target, &copied)?;
        if headers(original)? == segments && small_files(from)? == small {
            for (name, content) in small {
                std::fs::write(to.join(name), content)?;
            }
            return Ok(true);
        }
        copied = segments;
    }
    Ok(false)
}

/// The files beside the data, with their contents: a few kilobytes.
fn small_files(path: &Path) -> io::Result<BTreeMap<OsString, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let wanted = name == "conf" || name.as_bytes().starts_with(b"snap.");
        if !wanted || is_unfinished_snapshot(name.as_bytes()) {
            continue;
        }
        match std::fs::read(entry.path()) {
            Ok(content) => drop(files.insert(name, content)),
            // The sidecar that is just opening it has replaced it; the look after the pass will differ.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// Copies the segments that are not among the `copied`, or may have grown since; hands back those it saw before copying.
fn copy_new_segments(original: &File, target: &File, copied: &[Header]) -> io::Result<Vec<Header>> {
    let seen = headers(original)?;
    // A writer may still be busy with the newest two segments of the pass before.
    let grows_from = newest(copied).saturating_sub(2 * SEGMENT as u64);
    for (index, header) in seen.iter().enumerate() {
        let same = copied.get(index) == Some(header);
        if !same || header.position() >= grows_from {
            copy_segment(original, target, index as u64 * SEGMENT as u64)?;
        }
    }
    target.set_len(original.metadata()?.len())?;
    Ok(seen)
}

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header([u8; HEADER]);

impl Header {
    /// The segment's place in the log; 0 when it is not in use. sled stores it with all bits but the sign flipped.
    fn position(&self) -> u64 {
        let stored = self.0.get(4..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        if stored == 0 { 0 } else { stored ^ 0x7FFF_FFFF_FFFF_FFFF }
    }
}

fn newest(headers: &[Header]) -> u64 {
    headers.iter().map(Header::position).max().unwrap_or(0)
}

fn headers(file: &File) -> io::Result<Vec<Header>> {
    let len = file.metadata()?.len();
    let starts = (0..len).step_by(SEGMENT);
    starts
        .map(|start| {
            let mut header = [0; HEADER];
            read_up_to(file, &mut header, start)?;
            Ok(Header(header))
        })
        .collect()
}

fn copy_segment(original: &File, target: &File, start: u64) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    for offset in (start..start + SEGMENT as u64).step_by(BLOCK) {
        let len = read_up_to(original, &mut block, offset)?;
        target.write_all_at(block.get(..len).unwrap_or_default(), offset)?;
        if len < BLOCK {
            break;
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends.
fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
