//! The owner's end of the log: append and wait for durability, or note and go on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::domain::DecisionId;
use crate::storage::Disk;

use super::chain::LeafHash;
use super::encode::Draft;
use super::queue::{Command, Queue};
use super::reader::AuditReader;
use super::record::Record;
use super::rotate::RotateError;
use super::store::Store;
use super::tlog::KeySchedule;

/// Proof that a record is durable. Only the log makes one, after the disk has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    seq: u64,
    leaf_hash: LeafHash,
    id: Option<DecisionId>,
}

impl Receipt {
    pub(super) const fn new(seq: u64, leaf_hash: LeafHash, id: Option<DecisionId>) -> Self {
        Self { seq, leaf_hash, id }
    }

    /// Where the record stands in the log, from 0.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of the record, and with it of all before it.
    #[must_use]
    pub const fn leaf_hash(&self) -> LeafHash {
        self.leaf_hash
    }

    /// The decision that was recorded; `None` for records of other kinds, which prove nothing about a call.
    #[must_use]
    pub const fn id(&self) -> Option<DecisionId> {
        self.id
    }
}

/// Why a record was not, or may not have been, written. After any of these the call it is about is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Too many records wait already.
    #[error("too many records wait to be written")]
    QueueFull,
    /// The disk did not answer in time; the record may be written later.
    #[error("the audit log did not answer within {0:?}")]
    Deadline(Duration),
    /// The disk is nearly full, and what is left is kept for outcomes of calls that are under way.
    #[error("only {free} bytes are free on the disk of the audit log")]
    DiskLow {
        /// The bytes that are free.
        free: u64,
    },
    /// An earlier or this write failed; nothing is written any more until a restart.
    #[error("the audit log cannot be written: {0}")]
    Failed(Arc<str>),
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
    /// The record could not be encoded.
    #[error("the record cannot be encoded: {0}")]
    Encode(Arc<str>),
}

/// Whether calls can be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// They can.
    Writable,
    /// They cannot, and why.
    Failed(Arc<str>),
}

/// Appends to the log. Clones share it; the log is closed when the last clone is dropped, or by [`AuditWriter::close`].
#[derive(Clone)]
pub struct AuditWriter {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<Store>,
    queue: Arc<Queue>,
    space: Space,
    deadline: Duration,
    /// Answers when the committer has ended.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl AuditWriter {
    pub(super) fn new(
        store: Arc<Store>,
        queue: Arc<Queue>,
        space: Space,
        deadline: Duration,
        ended: oneshot::Receiver<()>,
    ) -> Self {
        Self { shared: Arc::new(Shared { store, queue, space, deadline, ended: Mutex::new(Some(ended)) }) }
    }

    pub(super) fn reader(&self) -> AuditReader {
        AuditReader::new(Arc::clone(&self.shared.store))
    }

    pub(super) fn store(&self) -> &Store {
        &self.shared.store
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.shared.queue
    }

    /// Writes a record and returns when it survives a power cut.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: the record is not known to be durable, and the call it is about must be refused.
    ///
    /// # Cancel safety
    ///
    /// A record that is in line is written even when the future is dropped; nobody then holds a receipt for it.
    pub async fn append(&self, record: Record<'_>) -> Result<Receipt, AppendError> {
        let answer = self.enqueue(&record)?;
        match tokio::time::timeout(self.shared.deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(AppendError::Failed(self.shared.queue.failure().unwrap_or_else(|| "its thread has ended".into()))),
            Err(_) => {
                self.shared.queue.stuck();
                Err(AppendError::Deadline(self.shared.deadline))
            }
        }
    }

    fn enqueue(&self, record: &Record<'_>) -> Result<oneshot::Receiver<Result<Receipt, AppendError>>, AppendError> {
        let id = match record {
            Record::Decision(decision) => Some(decision.id),
            Record::Access(access) => Some(access.id),
            _ => None,
        };
        if id.is_some() {
            self.shared.space.require()?;
        }
        let (waiter, answer) = oneshot::channel();
        self.shared.queue.push(encode(record)?, id, Some(waiter))?;
        Ok(answer)
    }

