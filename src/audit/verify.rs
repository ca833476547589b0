//! Checks the log that a sidecar keeps, or is writing, without disturbing it: what is in files, and after it what is in the databases.
//!
//! Copies of the databases are checked (see `snapshot`), so that evidence is never opened for writing and a running sidecar is
//! not stopped. What is checked is in [`super::check`].

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::chain::LeafHash;
use super::check::source::{Bundles, Directory, Live, Stored, TileSpans};
use super::check::{Anchor, Claim, Fault, Question, ReadError, Report, Spans, TreeHead, check_database};
use super::chunk::{Chunk, LEAVES, number};
use super::epoch::Epoch;
use super::snapshot::{Copies, SnapshotError, with_copies};
use super::tlog::Frontier;
use crate::storage::{CopyError, StorageError};

/// Why a log could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Its databases could not be copied.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Something that is there could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl VerifyError {
    /// Whether that is because something in the log's directory is missing or damaged, rather than because it could not be read.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        use SnapshotError as Cause;
        match self {
            Self::Snapshot(
                Cause::NoEpoch(_) | Cause::Anchor(_) | Cause::Archive(_) | Cause::Read(_) | Cause::Copy(CopyError::Open(_)),
            ) => true,
            Self::Snapshot(Cause::NoLog(_) | Cause::Directory { .. } | Cause::Copy(_)) | Self::Read(_) => false,
        }
    }
}

/// Why there is no report of a log without faults.
enum Stopped {
    Error(VerifyError),
    Faulty(Box<Report>),
}

impl<E: Into<VerifyError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Checks the log in `directory`, and that it has what its own anchor has seen. Copies are made below `scratch`. `progress` is told the
/// number of records checked so far and, when it is known, of all.
///
/// # Errors
///
/// [`VerifyError`]. What is wrong with the log is in the report.
pub fn verify(
    directory: &Path,
    scratch: &Path,
    question: &Question,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Report, VerifyError> {
    let checked = with_copies(directory, scratch, |copies| {
        let report = check(copies, directory, question, progress)?;
        if report.verified() { Ok(report) } else { Err(Stopped::Faulty(Box::new(report))) }
    });
    match checked {
        Ok(report) => Ok(report),
        Err(Stopped::Faulty(report)) => Ok(*report),
        Err(Stopped::Error(error)) => Err(error),
    }
}

fn check(
    copies: &Copies,
    directory: &Path,
    question: &Question,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Report, VerifyError> {
    let epochs = copies.epochs().map_err(SnapshotError::from)?;
    let end = epochs.last().and_then(|newest| newest.end().ok());
    let archived = copies.in_files(end.as_ref().map(|end| end.head.size)).map_err(SnapshotError::from)?;
    let tiles = || TileSpans::new(Directory::new(directory.join("tiles")), archived);
    let mut question = question.clone();
    question.add_own_checkpoint("the log's `anchor`", copies.anchored.to_string().as_bytes());
    let before = tiles();
    for epoch in &epochs {
        beginning(epoch, &before, &epochs, &mut question)?;
    }
    let size = end.as_ref().map(|end| end.head.size);
    // When all that the newest database holds is in files, nothing that is read of it claims anything.
    let in_files = end.map(|end| end.edge.checkpoint).filter(|newest| newest.checkpoint().size() <= archived);
    let otherwise = in_files.or_else(|| epochs.last().map(|newest| newest.seed.checkpoint.clone()));
    let otherwise = otherwise.map(|checkpoint| checkpoint.to_string());
    let log = Live::new(tiles(), Bundles::new(archived, stored(epochs.clone()), lookup(epochs), size));
    Ok(check_database(&log, otherwise.as_deref().map(str::as_bytes), &question, progress)?)
}

/// Asks in addition whether the log has what an epoch says that there is before it.
fn beginning(
    epoch: &Epoch,
    tiles: &TileSpans<Directory>,
    epochs: &[Arc<Epoch>],
    question: &mut Question,
) -> Result<(), ReadError> {
    let (seed, number) = (&epoch.seed, epoch.number);
    let Some(last) = seed.first().checked_sub(1) else { return Ok(()) };
    let head = TreeHead { size: seed.first(), root: seed.frontier.root() };
    question.anchors.push(Anchor { name: format!("the beginning of epoch {number}"), head, inside: true });
    question
        .add_own_checkpoint(format!("the checkpoint at the beginning of epoch {number}"), seed.checkpoint.to_string().as_bytes());
    let before = match tiles.record(last)? {
        Some(record) => Some(record),
        None => in_epochs(epochs, last)?,
    };
    // One that was pruned is not there to be compared.
    if before.is_some_and(|before| LeafHash::of(&before) != seed.prev) {
        let what = "the record before it has another hash";
        question.broken_anchors.push(Fault::Epoch { number, what });
    }
    Ok(())
}

/// What databases have stored, in order. What an older one holds beyond the beginning of the next is in that one, too.
fn stored(epochs: Vec<Arc<Epoch>>) -> impl Iterator<Item = Result<Stored, ReadError>> + Send {
    epochs.into_iter().flat_map(|epoch| {
        let number = epoch.number;
        epoch.database.range(&[LEAVES], &[LEAVES]).map(move |entry| {
            let (key, value) = entry.map_err(|error| unreadable(number, error))?;
            Ok(stored_chunk(&key, &value))
        })
    })
}

/// A chunk as it is judged: what cannot be taken apart has bytes that are no records, or a tree that is none.
fn stored_chunk(key: &[u8], value: &[u8]) -> Stored {
    let first = number(key).unwrap_or(u64::MAX);
    let Ok(chunk) = Chunk::read(key, value) else {
        let nothing = Claim { last: LeafHash::ZERO.into(), edge: None };
        return Stored { first, entries: Bytes::from_static(&[0]), claim: nothing };
    };
    let [frontier, checkpoint] = chunk.stored_edge();
    let said = !(frontier.is_empty() && checkpoint.is_empty());
    let edge = said.then(|| (Frontier::decode(frontier).unwrap_or_default(), Bytes::copy_from_slice(checkpoint)));
    Stored { first, entries: Bytes::copy_from_slice(chunk.bundle()), claim: Claim { last: chunk.last_hash.into(), edge } }
}

fn lookup(epochs: Vec<Arc<Epoch>>) -> impl Fn(u64) -> Result<Option<Bytes>, ReadError> + Send + Sync + 'static {
    move |seq| in_epochs(&epochs, seq)
}

/// A record that an epoch has; nothing when it cannot be taken out of what is stored.
fn in_epochs(epochs: &[Arc<Epoch>], seq: u64) -> Result<Option<Bytes>, ReadError> {
    for epoch in epochs.iter().rev().filter(|epoch| epoch.first() <= seq) {
        let chunk = epoch.database.last_until(&[LEAVES], &super::chunk::key(LEAVES, seq));
        let Some((key, value)) = chunk.map_err(|error| unreadable(epoch.number, error))? else { continue };
        let Ok(chunk) = Chunk::read(&key, &value) else { continue };
        let found = chunk.leaves().filter_map(Result::ok).find(|(number, _)| *number == seq);
        if let Some((_, leaf)) = found {
            return Ok(Some(Bytes::copy_from_slice(leaf)));
        }
    }
    Ok(None)
}

fn unreadable(epoch: u64, error: StorageError) -> ReadError {
    ReadError::new(format!("the records in epoch {epoch}"), error)
}
