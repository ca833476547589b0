//! The children of one server in `serve`: one for each session, a few warm ones for stateless requests, started again with back-off.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::exchange::{Exchange, OpenError, Request, Session};
use super::health::{Down, Failure, Health};
use super::metrics::Metrics;
use super::process::{Child, ChildExit, ChildSettings, End, SendError, check_framing};
use super::table::Claim;
use super::unsolicited::{Unsolicited, shelf};
use super::wire::Key;
use super::worker::{Audience, Common, Worker};
use crate::clock::Clock;
use crate::domain::{Caller, Timestamp};

/// How a pool is to treat its children and those who wait for them.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// What to start.
    pub child: ChildSettings,
    /// How many sessions may have a child at the same time.
    pub max_sessions: usize,
    /// How many children may serve stateless requests. More than one run only when ids collide or one has all the requests it may.
    pub max_shared: usize,
    /// How many requests one child may work on at the same time; each may hold up to `max_line_bytes` that wait for its client.
    pub max_requests_per_child: usize,
    /// How long a stateless request waits for a child that it fits.
    pub pick_timeout: Duration,
    /// How long the id of an abandoned request stays taken if the child does not answer.
    pub cancel_linger: Duration,
    /// How long a client may leave its mailbox full before its exchange is cut off. Others on the child wait meanwhile.
    pub reader_patience: Duration,
}

impl PoolSettings {
    /// The defaults for `child`: 32 sessions, 4 shared children, 64 requests a child, 10 s to find a child, 30 s for the answer to
    /// an abandoned request, 2 s for a client to read.
    #[must_use]
    pub fn new(child: ChildSettings) -> Self {
        Self {
            child,
            max_sessions: 32,
            max_shared: 4,
            max_requests_per_child: 64,
            pick_timeout: Duration::from_secs(10),
            cancel_linger: Duration::from_secs(30),
            reader_patience: Duration::from_secs(2),
        }
    }
}

/// Why there is no child.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unavailable {
    /// It failed, and it is too early to start it again.
    #[error("the server process is down ({last}); it is started again in {} ms", retry_in.as_millis())]
    Down {
        /// Since when nothing of it has worked.
        since: Timestamp,
        /// How long until it is started again.
        retry_in: Duration,
        /// How it failed last.
        last: Failure,
    },
    /// As many sessions as allowed have a child.
    #[error("all {limit} server processes for sessions are in use")]
    Full {
        /// How many are allowed.
        limit: usize,
    },
    /// The sidecar is stopping.
    #[error("the sidecar is stopping")]
    Stopping,
}

/// What a status page shows of a pool.
#[derive(Debug, Clone)]
pub enum ChildState {
    /// Nobody has needed a child yet, or none any more.
    Idle,
    /// A child runs, and has not said anything yet: servers speak when they are spoken to.
    Starting {
        /// Its process id.
        pid: u32,
        /// When it was started.
        since: Timestamp,
    },
    /// At least one child runs and has spoken.
    Up {
        /// The process id of the one that has run longest.
        pid: u32,
        /// When that one was started.
        since: Timestamp,
        /// How many run.
        children: usize,
    },
    /// It failed, and none runs.
    Down {
        /// Since when.
        since: Timestamp,
        /// How long until it is started again; zero if that is due.
        retry_in: Duration,
        /// How it failed last.
        last: Failure,
    },
}

/// The children of one server. A cheap handle: clones are the same pool, and when the last is dropped the children are ended.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: Arc<Inner>,
    _ends_children: Arc<DropGuard>,
}

#[derive(Debug)]
struct Inner {
    common: Arc<Common>,
    clock: Clock,
    stop: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Every child that has not ended, in the order they were started.
    children: Vec<Arc<Worker>>,
    health: Health,
}