    /// Puts a record in line without waiting for the disk: it becomes durable, in order, with the next record that somebody waits
    /// for, or about 100 ms later.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: the record is not in line. When the queue is full, [`AuditWriter::note_when_room`] waits.
    pub fn note(&self, record: &Record<'_>) -> Result<(), AppendError> {
        // Strangers must not use up what is left of the disk.
        if let Record::Unidentified(_) | Record::Access(_) = record {
            self.shared.space.require()?;
        }
        self.shared.queue.push(encode(record)?, None, None)
    }

    /// Like [`AuditWriter::note`], but waits for room in the queue until the deadline of appends.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: the record is not in line.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the record is not in line.
    pub async fn note_when_room(&self, record: &Record<'_>) -> Result<(), AppendError> {
        let deadline = tokio::time::Instant::now() + self.shared.deadline;
        loop {
            // Listens before it looks, so that room made in between is not missed.
            let room = self.shared.queue.room();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.note(record) {
                Err(AppendError::QueueFull) => {}
                answer => return answer,
            }
            tokio::time::timeout_at(deadline, room).await.map_err(|_| AppendError::QueueFull)?;
        }
    }

    /// Lets a new key sign the log's checkpoints from now on, and destroys the old one.
    ///
    /// # Errors
    ///
    /// [`RotateError`]; unless the log cannot be written any more, the old key signs on.
    pub async fn rotate_key(&self) -> Result<KeySchedule, RotateError> {
        let (asks, answer) = oneshot::channel();
        self.shared.queue.command(Command::RotateKey(asks)).map_err(|_| RotateError::NotWritten)?;
        match tokio::time::timeout(self.shared.deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(RotateError::NotWritten),
        }
    }

    /// Whether calls can be recorded, for readiness.
    #[must_use]
    pub fn health(&self) -> Health {
        if let Some(reason) = self.shared.queue.failure() {
            return Health::Failed(reason);
        }
        if self.shared.queue.is_stuck() {
            return Health::Failed("the disk of the audit log does not answer".into());
        }
        match self.shared.space.require() {
            Ok(()) => Health::Writable,
            Err(error) => Health::Failed(error.to_string().into()),
        }
    }

    /// Records an orderly stop, writes everything that waits, and closes the log for all clones.
    ///
    /// # Errors
    ///
    /// [`AppendError`] when the stop could not be recorded; the log is closed all the same.
    pub async fn close(self) -> Result<(), AppendError> {
        let stopped = self.append(Record::Stop).await;
        self.shared.queue.close();
        let ended = self.shared.ended.lock().take();
        if let Some(ended) = ended {
            // Either way the thread has ended, or hangs in the disk: then waiting longer does not help.
            let _ = tokio::time::timeout(self.shared.deadline, ended).await;
        }
        stopped.map(drop)
    }
}

fn encode(record: &Record<'_>) -> Result<Draft, AppendError> {
    Draft::of(record).map_err(|error| AppendError::Encode(error.to_string().into()))
}

/// Watches how much room the disk has, looking at most once a second.
pub(super) struct Space {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    low_water: u64,
    seen: Mutex<Option<(Instant, u64)>>,
}

impl Space {
    pub(super) fn new(directory: PathBuf, disk: Arc<dyn Disk>, low_water: u64) -> Self {
        Self { directory, disk, low_water, seen: Mutex::new(None) }
    }

    /// Refuses when less than the low-water mark is free, or when nobody can tell.
    fn require(&self) -> Result<(), AppendError> {
        let mut seen = self.seen.lock();
        let free = match *seen {
            Some((at, free)) if at.elapsed() < Duration::from_secs(1) => free,
            _ => {
                let free =
                    self.disk.free_bytes(&self.directory).map_err(|error| AppendError::Failed(error.to_string().into()))?;
                *seen = Some((Instant::now(), free));
                free
            }
        };
        if free < self.low_water { Err(AppendError::DiskLow { free }) } else { Ok(()) }
    }
}
