//! Epochs: the databases that hold the newest part of the log, one after the other.
//!
//! Everything before an epoch is in the archive, or in an older epoch that waits to be archived. So what a start has to look at, what the
//! database keeps in memory and what damage can reach is bounded by one epoch, however long the log is. An epoch begins at a full bundle
//! of 256 records; what the log has beyond that when the epoch begins is carried over, so that archives only hold full bundles.
//!
//! Directories are numbered (`epochs/00000007`), and the highest is the one that is written. A directory comes into being whole, with its
//! seed and what is carried over, or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::chain::{Head, LeafHash};
use super::chunk::{CHUNK, Chunk, ChunkWriter, Edge, KEPT, LEAVES, SEED, Seed, key, number};
use super::reader::ReadError;
use super::tlog::tile::FULL;
use crate::domain::Timestamp;
use crate::storage::{self, Batch, Copy, CopyError, Database, Disk, StorageError};

/// The subtrees of full bundles are this many levels high.
const BUNDLE_LEVEL: u32 = FULL.trailing_zeros();

/// When an epoch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochLimits {
    /// After so many records.
    pub records: u64,
    /// When its data file is so long, in bytes.
    pub bytes: u64,
    /// After so long.
    pub age: Duration,
}

impl Default for EpochLimits {
    /// 131,072 records, 256 MiB or a day.
    fn default() -> Self {
        Self { records: 131_072, bytes: 256 << 20, age: Duration::from_secs(86_400) }
    }
}

/// How far a log goes: its end, its tree, and the newest checkpoint that was signed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) head: Head,
    /// INVARIANT: the tree of all `head.size` records. The checkpoint may be older only in a log that nobody has opened for writing
    /// since a crash.
    pub(super) edge: Edge,
}

/// One database with a part of the log.
pub(super) struct Epoch {
    pub(super) number: u64,
    pub(super) seed: Seed,
    pub(super) database: Database,
}

impl Epoch {
    /// Makes an epoch durably: with its seed, and after it what `carried` puts into the batch.
    pub(super) fn create(
        directory: &Path,
        number: u64,
        seed: Seed,
        mut carried: Batch,
        disk: &Arc<dyn Disk>,
    ) -> Result<Self, storage::OpenError> {
        storage::make_private_directory(directory).map_err(|source| storage::OpenError::Io {
            step: "make",
            path: directory.into(),
            source,
        })?;
        carried.insert(SEED, &seed.encode());
        let database = Database::create(&path(directory, number), carried, disk)?;
        Ok(Self { number, seed, database })
    }

    /// Reads where an opened database begins.
    pub(super) fn of(number: u64, database: Database) -> Result<Self, ReadError> {
        let seed = database.get(SEED)?.ok_or(ReadError::Seed { epoch: number })?;
        let seed = Seed::decode(&seed).map_err(|_| ReadError::Seed { epoch: number })?;
        Ok(Self { number, seed, database })
    }

    /// Makes the next epoch from what the files of this one hold, after its database was given up.
    pub(super) fn rescue(&self, directory: &Path, number: u64, disk: &Arc<dyn Disk>) -> Result<Database, CopyError> {
        Copy::rescue(&path(directory, self.number), &path(directory, number), disk)
    }

    /// The number of its first record.
    pub(super) const fn first(&self) -> u64 {
        self.seed.first()
    }

    /// Whether the log, which goes on to `head`, should go on in another epoch. Never before there is a bundle to leave behind.
    pub(super) fn is_full(&self, limits: &EpochLimits, head: Head, now: Timestamp) -> bool {
        let age = now.as_micros().saturating_sub(self.seed.begun.as_micros());
        let old = u128::try_from(age).is_ok_and(|age| age >= limits.age.as_micros());
        whole_bundles(head.size) > self.first()
            && (head.size - self.first() >= limits.records || old || self.database.file_len() >= limits.bytes)
    }

