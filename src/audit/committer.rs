//! The one thread that writes the log: takes what waits, chains it, signs the tree, makes all of it durable as one group, and only then
//! acknowledges.
//!
//! There is no artificial delay: a group is whatever came in while the last one was on its way to the disk. After an error nothing is
//! written any more and everyone is told; how the log comes back is in [`super::recover`].

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::domain::Timestamp;
use crate::storage::{Batch, Disk, StorageError};

use super::anchor;
use super::chain::Head;
use super::chunk::{CHUNK, ChunkWriter, Edge, KEPT_PART, LEAVES, kept_key, key};
use super::encode::{Draft, EncodeError};
use super::epoch::{self, Durable, Epoch, EpochLimits};
use super::keys::{KeysError, Signer};
use super::metrics::Metrics;
use super::private::content::PrivateError;
use super::private::salts::Salts;
use super::queue::{Command, Pending, Queue, Taken};
use super::reader::ReadError;
use super::record::{ClockRecord, Kind, Record};
use super::store::Store;
use super::time::{TimeText, micros_between};
use super::tlog::frontier::FrontierError;
use super::tlog::{Frontier, SignedCheckpoint};
use super::writer::{AppendError, Receipt};

/// How many bytes of records are made durable together at most.
const GROUP: usize = 1 << 20;

/// How far the wall clock may go back without a record, in microseconds: steps of this size are ordinary corrections.
const CLOCK_SLACK: u64 = 1_000_000;

/// How long to go on in a full epoch when the next one could not be made.
const ROTATE_AGAIN: Duration = Duration::from_secs(60);

/// Why a group could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("failed to encode a record")]
    Encode(#[from] EncodeError),
    #[error("failed to seal what is private in a record")]
    Private(#[from] PrivateError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Tree(#[from] FrontierError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The thread's state. INVARIANT: `durable` is what is durable, or an error has ended the work.
pub(super) struct Committer {
    pub(super) store: Arc<Store>,
    pub(super) epoch: Arc<Epoch>,
    pub(super) limits: EpochLimits,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) low_water: u64,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) anchor: anchor::Keeper,
    pub(super) signer: Signer,
    pub(super) durable: Arc<Durable>,
    /// The latest time that any record carries.
    pub(super) reached: Timestamp,
    pub(super) salts: Salts,
    pub(super) scratch: Scratch,
    /// When to try again to begin another epoch.
    pub(super) rotate_at: Instant,
    /// How often it has recovered from a failed disk.
    pub(super) recoveries: u32,
    /// Keeps other processes away from the directory until the thread ends.
    pub(super) _lock: Arc<File>,
}

/// Buffers that are used again for each group.
#[derive(Default)]
pub(super) struct Scratch {
    time: TimeText,
    chunk: ChunkWriter,
}

/// A record whose place is decided; acknowledged once the group is durable.
pub(super) struct Placed {
    kind: Kind,
    receipt: Receipt,
    waiter: Option<oneshot::Sender<Result<Receipt, AppendError>>>,
}

/// A group whose places are decided: the log as it will be, but for the signature, with its last chunk still open.
pub(super) struct Group {
    batch: Batch,
    pub(super) head: Head,
    pub(super) frontier: Frontier,
    placed: Vec<Placed>,
}

impl Committer {
    /// Works until the queue is closed and empty, or the log is broken for good.
    pub(super) fn run(mut self) {
        let alarm = Alarm(Arc::clone(&self.queue));
        let mut taken = Taken::default();
        while self.queue.take(&mut taken) {
            self.metrics.queue.set(i64::try_from(taken.records.len()).unwrap_or(i64::MAX));
            if let Err(error) = self.work(&mut taken) {
                self.refuse_all(&error, &mut taken);
                if !self.recover() {
                    break;
                }
            }
        }
        drop(alarm);
    }

    fn work(&mut self, taken: &mut Taken) -> Result<(), CommitError> {
        self.write_all(&mut taken.records)?;
        taken.commands.drain(..).try_for_each(|command| self.obey(command))
    }

