//! Salts: 32 random bytes for each record, the keys of its commitment and of what was kept of it. Whoever destroys one has erased both.
//!
//! They are in files of their own, `private/salts/<first, 16 digits>`, one for 65,536 records; that of record `seq` is at
//! `(seq - first) * 32`. Zeros are no salt: a record whose slot holds them, or lies behind the file's end, is erased.
//!
//! `Salts` is the end that writes, in the hands of the one thread that writes the log; [`SaltReader`] reads and erases from any process.
//! What they say to each other is in the files alone: the writer only ever writes slots of records that do not exist yet, the eraser only
//! slots of records that do, so neither waits for the other.
//!
//! Nothing here enciphers the files: that is the disk's business.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};

use crate::storage::{Disk, LocalDisk, StorageError, make_private_directory};

/// How many records share a file.
const PER_FILE: u64 = 65_536;
/// How many salts are made durable together. It divides [`PER_FILE`].
const BLOCK: u64 = 4_096;
/// The length of a salt, in bytes.
const SIZE: usize = 32;

/// Why a salt cannot be had, read or erased.
#[derive(Debug, thiserror::Error)]
pub enum SaltError {
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// The disk did not do what it was asked for.
    #[error("failed to {step} `{path}`")]
    Disk {
        /// What was being done, as a verb.
        step: &'static str,
        /// To what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: StorageError,
    },
}

/// The salt of one record. Its bytes are shown to nobody, and overwritten when it is dropped, as far as safe Rust can say so: copies that
/// the compiler made on the way are not.
pub struct Salt([u8; SIZE]);

impl Salt {
    /// Wraps bytes; `None` for zeros, which are no salt.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SIZE]) -> Option<Self> {
        (bytes != [0; SIZE]).then_some(Self(bytes))
    }

    pub(super) const fn as_bytes(&self) -> &[u8; SIZE] {
        &self.0
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites bytes in a way that the compiler has no reason to leave out.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    let _ = std::hint::black_box(bytes);
}

/// Where the salts of a log are.
fn directory_of(log: &Path) -> PathBuf {
    log.join("private").join("salts")
}

/// The first record of the file that holds the salt of `seq`, and where in it.
const fn place_of(seq: u64) -> (u64, u64) {
    let within = seq % PER_FILE;
    (seq - within, within * SIZE as u64)
}

fn file_name(first: u64) -> String {
    format!("{first:016}")
}

/// Makes salts and hands them out, each once.
///
/// INVARIANT: what is handed out was drawn by this very instance, is durable, and is handed out once. A record that a crash has taken back
/// does not pass its salt on to the one that gets its number: salts that an earlier run left behind are drawn anew, since some of them may
/// have been used for records that were then lost, and two texts under one key would give each other away.
pub(in crate::audit) struct Salts {
    log: PathBuf,
    disk: Arc<dyn Disk>,
    random: SystemRandom,
    open: Option<Open>,
    block: Block,
}

/// The file that is being written.
struct Open {
    first: u64,
    path: PathBuf,
    file: File,
}

impl Salts {
    /// The salts of the log in the directory `log`. Nothing is read or written before the first is asked for.
    pub(in crate::audit) fn new(log: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { log: log.into(), disk, random: SystemRandom::new(), open: None, block: Block::default() }
    }

    /// A salt for the record that gets the number `seq`, which must not exist yet: neither it nor any after it.
    ///
    /// Numbers may be left out; one that comes again, because the record that had it was lost, gets another salt.
    pub(in crate::audit) fn salt_of(&mut self, seq: u64) -> Result<Salt, SaltError> {
        loop {
            if let Some(salt) = self.block.take(seq) {
                return Ok(salt);
            }
            self.draw(seq)?;
        }
    }

    /// Draws the salts from `seq` to the end of its block, and makes them durable.
    fn draw(&mut self, seq: u64) -> Result<(), SaltError> {
        self.block = Block::default();
        let block = Block::random(seq, &self.random)?;
        let (first, at) = place_of(seq);
        // After an error nobody knows what of the file is durable, so that everything about it is done again.
        let open = match self.open.take().filter(|open| open.first == first) {
            Some(open) => open,
            None => self.open(first, at)?,
        };
        self.write(&open, &block.bytes, at)?;
        self.open = Some(open);
        self.block = block;
        Ok(())
    }

    /// Opens or makes a file whose slots from offset `end` on are to be written.
    fn open(&self, first: u64, end: u64) -> Result<Open, SaltError> {
        let directory = directory_of(&self.log);
        make_private_directory(&directory).map_err(failed("make", &directory))?;
        let path = directory.join(file_name(first));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let open = Open { first, file: file.map_err(failed("open", &path))?, path };
        self.mend(&open, end)?;
        // Whether they are new or a run before could not sync them: until then the names of file and directories are not durable.
        for directory in [Some(directory.as_path()), directory.parent(), Some(self.log.as_path())].into_iter().flatten() {
            self.sync_directory(directory).map_err(failed("sync", directory))?;
        }
        Ok(open)
    }

