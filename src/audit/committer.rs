//! The one thread that writes the log: takes what waits, chains it, makes it durable as one group, and only then acknowledges.
//!
//! There is no artificial delay: a group is whatever came in while the last one was on its way to the disk. After the first error
//! nothing is written any more and everyone is told; the database is abandoned, not closed, because closing it would write.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::domain::Timestamp;
use crate::storage::{Batch, Database, StorageError};

use super::anchor;
use super::chain::{CHUNK, ChunkWriter, Head, KEPT_PART, LEAVES, kept_key, key};
use super::encode::{Draft, EncodeError};
use super::metrics::Metrics;
use super::private::content::PrivateError;
use super::private::salts::Salts;
use super::queue::{Pending, Queue};
use super::record::{ClockRecord, Kind, Record};
use super::time::{TimeText, micros_between};
use super::writer::{AppendError, Receipt};

/// How many bytes of records are made durable together at most.
const GROUP: usize = 1 << 20;

/// How far the wall clock may go back without a record, in microseconds: steps of this size are ordinary corrections.
const CLOCK_SLACK: u64 = 1_000_000;

/// Why a group could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("failed to encode a record")]
    Encode(#[from] EncodeError),
    #[error("failed to seal what is private in a record")]
    Private(#[from] PrivateError),
}

/// The thread's state. INVARIANT: `head` is what is durable, or an error has ended the work.
pub(super) struct Committer {
    pub(super) database: Database,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) anchor: anchor::Keeper,
    pub(super) head: Head,
    /// The latest time that any record carries.
    pub(super) reached: Timestamp,
    pub(super) salts: Salts,
    pub(super) scratch: Scratch,
}

/// Buffers that are used again for each group.
#[derive(Default)]
pub(super) struct Scratch {
    time: TimeText,
    chunk: ChunkWriter,
}

/// A record whose place is decided; acknowledged once the group is durable.
struct Placed {
    kind: Kind,
    receipt: Receipt,
    waiter: Option<oneshot::Sender<Result<Receipt, AppendError>>>,
}

impl Committer {
    /// Works until the queue is closed and empty, or a group cannot be written.
    pub(super) fn run(mut self) {
        let alarm = Alarm(Arc::clone(&self.queue));
        let mut waiting = Vec::new();
        while self.queue.take(&mut waiting) {
            self.metrics.queue.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
            if let Err(error) = self.write_all(&mut waiting) {
                return self.give_up(&error, waiting);
            }
        }
        drop(alarm);
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
        }
        Ok(())
    }

    /// Writes the first `count` of those that wait. When it fails they are all still there to be told.
    fn write_group(&mut self, waiting: &mut Vec<Pending>, count: usize) -> Result<(), CommitError> {
        let began = Instant::now();
        let (batch, head, mut placed) = self.place(waiting.iter().take(count))?;
        self.database.commit(batch)?;
        self.head = head;
        self.anchor.advance(head);
        self.queue.moved();
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

    fn acknowledge(&self, record: Placed) {
        self.metrics.count(record.kind);
        if let Some(waiter) = record.waiter {
            // Whoever has gone in the meantime has refused the call.
            let _ = waiter.send(Ok(record.receipt));
        }
    }

    /// Gives each record its place behind the head and puts the group together.
    fn place<'a>(&mut self, group: impl Iterator<Item = &'a Pending>) -> Result<(Batch, Head, Vec<Placed>), CommitError> {
        let (mut batch, mut head, mut placed) = (Batch::default(), self.head, Vec::new());
        self.scratch.chunk.begin(head.size);
        for pending in group {
            if micros_between(pending.at, self.reached) > CLOCK_SLACK {
                let step = ClockRecord { reached: self.reached, now: pending.at };
                tracing::warn!(back_us = micros_between(step.now, step.reached), "the wall clock was set back");
                let draft = Draft::of(&Record::Clock(step))?;
                let clock = Pending { draft, at: pending.at, id: None, waiter: None };
                placed.push(self.scratch.place(&clock, &mut head, &mut self.salts, &mut batch)?);
                self.reached = pending.at;
            }
            self.reached = self.reached.max(pending.at);
            placed.push(self.scratch.place(pending, &mut head, &mut self.salts, &mut batch)?);
        }
        self.scratch.close(&head, &mut batch);
        Ok((batch, head, placed))
    }

    /// Tells everyone that nothing is recorded any more.
    fn give_up(self, error: &CommitError, waiting: Vec<Pending>) {
        let reason: Arc<str> = chain_of(error).into();
        self.metrics.failed.set(1);
        let rest = self.queue.fail(&reason);
        let unwritten: Vec<_> = waiting.into_iter().chain(rest).collect();
        let notes = unwritten.iter().filter(|pending| pending.waiter.is_none()).count();
        tracing::error!(reason = &*reason, notes, "the audit log cannot be written: every call is refused until a restart");
        for waiter in unwritten.into_iter().filter_map(|pending| pending.waiter) {
            // Whoever has gone in the meantime has refused the call.
            let _ = waiter.send(Err(AppendError::Failed(Arc::clone(&reason))));
        }
        self.database.abandon();
    }
}

impl Scratch {
    /// Appends a record to the chunk, closing the chunk before it when it is full.
    fn place(
        &mut self,
        pending: &Pending,
        head: &mut Head,
        salts: &mut Salts,
        batch: &mut Batch,
    ) -> Result<Placed, PrivateError> {
        if !self.chunk.is_empty() && self.chunk.len() + pending.draft.max_leaf() > CHUNK {
            self.close(head, batch);
            self.chunk.begin(head.size);
        }
        let seq = head.size;
        let (prev, ts) = (head.hash, self.time.of(pending.at));
        let sealed = pending.draft.seal(salts, seq)?;
        let leaf_hash = self.chunk.push(|out| pending.draft.finish(&prev, seq, ts, &sealed, out));
        // What is kept comes first: a crash in between leaves it without its leaf, which the next start removes, and never the reverse.
        for (part, bytes) in (0..).zip(sealed.kept.iter().flat_map(|kept| kept.chunks(KEPT_PART))) {
            batch.insert(&kept_key(seq, part), bytes);
        }
        *head = Head { size: seq + 1, hash: leaf_hash };
        Ok(Placed { kind: pending.draft.kind, receipt: Receipt::new(seq, leaf_hash, pending.id), waiter: None })
    }

    /// Puts the chunk into the batch.
    fn close(&mut self, head: &Head, batch: &mut Batch) {
        if !self.chunk.is_empty() {
            batch.insert(&key(LEAVES, self.chunk.first()), self.chunk.finish(&head.hash));
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
fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