    fn obey(&mut self, command: Command) -> Result<(), CommitError> {
        match command {
            Command::RotateKey(answer) => self.rotate_key(answer),
            Command::Forget(seq) => Ok(self.epoch.forget(seq)?),
        }
    }

    /// Writes what waits, in groups, and acknowledges each group when it is durable.
    pub(super) fn write_all(&mut self, waiting: &mut Vec<Pending>) -> Result<(), CommitError> {
        while !waiting.is_empty() {
            let mut bytes = 0;
            let count = waiting.iter().take_while(|pending| {
                bytes += pending.draft.max_len();
                bytes <= GROUP
            });
            let count = count.count().max(1);
            self.write_group(waiting, count)?;
            self.change_epoch()?;
        }
        Ok(())
    }

    /// Writes the first `count` of those that wait. When it fails they are all still there to be told.
    fn write_group(&mut self, waiting: &mut Vec<Pending>, count: usize) -> Result<(), CommitError> {
        let began = Instant::now();
        let group = self.place(waiting.iter().take(count))?;
        let checkpoint = self.signer.sign(group.head.size, group.frontier.root())?;
        let mut placed = self.commit(group, checkpoint)?;
        self.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        // Records of our own (a clock step) stand among the placed ones, and nobody waits for them.
        let mut waiters = waiting.drain(..count).map(|pending| pending.waiter);
        for record in placed.iter_mut().filter(|record| record.kind != Kind::Clock) {
            record.waiter = waiters.next().flatten();
        }
        drop(waiters);
        placed.into_iter().for_each(|record| self.acknowledge(record));
        Ok(())
    }

    /// Makes a group durable, and says so to everyone who reads.
    pub(super) fn commit(&mut self, group: Group, checkpoint: SignedCheckpoint) -> Result<Vec<Placed>, CommitError> {
        let Group { mut batch, head, frontier, placed } = group;
        let durable = Durable { head, edge: Edge { frontier, checkpoint: Arc::new(checkpoint) } };
        self.scratch.close(&durable.head, Some(&durable.edge), &mut batch);
        self.epoch.database.commit(batch)?;
        self.durable = Arc::new(durable);
        self.store.publish(Arc::clone(&self.durable));
        self.anchor.advance(&self.durable);
        self.queue.moved();
        Ok(placed)
    }

    fn acknowledge(&self, record: Placed) {
        self.metrics.count(record.kind);
        if let Some(waiter) = record.waiter {
            // Whoever has gone in the meantime has refused the call.
            let _ = waiter.send(Ok(record.receipt));
        }
    }

