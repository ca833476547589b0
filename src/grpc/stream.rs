//! Streams to those who watch: bounded in number and in length.
//!
//! A few messages wait for each reader. Somebody who does not read for a while is sent away, and what waited for them is forgotten at
//! once, whether they ever look or not; the last thing a stream says is why it ends.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::Stream;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status};

use super::problem::{Reason, problem};
use crate::lifecycle::Stop;

/// How many messages wait for somebody who reads slowly.
pub(super) const AHEAD: usize = 64;
/// How long somebody is waited for who does not read at all.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Those who watch something. Cheap to clone.
#[derive(Clone)]
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    stop: Stop,
}

impl Watchers {
    pub(super) fn new(most: usize, stop: Stop) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), stop }
    }

    /// A place for one more: who tells, and what they read.
    pub(super) fn admit<T>(&self) -> Result<(Teller<T>, Watched<T>), Status> {
        self.admit_ahead(AHEAD, |message| message)
    }

    /// The same, with room for so many that were not read yet. What waits is made into a message when it is read.
    pub(super) fn admit_ahead<W, T>(&self, ahead: usize, message: fn(W) -> T) -> Result<(Teller<W>, Watched<T, W>), Status> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let too_many = |_| problem(Code::ResourceExhausted, Reason::TooMany, "too many watch already; try again later");
        let place = place.map_err(too_many)?;
        let state = Mutex::new(State { place: Some(place), ..State::default() });
        let line = Arc::new(Line { ahead, state, moved: Notify::new() });
        Ok((Teller { line: Arc::clone(&line), stop: self.stop.clone() }, Watched { line, message }))
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.places.available_permits()
    }
}

/// What waits between who tells and one reader. A lock guards all of it, and is held for a moment only.
struct Line<W> {
    ahead: usize,
    state: Mutex<State<W>>,
    /// There is room again, or the reader has left.
    moved: Notify,
}

struct State<W> {
    waiting: VecDeque<W>,
    end: Option<Status>,
    ended: bool,
    left: bool,
    reader: Option<Waker>,
    /// A place among those who watch; given back when the stream ends.
    place: Option<OwnedSemaphorePermit>,
}

impl<W> Default for State<W> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), end: None, ended: false, left: false, reader: None, place: None }
    }
}

impl<W> State<W> {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<W> Line<W> {
    /// Waits for a state.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped: who asks again sees the state as it is then.
    async fn until(&self, wanted: impl Fn(&State<W>) -> bool) {
        while !wanted(&self.state.lock()) {
            self.moved.notified().await;
        }
    }
}

/// Messages, until somebody stops reading. It holds a place among those who watch.
pub(super) struct Watched<T, W = T> {
    line: Arc<Line<W>>,
    message: fn(W) -> T,
}

impl<T, W> Stream for Watched<T, W> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.line.state.lock();
        let full = state.waiting.len() >= self.line.ahead;
        if let Some(waiting) = state.waiting.pop_front() {
            drop(state);
            if full {
                self.line.moved.notify_one();
            }
            return Poll::Ready(Some(Ok((self.message)(waiting))));
        }
        if let Some(status) = state.end.take() {
            state.ended = true;
            return Poll::Ready(Some(Err(status)));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T, W> Drop for Watched<T, W> {
    fn drop(&mut self) {
        let mut state = self.line.state.lock();
        state.left = true;
        state.place = None;
        state.waiting = VecDeque::new();
        drop(state);
        self.line.moved.notify_one();
    }
}

/// Why a reader is sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// They do not read. What waited for them is forgotten.
    TooSlow,
    /// The sidecar stops. What waits is still handed over.
    Stopping,
}

/// Whoever reads is gone, or has been told the end: there is nobody to tell any more.
#[derive(Debug)]
pub(super) struct Over;

/// Tells somebody who watches.
pub(super) struct Teller<W> {
    line: Arc<Line<W>>,
    stop: Stop,
}

impl<W> Teller<W> {
    /// Tells something, once there is room. When that does not come, `ends` says why the stream ends, given the first that the reader does
    /// not get.
    pub(super) async fn tell(&self, told: W, ends: impl FnOnce(Why, &W) -> Status) -> Result<(), Over> {
        let ahead = self.line.ahead;
        let room = self.line.until(|state| state.left || state.waiting.len() < ahead);
        let room = tokio::select! {
            room = tokio::time::timeout(PATIENCE, room) => room,
            () = self.stop.wait() => return Err(self.end(ends(Why::Stopping, &told))),
        };
        let mut state = self.line.state.lock();
        if room.is_err() {
            tracing::info!("somebody who watches over gRPC reads too slowly and is sent away");
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            return Err(self.end(ends(Why::TooSlow, waiting.front().unwrap_or(&told))));
        }
        if state.left {
            return Err(Over);
        }
        state.waiting.push_back(told);
        state.wake();
        Ok(())
    }

    /// Ends the stream: what waits is still handed over, and then why there is no more.
    pub(super) fn end(&self, why: Status) -> Over {
        let mut state = self.line.state.lock();
        state.place = None;
        state.end = Some(why);
        state.wake();
        Over
    }

    /// What comes next, unless whoever watches leaves before, or the sidecar stops, for which `ends` has the words.
    pub(super) async fn next<N>(&self, next: impl Future<Output = N>, ends: impl FnOnce() -> Status) -> Result<N, Over> {
        tokio::select! {
            biased;
            () = self.line.until(|state| state.left) => Err(Over),
            () = self.stop.wait() => Err(self.end(ends())),
            next = next => Ok(next),
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