    /// The seed of the epoch after this one, and what is carried over into it, when the log goes to `durable` and this one
    /// [is full](Self::is_full).
    pub(super) fn successor(&self, durable: &Durable, begun: Timestamp) -> Result<(Seed, Batch), ReadError> {
        let frontier = durable.edge.frontier.whole(BUNDLE_LEVEL);
        let first = frontier.size();
        let leaves = self.leaves_from(first.saturating_sub(1))?;
        let (before, rest) = leaves.split_first().ok_or(ReadError::Gap { seq: first })?;
        let mut carried = Batch::default();
        for entry in self.database.range(&[KEPT], &key(KEPT, first)) {
            let (at, value) = entry?;
            carried.insert(&at, &value);
        }
        carry(first, rest, durable, &mut carried);
        let seed = Seed { frontier, prev: LeafHash::of(before), begun, checkpoint: durable.edge.checkpoint.clone() };
        Ok((seed, carried))
    }

    /// Where the log ends, when it ends in this epoch.
    pub(super) fn end(&self) -> Result<Durable, ReadError> {
        self.up_to(u64::MAX)
    }

    /// The log's first `size` records, or all as far as this epoch knows: the checkpoint is the newest that is not beyond them.
    pub(super) fn up_to(&self, size: u64) -> Result<Durable, ReadError> {
        let mut durable = Durable {
            head: Head { size: self.first(), hash: self.seed.prev },
            edge: Edge { frontier: self.seed.frontier.clone(), checkpoint: self.seed.checkpoint.clone() },
        };
        // Backwards to the last chunk that ends a group: the others of a group have no checkpoint.
        let (mut until, mut beyond) = (size.saturating_sub(1), Vec::new());
        while let Some((at, value)) = self.database.last_until(&[LEAVES], &key(LEAVES, until))? {
            let first = number(&at).unwrap_or(0);
            let damaged = |source| ReadError::Chunk { first, source };
            let chunk = Chunk::read(&at, &value).map_err(damaged)?;
            let hashes = chunk.hashes().map_err(damaged)?.ok_or(ReadError::Head { first })?;
            if let Some(edge) = chunk.edge().map_err(damaged)?.filter(|edge| edge.frontier.size() <= size) {
                durable = Durable { head: Head { size: edge.frontier.size(), hash: chunk.last_hash }, edge };
                break;
            }
            beyond.push((first, hashes));
            let Some(before) = first.checked_sub(1) else { break };
            until = before;
        }
        for (first, hashes) in beyond.into_iter().rev() {
            durable.grow(first, &hashes, size)?;
        }
        Ok(durable)
    }

    /// The records from a number on, as far as they stand in this epoch.
    fn leaves_from(&self, from: u64) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut leaves = Vec::new();
        for entry in self.database.range(&[LEAVES], &self.chunk_with(from)?) {
            let (at, value) = entry?;
            let damaged = |source| ReadError::Chunk { first: number(&at).unwrap_or(0), source };
            for leaf in Chunk::read(&at, &value).map_err(damaged)?.leaves() {
                let (seq, leaf) = leaf.map_err(damaged)?;
                if seq >= from {
                    leaves.push(leaf.to_vec());
                }
            }
        }
        Ok(leaves)
    }

    /// The hash of a record; nothing when it is not there.
    pub(super) fn hash_of(&self, seq: u64) -> Result<Option<LeafHash>, ReadError> {
        let Some((at, value)) = self.database.last_until(&[LEAVES], &key(LEAVES, seq))? else { return Ok(None) };
        let damaged = |source| ReadError::Chunk { first: number(&at).unwrap_or(0), source };
        for leaf in Chunk::read(&at, &value).map_err(damaged)?.leaves() {
            let (found, leaf) = leaf.map_err(damaged)?;
            if found == seq {
                return Ok(Some(LeafHash::of(leaf)));
            }
        }
        Ok(None)
    }

    /// What was kept of a call, enciphered.
    pub(super) fn kept(&self, seq: u64) -> Result<Option<Vec<u8>>, StorageError> {
        let prefix = key(KEPT, seq);
        let parts = self.database.range(&prefix, &prefix).map(|part| part.map(|(_, part)| part.to_vec()));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }

    /// Removes what was kept of one call.
    pub(super) fn forget(&self, seq: u64) -> Result<(), StorageError> {
        let prefix = key(KEPT, seq);
        self.remove_kept(&prefix, &prefix)
    }

    /// Removes what was kept of records that a crash has kept from being written: their numbers are given out again.
    pub(super) fn remove_orphans(&self, head: Head) -> Result<(), StorageError> {
        self.remove_kept(&[KEPT], &key(KEPT, head.size))
    }

    fn remove_kept(&self, prefix: &[u8], from: &[u8]) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        for entry in self.database.range(prefix, from) {
            batch.remove(&entry?.0);
        }
        if batch.is_empty() { Ok(()) } else { self.database.commit(batch) }
    }

    /// The key of the chunk that holds a record, or of the next one.
    pub(super) fn chunk_with(&self, seq: u64) -> Result<Vec<u8>, StorageError> {
        let found = self.database.last_until(&[LEAVES], &key(LEAVES, seq))?;
        Ok(found.map_or_else(|| key(LEAVES, seq).to_vec(), |(key, _)| key.to_vec()))
    }
}