    /// Gives each record its place behind the head and puts the group together.
    pub(super) fn place<'a>(&mut self, records: impl Iterator<Item = &'a Pending>) -> Result<Group, CommitError> {
        let Durable { head, edge } = &*self.durable;
        let mut group = Group { batch: Batch::default(), head: *head, frontier: edge.frontier.clone(), placed: Vec::new() };
        self.scratch.chunk.begin(head.size);
        for pending in records {
            if micros_between(pending.at, self.reached) > CLOCK_SLACK {
                let step = ClockRecord { reached: self.reached, now: pending.at };
                tracing::warn!(back_us = micros_between(step.now, step.reached), "the wall clock was set back");
                let draft = Draft::of(&Record::Clock(step))?;
                let clock = Pending { draft, at: pending.at, id: None, waiter: None };
                self.scratch.place(&clock, &mut self.salts, &mut group)?;
                self.reached = pending.at;
            }
            self.reached = self.reached.max(pending.at);
            self.scratch.place(pending, &mut self.salts, &mut group)?;
        }
        Ok(group)
    }

    /// Lets the log go on in another epoch when this one is full. When that fails it goes on here, for an epoch that is too long is no
    /// harm; but only when the next one is gone for good: else a start would take it for the newest, and what is written here for lost.
    fn change_epoch(&mut self) -> Result<(), CommitError> {
        if Instant::now() < self.rotate_at || !self.epoch.is_full(&self.limits, self.durable.head, self.reached) {
            return Ok(());
        }
        match self.next_epoch() {
            Ok(epoch) => {
                tracing::debug!(epoch = epoch.number, first = epoch.first(), "the log goes on in another epoch");
                self.epoch = Arc::new(epoch);
                self.store.advance(Arc::clone(&self.epoch));
            }
            Err(error) => {
                tracing::warn!(error = &*error, "the next epoch of the audit log could not be made; it goes on in the old one");
                epoch::discard(self.store.epochs_directory(), self.epoch.number + 1).map_err(StorageError::from)?;
                self.rotate_at = Instant::now() + ROTATE_AGAIN;
            }
        }
        Ok(())
    }

    fn next_epoch(&self) -> Result<Epoch, Box<dyn std::error::Error + 'static>> {
        let (seed, carried) = self.epoch.successor(&self.durable, self.reached)?;
        Ok(Epoch::create(self.store.epochs_directory(), self.epoch.number + 1, seed, carried, &self.disk)?)
    }

    /// Tells everyone that nothing is recorded any more.
    fn refuse_all(&mut self, error: &CommitError, taken: &mut Taken) {
        let reason: Arc<str> = chain_of(error).into();
        self.metrics.failed.set(1);
        let rest = self.queue.fail(&reason);
        let unwritten: Vec<_> = taken.records.drain(..).chain(rest.records).collect();
        let notes = unwritten.iter().filter(|pending| pending.waiter.is_none()).count();
        tracing::error!(reason = &*reason, notes, "the audit log cannot be written: every call is refused until it can");
        for waiter in unwritten.into_iter().filter_map(|pending| pending.waiter) {
            // Whoever has gone in the meantime has refused the call.
            let _ = waiter.send(Err(AppendError::Failed(Arc::clone(&reason))));
        }
        // Dropping commands tells those who gave them.
        taken.commands.clear();
    }
}

impl Scratch {
    /// Appends a record to the chunk, closing the chunk before it when it is full.
    fn place(&mut self, pending: &Pending, salts: &mut Salts, group: &mut Group) -> Result<(), CommitError> {
        if !self.chunk.is_empty() && self.chunk.len() + pending.draft.max_leaf() > CHUNK {
            self.close(&group.head, None, &mut group.batch);
            self.chunk.begin(group.head.size);
        }
        let seq = group.head.size;
        let (prev, ts) = (group.head.hash, self.time.of(pending.at));
        let sealed = pending.draft.seal(salts, seq)?;
        let leaf_hash = self.chunk.push(|out| pending.draft.finish(&prev, seq, ts, &sealed, out));
        // What is kept comes first: a crash in between leaves it without its leaf, which the next start removes, and never the reverse.
        for (part, bytes) in (0..).zip(sealed.kept.iter().flat_map(|kept| kept.chunks(KEPT_PART))) {
            group.batch.insert(&kept_key(seq, part), bytes);
        }
        group.frontier.append(leaf_hash.into(), |_, _| {})?;
        group.head = Head { size: seq + 1, hash: leaf_hash };
        group.placed.push(Placed { kind: pending.draft.kind, receipt: Receipt::new(seq, leaf_hash, pending.id), waiter: None });
        Ok(())
    }

    /// Puts the chunk into the batch; the last one of a group with the edge of the log after it.
    fn close(&mut self, head: &Head, edge: Option<&Edge>, batch: &mut Batch) {
        if !self.chunk.is_empty() {
            batch.insert(&key(LEAVES, self.chunk.first()), self.chunk.finish(&head.hash, edge));
        }
    }
}

/// Says so when the thread ends in a way nobody foresaw; otherwise appends would run into their deadline one by one.
struct Alarm(Arc<Queue>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Dropping those that wait tells them.
            drop(self.0.fail(&"the thread that writes the audit log ended unexpectedly".into()));
        }
    }
}

/// An error and its causes in one line.
pub(super) fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
