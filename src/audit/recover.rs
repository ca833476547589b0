//! How a log comes back after its disk has failed, while the process runs.
//!
//! After a failed write nobody knows what the database holds in memory, so it is given up; what counts is what reached its files. Once
//! the disk works again, an epoch is made of a copy of those files. If everything that was acknowledged is in it, the log goes on there
//! with a record of the recovery. If not, the disk has lost what it promised to keep: then nothing is recorded any more, every call is
//! refused, and a person has to look.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::committer::{CommitError, Committer, chain_of};
use super::encode::Draft;
use super::epoch::{Durable, Epoch};
use super::keys::KeysError;
use super::queue::Pending;
use super::reader::ReadError;
use super::record::{Record, RecoveryRecord};
use crate::storage::{self, CopyError, StorageError};

/// How long to wait before the first attempt, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a process recovers: a database that was given up stays in memory, and a disk that fails so often is no disk.
const MOST: u32 = 16;

/// Why the log did not come back.
#[derive(Debug, thiserror::Error)]
enum RecoverError {
    #[error("the disk does not work yet")]
    Disk(#[from] StorageError),
    #[error("only {0} bytes are free")]
    Full(u64),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("the recovery could not be recorded")]
    Record(#[source] CommitError),
    #[error("the disk has lost records that were acknowledged: {kept} of {acknowledged} are there")]
    Lost { kept: u64, acknowledged: u64 },
}

impl Committer {
    /// Tries until the log can be written again, or it is closed, or there is no hope (`false`).
    pub(super) fn recover(&mut self) -> bool {
        self.epoch.database.clone().abandon();
        let mut pause = FIRST_PAUSE;
        while !self.queue.closes_within(pause) {
            match self.try_to_recover() {
                Ok(()) => {
                    self.metrics.failed.set(0);
                    self.queue.reopen();
                    tracing::warn!(records = self.durable.head.size, "the audit log can be written again");
                    return true;
                }
                Err(error @ RecoverError::Lost { .. }) => {
                    let reason = chain_of(&error);
                    tracing::error!(reason, "the audit log is broken: keep its directory for examination");
                    drop(self.queue.fail(&reason.as_str().into()));
                    return self.wait_for_the_end();
                }
                Err(error) => {
                    tracing::warn!(reason = chain_of(&error), "the audit log still cannot be written");
                    if let RecoverError::Record(_) = error {
                        self.epoch.database.clone().abandon();
                    }
                }
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        false
    }

    fn wait_for_the_end(&self) -> bool {
        while !self.queue.closes_within(LONGEST_PAUSE) {}
        false
    }

    fn try_to_recover(&mut self) -> Result<(), RecoverError> {
        if self.recoveries >= MOST {
            return Err(RecoverError::Disk(std::io::Error::other("it has failed too often: restart the process").into()));
        }
        let directory = self.store.epochs_directory().to_owned();
        storage::probe(&directory, &*self.disk)?;
        let free = self.disk.free_bytes(&directory).map_err(StorageError::from)?;
        if free < self.low_water {
            return Err(RecoverError::Full(free));
        }
        self.recoveries += 1;
        let number = self.epoch.number + 1;
        // An earlier attempt, or an attempt to begin the next epoch, may have got so far.
        super::epoch::discard(&directory, number).map_err(StorageError::from)?;
        let database = self.epoch.rescue(&directory, number, &self.disk)?;
        let epoch = Epoch::of(number, database)?;
        let found = epoch.end()?;
        if let Err(lost) = self.require_acknowledged(&epoch, &found) {
            // What the files of the old one hold is evidence, and the next start must not prefer the copy.
            drop(epoch);
            super::epoch::discard(&directory, number).map_err(StorageError::from)?;
            return Err(lost);
        }
        // A change of keys that was cut off is completed or undone, as by a start.
        self.signer = self.signer.again(&found.edge.checkpoint)?;
        epoch.remove_orphans(found.head)?;
        let given_up = self.epoch.number;
        self.epoch = Arc::new(epoch);
        self.store.replace_last(Arc::clone(&self.epoch));
        self.durable = Arc::new(found);
        self.rotate_at = Instant::now();
        self.record_recovery().map_err(RecoverError::Record)?;
        super::epoch::remove(&directory, given_up);
        Ok(())
    }

    /// Refuses a copy that lacks something that somebody holds a receipt for.
    fn require_acknowledged(&self, epoch: &Epoch, found: &Durable) -> Result<(), RecoverError> {
        let acknowledged = self.durable.head;
        let last = acknowledged.size.checked_sub(1).filter(|last| *last >= epoch.first());
        let there = match last {
            Some(last) => epoch.hash_of(last)? == Some(acknowledged.hash),
            None => epoch.seed.prev == acknowledged.hash,
        };
        let whole = there && found.head.size >= acknowledged.size;
        if whole { Ok(()) } else { Err(RecoverError::Lost { kept: found.head.size, acknowledged: acknowledged.size }) }
    }

    fn record_recovery(&mut self) -> Result<(), CommitError> {
        let draft = Draft::of(&Record::Recovery(RecoveryRecord { found: self.durable.head.size }))?;
        let at = self.queue.now();
        self.write_all(&mut vec![Pending { draft, at, id: None, waiter: None }])
    }
}
