//! The thread that turns what the committer wrote into files that never change, and lets go of databases whose records are all there.
//!
//! It only ever works on what is durable, takes its time, and nobody waits for it: when the archive cannot be written, the databases keep
//! the records and it tries again. It also does what only the owner of the archive can do: pruning, and erasing what was kept.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::archive::{Archive, BUNDLE, Entry, Removed, SEGMENT, WriteError};
use super::epoch;
use super::metrics::Metrics;
use super::reader::{AuditReader, ReadError, StoredRecord};
use super::store::Store;
use crate::storage::StorageError;

/// How many records are archived before they are made durable there, unless an epoch waits to be let go of.
const SYNC_EVERY: u64 = SEGMENT;
/// How many times as long as it works it rests, while it is less than an epoch behind: a burst of calls is to have the processors.
const REST: u32 = 4;
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_millis(50);
/// How long to wait after the archive could not be written.
const PAUSE: Duration = Duration::from_secs(10);

/// Why records could not be archived.
#[derive(Debug, thiserror::Error)]
enum ArchiveFault {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Something that only the archivist can do.
#[derive(Debug)]
pub(super) enum Chore {
    /// Remove what is below a number.
    Prune(u64, oneshot::Sender<Result<Removed, WriteError>>),
    /// Overwrite what was kept of one call.
    Erase(u64, oneshot::Sender<Result<bool, WriteError>>),
}

/// How fast the archive is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// With rests.
    Easy,
    /// Without: somebody waits for the end.
    Hurried,
}

/// The thread's state.
pub(super) struct Archivist {
    pub(super) archive: Archive,
    pub(super) store: Arc<Store>,
    pub(super) metrics: Arc<Metrics>,
    /// How many records an epoch has at most.
    pub(super) epoch_records: u64,
    /// Keeps other processes away from the directory until the thread ends.
    pub(super) _lock: Arc<File>,
}

impl Archivist {
    /// Works until the log ends; then makes the archive complete.
    pub(super) fn run(mut self) {
        let mut pause = None;
        while self.store.wait(self.archive.size() + BUNDLE as u64, pause) {
            for chore in self.store.take_chores() {
                self.attend(chore);
            }
            pause = match self.catch_up(Pace::Easy) {
                Ok(()) => None,
                Err(fault) => {
                    tracing::warn!(
                        error = super::committer::chain_of(&fault),
                        "records could not be archived yet; they stay where they are"
                    );
                    Some(PAUSE)
                }
            };
        }
        if let Err(fault) = self.complete() {
            tracing::warn!(
                error = super::committer::chain_of(&fault),
                "the archive of the audit log is not complete; the next start goes on with it"
            );
        }
    }

    /// Archives all full bundles that are durable, and lets go of epochs.
    fn catch_up(&mut self, pace: Pace) -> Result<(), ArchiveFault> {
        let reader = AuditReader::new(Arc::clone(&self.store));
        let until = epoch::whole_bundles(reader.len());
        let mut records = reader.range(self.archive.size());
        while self.archive.size() < until {
            if pace == Pace::Easy && self.store.is_calling() {
                return Ok(());
            }
            let began = Instant::now();
            let bundle = records.by_ref().take(BUNDLE).collect::<Result<Vec<_>, _>>()?;
            self.append(&bundle)?;
            if pace == Pace::Easy && reader.len() - self.archive.size() < self.epoch_records {
                std::thread::sleep((began.elapsed() * REST).min(LONGEST_REST));
            }
            self.metrics.archive_lag.set(lag(reader.len(), self.archive.size()));
            if self.archive.size() - self.archive.durable() >= SYNC_EVERY {
                self.archive.make_durable()?;
            }
        }
        self.let_go()?;
        while !self.store.is_calling() && self.archive.tend_index()? {}
        Ok(())
    }

    fn append(&mut self, bundle: &[StoredRecord]) -> Result<(), ArchiveFault> {
        let first = bundle.first().map_or(self.archive.size(), StoredRecord::seq);
        let kept = bundle.iter().map(|record| self.store.kept_in_epoch(record.seq())).collect::<Result<Vec<_>, _>>()?;
        let entries: Vec<Entry<'_>> =
            bundle.iter().zip(&kept).map(|(record, kept)| Entry { leaf: record.leaf(), kept: kept.as_deref() }).collect();
        let entries =
            <&[Entry<'_>; BUNDLE]>::try_from(&*entries).map_err(|_| ReadError::Gap { seq: first + bundle.len() as u64 })?;
        Ok(self.archive.append(first, entries)?)
    }

    /// Lets go of every epoch whose records are all durable in the archive, after making them so.
    fn let_go(&mut self) -> Result<(), ArchiveFault> {
        while let Some(end) = self.store.end_of_oldest() {
            if self.archive.durable() < end && self.archive.make_durable()? < end {
                break;
            }
            let Some(epoch) = self.store.drop_oldest() else { break };
            tracing::debug!(epoch = epoch.number, "an epoch of the audit log is archived");
            epoch::remove(self.store.epochs_directory(), epoch.number);
        }
        Ok(())
    }

    fn attend(&mut self, chore: Chore) {
        // Whoever has gone in the meantime does not mind.
        match chore {
            Chore::Prune(min_index, answer) => drop(answer.send(self.archive.prune(min_index))),
            Chore::Erase(seq, answer) => drop(answer.send(self.archive.erase_kept(seq))),
        }
    }

    /// Nothing more is written: makes the archive a log that others can read as it stands.
    fn complete(&mut self) -> Result<(), ArchiveFault> {
        self.catch_up(Pace::Hurried)?;
        let reader = AuditReader::new(Arc::clone(&self.store));
        let rest = reader.range(self.archive.size()).collect::<Result<Vec<_>, _>>()?;
        let leaves: Vec<&[u8]> = rest.iter().map(StoredRecord::leaf).collect();
        Ok(self.archive.close_partial(&leaves, &reader.checkpoint())?)
    }
}

fn lag(size: u64, archived: u64) -> i64 {
    i64::try_from(size.saturating_sub(archived)).unwrap_or(i64::MAX)
}