impl Pool {
    /// A pool without children; they are started when somebody needs one. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(settings: PoolSettings, metrics: Metrics, clock: Clock, stop: &CancellationToken) -> Self {
        let stop = stop.child_token();
        let common = Arc::new(Common { settings, metrics, freed: Notify::new(), runtime: Handle::current() });
        let guard = stop.clone().drop_guard();
        Self { inner: Arc::new(Inner { common, clock, stop, state: Mutex::default() }), _ends_children: Arc::new(guard) }
    }

    /// Starts a child for a stateful session. It ends with the session.
    pub fn dedicated(&self) -> Result<(Session, Unsolicited), Unavailable> {
        let inner = &self.inner;
        let limit = inner.common.settings.max_sessions;
        let mut state = inner.state.lock();
        if state.children.iter().filter(|worker| !worker.is_shared()).count() >= limit {
            return Err(Unavailable::Full { limit });
        }
        let (shelf, unsolicited) = shelf(inner.common.settings.child.max_line_bytes);
        let worker = inner.start(&mut state, Audience::Session(shelf))?;
        Ok((Session::new(worker), unsolicited))
    }

    /// Gives a stateless request to a child that works on no other with the same id or progress token, starts one if need be, and
    /// waits up to `pick_timeout` if it may not.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, nothing is sent.
    pub async fn shared(&self, request: Request) -> Result<Exchange, OpenError> {
        check_framing(&request.line)?;
        let (claim, line) = request.into_claim();
        let exchange = self.inner.pick(&claim).await?;
        let pid = exchange.pid();
        let sent = exchange.send(line).await;
        if sent.as_ref().is_err_and(|error| *error == SendError::NotReading) {
            self.inner.replace(pid);
        }
        Ok(sent?)
    }

    /// Passes on a notification about a stateless request that `caller` has open, such as its cancellation. Gone if there is none:
    /// a caller cannot reach the requests of others.
    pub async fn relay(&self, caller: &Caller, id: &Key, line: Bytes) -> Result<(), SendError> {
        let worker = {
            let state = self.inner.state.lock();
            state.shared().find(|worker| worker.table.lock().is_from(id, caller)).map(Arc::clone)
        };
        worker.ok_or(SendError::Gone)?.child.send(line).await
    }

    /// What is started, for somebody who runs a child without the pool.
    #[must_use]
    pub fn child_settings(&self) -> ChildSettings {
        self.inner.common.settings.child.clone()
    }

    /// How the children are.
    #[must_use]
    pub fn state(&self) -> ChildState {
        let state = self.inner.state.lock();
        if let Some(worker) = state.children.iter().find(|worker| worker.spoke()) {
            return ChildState::Up { pid: worker.child.pid(), since: worker.since, children: state.children.len() };
        }
        if let Some(worker) = state.children.first() {
            return ChildState::Starting { pid: worker.child.pid(), since: worker.since };
        }
        let Some(Down { since, retry_at, last }) = state.health.down() else { return ChildState::Idle };
        let retry_in = retry_at.saturating_duration_since(Instant::now());
        ChildState::Down { since: *since, retry_in, last: last.clone() }
    }

    /// How the last child failed, if none has worked since.
    #[must_use]
    pub fn last_failure(&self) -> Option<Failure> {
        self.inner.state.lock().health.down().map(|down| down.last.clone())
    }

    /// Ends all children in order and waits for them. Nothing can be started afterwards.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        let children = self.inner.state.lock().children.clone();
        for worker in children {
            worker.child.shutdown().await;
        }
    }
}

impl State {
    fn shared(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.children.iter().filter(|worker| worker.is_shared())
    }
}

impl Inner {
    async fn pick(self: &Arc<Self>, claim: &Claim) -> Result<Exchange, OpenError> {
        let deadline = Instant::now() + self.common.settings.pick_timeout;
        loop {
            let mut freed = std::pin::pin!(self.common.freed.notified());
            freed.as_mut().enable();
            if let Some(exchange) = self.try_pick(claim)? {
                return Ok(exchange);
            }
            tokio::select! {
                () = freed => {}
                () = sleep_until(deadline) => return Err(OpenError::Busy),
            }
        }
    }

