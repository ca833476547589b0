//! Records on their way to the one thread that writes them.
//!
//! The queue is bounded in records and bytes. Whoever waits for durability wakes the committer; records nobody waits for ride along
//! with the next ones, and wake it only when it sleeps without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

use crate::clock::Clock;
use crate::domain::{DecisionId, Timestamp};

use super::encode::Draft;
use super::rotate::RotateAnswer;
use super::writer::{AppendError, Receipt};

/// How many bytes of records may wait.
const MAX_BYTES: usize = 16 << 20;

/// How many commands may wait.
const MAX_COMMANDS: usize = 16;

/// How long a record that nobody waits for may lie before it is written.
const LINGER: Duration = Duration::from_millis(100);

/// A record that waits to be written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) draft: Draft,
    pub(super) at: Timestamp,
    pub(super) id: Option<DecisionId>,
    /// Who waits for it; nobody, for a note.
    pub(super) waiter: Option<oneshot::Sender<Result<Receipt, AppendError>>>,
}

/// Something else that only the committer can do, between two groups.
#[derive(Debug)]
pub(super) enum Command {
    /// Let another key sign.
    RotateKey(RotateAnswer),
    /// Remove what was kept of one call from the epoch, if it is there.
    Forget(u64),
}

/// What the committer takes at a time.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) records: Vec<Pending>,
    /// To be obeyed after the records.
    pub(super) commands: Vec<Command>,
}

/// Why the queue takes nothing more.
#[derive(Debug, Clone)]
enum Shut {
    Closed,
    Failed(Arc<str>),
}

/// What the committer is doing while the queue is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Committer {
    /// It will look at the queue by itself.
    Busy,
    /// It looks at the queue soon by itself; only a waiter needs to wake it.
    Lingers,
    /// It sleeps until it is woken.
    Sleeps,
}

struct State {
    pending: Taken,
    /// How many of the records somebody waits for.
    waiters: usize,
    bytes: usize,
    committer: Committer,
    /// Nothing more is wanted: whatever else, the committer is to end.
    closing: bool,
    shut: Option<Shut>,
}

/// The queue.
pub(super) struct Queue {
    state: Mutex<State>,
    bell: Condvar,
    room: Notify,
    stuck: AtomicBool,
    capacity: usize,
    clock: Clock,
}

impl Queue {
    pub(super) fn new(capacity: usize, clock: Clock) -> Self {
        let pending = Taken::default();
        let state = State { pending, waiters: 0, bytes: 0, committer: Committer::Busy, closing: false, shut: None };
        Self {
            state: Mutex::new(state),
            bell: Condvar::new(),
            room: Notify::new(),
            stuck: AtomicBool::new(false),
            capacity,
            clock,
        }
    }

    /// Puts a record in line. Its time is taken here, under the lock, so that times follow the order of the log.
    pub(super) fn push(
        &self,
        draft: Draft,
        id: Option<DecisionId>,
        waiter: Option<oneshot::Sender<Result<Receipt, AppendError>>>,
    ) -> Result<(), AppendError> {
        let mut state = self.state.lock();
        state.require_open()?;
        // Outcomes may use twice the room: the calls they end were let in while there was room for calls.
        let capacity = if waiter.is_some() { self.capacity } else { 2 * self.capacity };
        if state.pending.records.len() >= capacity || state.bytes >= MAX_BYTES {
            return Err(AppendError::QueueFull);
        }
        let wake = match state.committer {
            Committer::Busy => false,
            Committer::Lingers => waiter.is_some(),
            Committer::Sleeps => true,
        };
        if wake {
            state.committer = Committer::Busy;
        }
        state.bytes += draft.max_len();
        state.waiters += usize::from(waiter.is_some());
        state.pending.records.push(Pending { draft, at: self.clock.now(), id, waiter });
        drop(state);
        if wake {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Has the committer do something else.
    pub(super) fn command(&self, command: Command) -> Result<(), AppendError> {
        let mut state = self.state.lock();
        state.require_open()?;
        if state.pending.commands.len() >= MAX_COMMANDS {
            return Err(AppendError::QueueFull);
        }
        state.pending.commands.push(command);
        state.committer = Committer::Busy;
        drop(state);
        self.bell.notify_one();
        Ok(())
    }

    /// The time, as records get it.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes everything that waits into `into`, waiting for it if necessary; `false` when the queue is closed and empty.
    pub(super) fn take(&self, into: &mut Taken) -> bool {
        let mut state = self.state.lock();
        let lingers_until = Instant::now() + LINGER;
        loop {
            let lingered = Instant::now() >= lingers_until;
            let urgent = state.waiters > 0 || !state.pending.commands.is_empty() || state.shut.is_some();
            if urgent || (lingered && !state.pending.records.is_empty()) {
                break;
            }
            if lingered {
                state.committer = Committer::Sleeps;
                self.bell.wait(&mut state);
            } else {
                state.committer = Committer::Lingers;
                self.bell.wait_until(&mut state, lingers_until);
            }
        }
        state.committer = Committer::Busy;
        std::mem::swap(&mut state.pending, into);
        (state.bytes, state.waiters) = (0, 0);
        drop(state);
        self.room.notify_waiters();
        !into.records.is_empty() || !into.commands.is_empty()
    }

    /// Is ready when the committer has taken what was in the queue.
    pub(super) fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// Somebody gave up waiting for the disk.
    pub(super) fn stuck(&self) {
        self.stuck.store(true, Ordering::Relaxed);
    }

    /// The disk has answered.
    pub(super) fn moved(&self) {
        self.stuck.store(false, Ordering::Relaxed);
    }

    /// Whether the disk has not answered since somebody gave up waiting for it.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Lets nothing more in; what waits is still written.
    pub(super) fn close(&self) {
        self.shut(|state| {
            state.closing = true;
            // A failure is not forgotten by closing.
            state.shut.get_or_insert(Shut::Closed);
        });
    }

    /// Lets nothing more in, and hands back what waits.
    pub(super) fn fail(&self, reason: &Arc<str>) -> Taken {
        self.shut(|state| state.shut = Some(Shut::Failed(Arc::clone(reason))));
        let mut state = self.state.lock();
        (state.bytes, state.waiters) = (0, 0);
        std::mem::take(&mut state.pending)
    }

    /// Lets records in again after a failure.
    pub(super) fn reopen(&self) {
        let mut state = self.state.lock();
        state.shut = state.closing.then_some(Shut::Closed);
    }

    /// Whether the queue is closed before this time has passed.
    pub(super) fn closes_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.closing && Instant::now() < until {
            self.bell.wait_until(&mut state, until);
        }
        state.closing
    }

    /// Why nothing can be written any more, if so.
    pub(super) fn failure(&self) -> Option<Arc<str>> {
        match &self.state.lock().shut {
            Some(Shut::Failed(reason)) => Some(Arc::clone(reason)),
            Some(Shut::Closed) => Some("the audit log is closed".into()),
            None => None,
        }
    }

    fn shut(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.state.lock());
        self.bell.notify_one();
        self.room.notify_waiters();
    }
}

impl State {
    fn require_open(&self) -> Result<(), AppendError> {
        match &self.shut {
            None => Ok(()),
            Some(Shut::Closed) => Err(AppendError::Closed),
            Some(Shut::Failed(reason)) => Err(AppendError::Failed(Arc::clone(reason))),
        }
    }
}
