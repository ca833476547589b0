//! A look at a log from outside, without disturbing whoever writes it: copies of its epochs' databases (see [`crate::storage::copy`]),
//! so that evidence is never opened for writing and a running sidecar is not stopped.
//!
//! What looks wrong in copies whose originals were written to meanwhile is looked at again in new copies.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::anchor::{self, AnchorError};
use super::archive::{ArchiveReader, MarkerError};
use super::epoch::{self, Epoch, whole_bundles};
use super::reader::{AuditReader, ReadError};
use super::store::Store;
use super::tlog::SignedCheckpoint;
use crate::storage::{Copy, CopyError};

/// How many copies of a log that is being written are looked at before a fault is believed.
const ATTEMPTS: usize = 3;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is no log.
    #[error("there is no audit log in `{0}`")]
    NoLog(PathBuf),
    /// There was a log, and its newest part is gone.
    #[error("the newest records are gone: there is no database in `{0}`")]
    NoEpoch(PathBuf),
    /// The directory cannot be read.
    #[error("failed to read `{path}`")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The anchor cannot be read.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// No copy could be made.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] MarkerError),
    /// The copy does not tell where the log ends.
    #[error("failed to read the newest records")]
    Read(#[from] ReadError),
}

/// Copies of the databases of a log, as they were at one moment or, as far as they were written to meanwhile, later.
pub(super) struct Copies {
    directory: PathBuf,
    /// What the anchor said before the copies were made: it must not be ahead of them.
    pub(super) anchored: SignedCheckpoint,
    /// How many records were in files by then, which must not be ahead of them either.
    archived: u64,
    numbers: Vec<u64>,
    /// Newest first.
    copies: Vec<(u64, Copy)>,
}

impl Copies {
    /// Copies the databases of the log in `directory` to below `scratch`.
    fn of(directory: &Path, scratch: &Path) -> Result<Self, SnapshotError> {
        let epochs = epoch::directory_of(directory);
        let listed = list(&epochs)?;
        if listed.is_empty() {
            let was_one = super::keys::schedule_file(directory).exists();
            return Err(if was_one { SnapshotError::NoEpoch(epochs) } else { SnapshotError::NoLog(directory.into()) });
        }
        let (anchored, archived) = (anchor::read(directory)?, ArchiveReader::open(directory)?.archived());
        let copies = listed.iter().rev().map(|(number, path)| Ok((*number, Copy::of(path, scratch)?)));
        let copies = copies.collect::<Result<_, SnapshotError>>()?;
        let numbers = listed.into_iter().map(|(number, _)| number).collect();
        Ok(Self { directory: directory.into(), anchored, archived, numbers, copies })
    }

    /// The epochs that count, oldest first.
    pub(super) fn epochs(&self) -> Result<Vec<Arc<Epoch>>, ReadError> {
        let mut epochs = Vec::<Arc<Epoch>>::new();
        for (number, copy) in &self.copies {
            let epoch = Epoch::of(*number, copy.database().clone())?;
            // One that begins no earlier than the one after it was given up, and all it held is in that one.
            if epochs.last().is_none_or(|after| epoch.first() < after.first()) {
                epochs.push(Arc::new(epoch));
            }
        }
        epochs.reverse();
        Ok(epochs)
    }

    /// How many records of a log with this end in the copies are to be read from files, which are full bundles only. What has been
    /// archived since the copies were made may be beyond their end, and nothing that they hold is about it.
    pub(super) fn in_files(&self, end: Option<u64>) -> Result<u64, MarkerError> {
        let archived = self.archive()?.archived();
        Ok(end.map_or(archived, |end| archived.min(whole_bundles(end)).max(self.archived)))
    }

    /// What is in files. Read after the copies were made: what has been archived meanwhile is in both.
    pub(super) fn archive(&self) -> Result<ArchiveReader, MarkerError> {
        ArchiveReader::open(&self.directory)
    }

    /// The log in these copies and in files.
    fn reader(&self) -> Result<AuditReader, SnapshotError> {
        let epochs = self.epochs()?;
        let end = epochs.last().map(|newest| newest.end()).transpose()?;
        let end = end.ok_or_else(|| SnapshotError::NoLog(self.directory.clone()))?;
        Ok(AuditReader::new(Arc::new(Store::new(&self.directory, self.archive()?, epochs, end))))
    }

    /// Whether nobody wrote to the log since the copies were begun: then a fault in them is a fault in the log.
    fn original_rests(&self) -> bool {
        let numbers = list(&epoch::directory_of(&self.directory)).map(|now| now.into_iter().map(|(number, _)| number));
        let same = numbers.is_ok_and(|now| now.eq(self.numbers.iter().copied()));
        same && self.copies.iter().all(|(_, copy)| copy.original_rests())
    }
}

fn list(epochs: &Path) -> Result<Vec<(u64, PathBuf)>, SnapshotError> {
    epoch::list(epochs).map_err(|source| SnapshotError::Directory { path: epochs.into(), source })
}

/// Does something with the log in `directory` as it was at one moment, see [`with_copies`].
pub(super) fn with_snapshot<T, E: From<SnapshotError>>(
    directory: &Path,
    scratch: &Path,
    mut work: impl FnMut(&AuditReader) -> Result<T, E>,
) -> Result<T, E> {
    with_copies(directory, scratch, |copies| work(&copies.reader()?))
}

/// Does something with copies of the databases of the log in `directory`, made below `scratch`, and does it again with others when it
/// failed and the log was written to meanwhile.
pub(super) fn with_copies<T, E: From<SnapshotError>>(
    directory: &Path,
    scratch: &Path,
    mut work: impl FnMut(&Copies) -> Result<T, E>,
) -> Result<T, E> {
    let mut attempt = || match Copies::of(directory, scratch) {
        Ok(copies) => match work(&copies) {
            Err(error) if !copies.original_rests() => ControlFlow::Continue(error),
            answer => ControlFlow::Break(answer),
        },
        // The copy of a log that is being written may lack what was just written, or an epoch that was just let go of.
        Err(error @ SnapshotError::Copy(_)) => ControlFlow::Continue(error.into()),
        Err(error) => ControlFlow::Break(Err(error.into())),
    };
    let mut fault = None;
    for _ in 0..ATTEMPTS {
        match attempt() {
            ControlFlow::Break(answer) => return answer,
            ControlFlow::Continue(error) => fault = Some(error),
        }
    }
    Err(fault.unwrap_or_else(|| SnapshotError::NoLog(directory.into()).into()))
}