    /// Enters the request with a child that it fits, or a new one; `None` if there can be no other child at the moment.
    fn try_pick(self: &Arc<Self>, claim: &Claim) -> Result<Option<Exchange>, Unavailable> {
        let mut state = self.state.lock();
        // A child that never worked for another caller comes first: only there can unaddressed messages be delivered.
        let rank = |worker: &&Arc<Worker>| {
            let table = worker.table.lock();
            table.fits(claim).then(|| (table.is_shared_with_others(&claim.caller), table.len()))
        };
        let best = state.shared().filter_map(|worker| Some((rank(&worker)?, worker))).min_by_key(|(rank, _)| *rank);
        if let Some(exchange) = best.and_then(|(_, worker)| worker.enter(claim.clone())) {
            return Ok(Some(exchange));
        }
        let running = state.shared().count();
        if running >= self.common.settings.max_shared {
            // Idle and yet not fit: it has given up on too much. It makes room for a new one, which its end announces.
            if let Some(worn) = state.shared().find(|worker| worker.table.lock().len() == 0) {
                worn.retire();
            }
            return Ok(None);
        }
        match self.start(&mut state, Audience::Everyone) {
            Ok(worker) => Ok(worker.enter(claim.clone())),
            Err(Unavailable::Down { .. }) if running > 0 => Ok(None),
            Err(unavailable) => Err(unavailable),
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, audience: Audience) -> Result<Arc<Worker>, Unavailable> {
        if self.stop.is_cancelled() {
            return Err(Unavailable::Stopping);
        }
        let now = Instant::now();
        if let Some(down) = state.health.pausing(now) {
            return Err(unavailable(down, now));
        }
        let name = &self.common.settings.child.name;
        let (child, lines) = match Child::spawn(&self.common.settings.child, &self.stop) {
            Ok(started) => started,
            Err(error) => {
                let failure = Failure::Start(Arc::new(error));
                warn!(server = name, "the server process did not start: {failure}");
                self.common.metrics.not_started(name);
                let retry_in = state.health.failed(Duration::ZERO, failure.clone(), now, self.clock.now());
                return Err(Unavailable::Down { since: self.clock.now(), retry_in, last: failure });
            }
        };
        self.common.metrics.started(name);
        let worker = Arc::new(Worker::new(child, audience, self.clock.now(), Arc::clone(&self.common)));
        state.children.push(Arc::clone(&worker));
        tokio::spawn(Arc::clone(self).attend(Arc::clone(&worker), lines));
        Ok(worker)
    }

    /// Stays with a child for all its life.
    async fn attend(self: Arc<Self>, worker: Arc<Worker>, mut lines: mpsc::Receiver<Bytes>) {
        while let Some(line) = lines.recv().await {
            if !worker.spoke() {
                self.state.lock().health.spoke();
            }
            worker.deliver(line).await;
        }
        worker.finish();
        let exit = worker.child.wait().await;
        self.common.metrics.ended(&self.common.settings.child.name, exit.end);
        let pause = self.ended(&worker, exit);
        self.common.freed.notify_waiters();
        if let Some(pause) = pause {
            self.start_again(pause).await;
        }
    }

    /// Takes note of an ended child; gives the pause before it is to be started again, if it is.
    fn ended(&self, worker: &Arc<Worker>, exit: ChildExit) -> Option<Duration> {
        let mut state = self.state.lock();
        state.children.retain(|other| !Arc::ptr_eq(other, worker));
        let unasked = matches!(exit.end, End::OnItsOwn | End::LineTooLong) && !self.stop.is_cancelled();
        // A session that crashes its own child after it had worked is no reason to keep others waiting.
        if !unasked || (!worker.is_shared() && worker.spoke()) {
            return None;
        }
        let pause = state.health.failed(worker.started.elapsed(), Failure::Exit(exit), Instant::now(), self.clock.now());
        worker.is_shared().then_some(pause)
    }

    /// Starts a shared child after `pause`, unless somebody was faster: it shows that the server is back, and is warm for the next.
    async fn start_again(self: &Arc<Self>, pause: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => return,
            () = sleep(pause) => {}
        }
        let mut state = self.state.lock();
        if state.shared().next().is_none() {
            let _ = self.start(&mut state, Audience::Everyone); // A failure is in the log and in `health`; the next caller tries again.
        }
    }

    /// Ends a child that does not read, so that the next request finds another.
    fn replace(&self, pid: u32) {
        if let Some(worker) = self.state.lock().shared().find(|worker| worker.child.pid() == pid) {
            warn!(server = self.common.settings.child.name, pid, "the server process does not read its input; it is replaced");
            worker.retire();
        }
    }
}

fn unavailable(down: &Down, now: Instant) -> Unavailable {
    Unavailable::Down { since: down.since, retry_in: down.retry_at.saturating_duration_since(now), last: down.last.clone() }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