    /// Half a slot at the end of a damaged file would look like a salt once the file grows. Slots that are missing altogether are zeros by
    /// themselves, since the system fills what is left out with zeros.
    fn mend(&self, open: &Open, end: u64) -> Result<(), SaltError> {
        let length = open.file.metadata().map_err(failed("look at", &open.path))?.len();
        let torn = length % SIZE as u64;
        if torn == 0 || length > end {
            return Ok(());
        }
        tracing::warn!(file = %open.path.display(), "a file of salts is damaged: what lacks its salt counts as erased");
        self.write(open, &[0; SIZE], length - torn)
    }

    fn write(&self, open: &Open, bytes: &[u8], at: u64) -> Result<(), SaltError> {
        write_durably(&*self.disk, &open.file, bytes, at).map_err(|source| SaltError::Disk {
            step: "write",
            path: open.path.clone(),
            source,
        })
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let directory = File::open(directory)?;
        // Only a full sync makes names durable; the disk is asked too, so that a test can say no.
        directory.sync_all()?;
        self.disk.sync(&directory)
    }
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SaltError {
    let path = path.to_owned();
    move |source| SaltError::Disk { step, path, source: source.into() }
}

fn write_durably(disk: &dyn Disk, file: &File, bytes: &[u8], at: u64) -> Result<(), StorageError> {
    disk.write(&mut || Ok(file.write_all_at(bytes, at)?))?;
    Ok(disk.sync(file)?)
}

/// Salts that are drawn and not handed out.
#[derive(Default)]
struct Block {
    /// The number that the first of `bytes` is for.
    first: u64,
    bytes: Vec<u8>,
    /// Nothing below this number is handed out any more.
    next: u64,
}

impl Block {
    fn random(seq: u64, random: &SystemRandom) -> Result<Self, SaltError> {
        let count = BLOCK - seq % BLOCK;
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default() * SIZE];
        random.fill(&mut bytes).map_err(|_| SaltError::Random)?;
        for salt in bytes.chunks_exact_mut(SIZE) {
            while salt.iter().all(|byte| *byte == 0) {
                random.fill(salt).map_err(|_| SaltError::Random)?;
            }
        }
        Ok(Self { first: seq, bytes, next: seq })
    }

    /// Takes a salt out; `None` when it is not among these, or was handed out.
    fn take(&mut self, seq: u64) -> Option<Salt> {
        if seq < self.next {
            return None;
        }
        let at = usize::try_from(seq - self.first).ok()?.checked_mul(SIZE)?;
        let slot: &mut [u8; SIZE] = self.bytes.get_mut(at..)?.first_chunk_mut()?;
        let salt = Salt::from_bytes(*slot);
        wipe(slot);
        self.next = seq + 1;
        salt
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

/// Reads and erases the salts of a log, also while a sidecar writes it.
#[derive(Clone)]
pub struct SaltReader {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
}

impl SaltReader {
    /// The salts of the log in the directory `log`.
    #[must_use]
    pub fn new(log: &Path) -> Self {
        Self::on(log, Arc::new(LocalDisk))
    }

    /// Like [`SaltReader::new`], on a disk of the caller's choice.
    pub(in crate::audit) fn on(log: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { directory: directory_of(log), disk }
    }

    /// The salt of a record; `None` when it was erased, or never was there. That there is one does not say that there is such a record:
    /// salts are made before they are needed.
    ///
    /// # Errors
    ///
    /// [`SaltError`] when the file cannot be read.
    pub fn salt(&self, seq: u64) -> Result<Option<Salt>, SaltError> {
        let Some((file, path, at)) = self.find(seq, OpenOptions::new().read(true))? else { return Ok(None) };
        read_slot(&file, at).map_err(failed("read", &path))
    }

    /// Destroys the salt of a record, durably, and says whether there was one. What was committed to and kept under it is then beyond
    /// anybody's reach, in this directory and in every copy of the log that comes without its salt.
    ///
    /// The caller makes sure that the record exists: the salt of one that does not will be made anew.
    ///
    /// # Errors
    ///
    /// [`SaltError`]; the salt may then still be on the disk, and erasing must be repeated.
    pub fn erase(&self, seq: u64) -> Result<bool, SaltError> {
        let Some((file, path, at)) = self.find(seq, OpenOptions::new().read(true).write(true))? else { return Ok(false) };
        if file.metadata().map_err(failed("look at", &path))?.len() <= at {
            return Ok(false);
        }
        let there = read_slot(&file, at).map_err(failed("read", &path))?.is_some();
        // Also when it reads as zeros: an attempt before may have failed to make them durable.
        match write_durably(&*self.disk, &file, &[0; SIZE], at) {
            Ok(()) => Ok(there),
            Err(source) => Err(SaltError::Disk { step: "erase a salt in", path, source }),
        }
    }

    fn find(&self, seq: u64, how: &OpenOptions) -> Result<Option<(File, PathBuf, u64)>, SaltError> {
        let (first, at) = place_of(seq);
        let path = self.directory.join(file_name(first));
        match how.open(&path) {
            Ok(file) => Ok(Some((file, path, at))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("open", &path)(error)),
        }
    }
}

fn read_slot(file: &File, at: u64) -> io::Result<Option<Salt>> {
    let mut slot = [0; SIZE];
    match file.read_exact_at(&mut slot, at) {
        Ok(()) => {
            let salt = Salt::from_bytes(slot);
            wipe(&mut slot);
            Ok(salt)
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "salts_tests.rs"]
mod tests;