impl Durable {
    /// Takes in the records of a chunk, up to `size` in all.
    fn grow(&mut self, first: u64, hashes: &[LeafHash], size: u64) -> Result<(), ReadError> {
        let gap = ReadError::Gap { seq: self.head.size };
        if first != self.head.size {
            return Err(gap);
        }
        for (_, hash) in (first..size).zip(hashes) {
            if self.edge.frontier.append((*hash).into(), |_, _| {}).is_err() {
                return Err(gap);
            }
            self.head = Head { size: self.edge.frontier.size(), hash: *hash };
        }
        Ok(())
    }
}

/// Puts records that are carried over into chunks; the last one ends where the log ends.
fn carry(first: u64, leaves: &[Vec<u8>], durable: &Durable, into: &mut Batch) {
    let mut chunk = ChunkWriter::default();
    chunk.begin(first);
    let mut last = LeafHash::ZERO;
    for (seq, leaf) in (first..).zip(leaves) {
        if !chunk.is_empty() && chunk.len() + leaf.len() + 2 > CHUNK {
            into.insert(&key(LEAVES, chunk.first()), chunk.finish(&last, None));
            chunk.begin(seq);
        }
        last = chunk.push(|out| out.extend_from_slice(leaf));
    }
    if !chunk.is_empty() {
        into.insert(&key(LEAVES, chunk.first()), chunk.finish(&last, Some(&durable.edge)));
    }
}

/// The number of records in full bundles.
pub(super) const fn whole_bundles(size: u64) -> u64 {
    size >> BUNDLE_LEVEL << BUNDLE_LEVEL
}

/// Where in the log's directory the epochs are.
pub(super) fn directory_of(log: &Path) -> PathBuf {
    log.join("epochs")
}

/// The directory of an epoch.
fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}"))
}

/// The epochs in a directory with their numbers, oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Whatever else is there was left unfinished.
        if let Some(number) = name.parse().ok().filter(|number| name == format!("{number:08}")) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the directory of an epoch that nothing needs any more.
pub(super) fn remove(directory: &Path, number: u64) {
    if let Err(error) = discard(directory, number) {
        // The next start tries again.
        tracing::warn!(%error, epoch = number, "failed to remove an epoch of the audit log that is not needed any more");
    }
}

/// Sees to it that no epoch has this number, now and after a power cut: the log goes on without it, and nobody may come back to it. It
/// loses its name first, durably: a database of which some files are gone must not be taken for an epoch.
pub(super) fn discard(directory: &Path, number: u64) -> io::Result<()> {
    let (path, gone) = (path(directory, number), directory.join(format!("{number:08}.gone")));
    if gone.exists() {
        std::fs::remove_dir_all(&gone)?;
    }
    match std::fs::rename(&path, &gone) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        renamed => renamed?,
    }
    storage::sync_directory(directory)?;
    if let Err(error) = std::fs::remove_dir_all(&gone)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, epoch = number, "failed to remove what is left of an epoch of the audit log");
    }
    Ok(())
}

/// Removes what unfinished work left in the directory of epochs.
pub(super) fn clean(directory: &Path) -> io::Result<()> {
    let epochs = list(directory)?;
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if epochs.iter().any(|(_, epoch)| *epoch == path) {
            continue;
        }
        if entry.file_type()?.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
    }
    Ok(())
}

#[cfg(test)]
#[path = "epoch_tests.rs"]
mod tests;
