//! Decisions as they are made: the records of the log from a place on, those that are wanted, for as long as somebody reads them.
//!
//! Nothing that is wanted is left out: a stream ends with an error that says from which place to go on, in its details (`from_seq`), or
//! it goes on. A few decisions wait for each reader; somebody who does not read for a while is sent away, and what waited for them is
//! forgotten at once, whether they ever look or not: the log has it all.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::Stream;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::problem::BadField;
use super::{convert, pb};
use crate::domain::Timestamp;
use crate::lifecycle::Stop;

/// A record of the log. All who watch share it.
#[derive(Debug)]
pub struct Record {
    /// Its place.
    pub seq: u64,
    /// Its text.
    pub json: String,
    /// What is looked at of it, once for all.
    decision: OnceLock<Option<Looked>>,
}

impl Record {
    /// The record at a place, by its text.
    #[must_use]
    pub const fn new(seq: u64, json: String) -> Self {
        Self { seq, json, decision: OnceLock::new() }
    }
}

/// Records in the order of the log, none left out. They end when there will be no more, or when the log cannot be read.
#[derive(Debug)]
pub struct Following {
    /// The place of the first, or of the first that is still there.
    pub from: u64,
    /// The records.
    pub records: mpsc::Receiver<Arc<Record>>,
}

/// Starts to send the records from a place on (from now on, without one), and those that come later.
pub type RecordsSource = Box<dyn Fn(Option<u64>) -> Following + Send + Sync>;

/// How many decisions wait for somebody who reads slowly.
const AHEAD: usize = 64;
/// How long somebody is waited for who does not read at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which decisions are wanted.
#[derive(Debug)]
pub(super) struct Filter {
    from: Option<u64>,
    decisions: Vec<pb::Decision>,
    agent: String,
    server: String,
}

/// What is looked at of the record of a decision.
#[derive(Debug)]
struct Looked {
    decision: pb::Decision,
    id: String,
    time: Option<prost_types::Timestamp>,
    agent: String,
    server: String,
}

impl Looked {
    fn at(json: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            t: &'a str,
            /// When it was recorded, RFC 3339.
            #[serde(default)]
            ts: &'a str,
            #[serde(default)]
            decision: &'a str,
            #[serde(default)]
            id: &'a str,
            #[serde(default, borrow)]
            agent: Option<std::borrow::Cow<'a, str>>,
            #[serde(default)]
            server: &'a str,
        }
        let raw: Raw<'_> = serde_json::from_str(json).ok()?;
        let decision = match (raw.t, raw.decision) {
            ("decision", "allow") => pb::Decision::Allow,
            ("decision", "deny") => pb::Decision::Deny,
            ("decision", "require_approval") => pb::Decision::RequireApproval,
            _ => return None,
        };
        let time = raw.ts.parse::<jiff::Timestamp>().ok();
        Some(Self {
            decision,
            id: raw.id.to_owned(),
            time: time.map(|at| convert::time(Timestamp::from_micros(at.as_microsecond()))),
            agent: raw.agent.unwrap_or_default().into_owned(),
            server: raw.server.to_owned(),
        })
    }
}

impl Record {
    fn decision(&self) -> Option<&Looked> {
        self.decision.get_or_init(|| Looked::at(&self.json)).as_ref()
    }

    fn response(&self) -> Option<pb::WatchDecisionsResponse> {
        self.decision().map(|looked| pb::WatchDecisionsResponse {
            seq: self.seq,
            decision: looked.decision.into(),
            decision_id: looked.id.clone(),
            time: looked.time,
            record_json: self.json.clone(),
        })
    }
}

impl Filter {
    pub(super) fn of(request: pb::WatchDecisionsRequest) -> Result<Self, BadField> {
        let pb::WatchDecisionsRequest { from_seq, decisions, agent, server } = request;
        let read = |decision: i32| match pb::Decision::try_from(decision) {
            Ok(pb::Decision::Unspecified) | Err(_) => Err(BadField::new("decisions", "has one that this version does not know")),
            Ok(decision) => Ok(decision),
        };
        let decisions = decisions.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { from: from_seq, decisions, agent, server })
    }

    fn wants(&self, record: &Record) -> bool {
        record.decision().is_some_and(|looked| {
            (self.decisions.is_empty() || self.decisions.contains(&looked.decision))
                && (self.agent.is_empty() || looked.agent == self.agent)
                && (self.server.is_empty() || looked.server == self.server)
        })
    }
}

/// Why a stream ends before its reader wants it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// They do not read.
    TooSlow,
    /// The sidecar stops.
    Stopping,
    /// The log ends, or cannot be read.
    NoMore,
}

impl End {
    /// Tells it, and where to go on.
    fn status(self, from: u64) -> Status {
        let (code, reason, sentence) = match self {
            Self::TooSlow => (Code::Aborted, "TOO_SLOW", "too slow"),
            Self::Stopping => (Code::Unavailable, "STOPPING", "the sidecar is stopping"),
            Self::NoMore => (Code::Unavailable, "LOG_UNAVAILABLE", "the log cannot be read any further now"),
        };
        let details = ErrorDetails::with_error_info(reason, "cedarpost.dev", [("from_seq".to_owned(), from.to_string())]);
        Status::with_error_details(code, format!("{sentence}: go on with `from_seq` {from}"), details)
    }
}

/// What waits between the log and one reader. A lock guards all of it, and is held for a moment only.
#[derive(Default)]
struct Line {
    state: Mutex<State>,
    /// There is room again, or the reader has left.
    moved: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Record>>,
    end: Option<Status>,
    ended: bool,
    left: bool,
    reader: Option<Waker>,
    /// A place among those who watch; given back when the stream ends.
    slot: Option<OwnedSemaphorePermit>,
}

impl Line {
    /// Waits for a state.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped: who asks again sees the state as it is then.
    async fn until(&self, wanted: impl Fn(&State) -> bool) {
        while !wanted(&self.state.lock()) {
            self.moved.notified().await;
        }
    }

    fn push(&self, record: Arc<Record>) {
        let mut state = self.state.lock();
        state.waiting.push_back(record);
        state.wake();
    }

    /// Ends the stream: what waits is still handed over, except to somebody who is too slow. `next` is the place after what waits.
    fn end(&self, end: End, next: u64) {
        let mut state = self.state.lock();
        let mut from = next;
        if end == End::TooSlow {
            from = state.waiting.front().map_or(next, |record| record.seq);
            state.waiting = VecDeque::new();
        }
        state.slot = None;
        state.end = Some(end.status(from));
        state.wake();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Decisions, until somebody stops reading.
pub(super) struct Watched(Arc<Line>);

impl Stream for Watched {
    type Item = Result<pb::WatchDecisionsResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.state.lock();
        let full = state.waiting.len() >= AHEAD;
        while let Some(record) = state.waiting.pop_front() {
            if full {
                self.0.moved.notify_one();
            }
            // Only decisions wait here.
            let Some(response) = record.response() else { continue };
            return Poll::Ready(Some(Ok(response)));
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

impl Drop for Watched {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.left = true;
        state.slot = None;
        state.waiting = VecDeque::new();
        drop(state);
        self.0.moved.notify_one();
    }
}

/// Watches, until the stop.
pub(super) fn watch(records: &RecordsSource, filter: Filter, slot: OwnedSemaphorePermit, stop: Stop) -> Watched {
    let following = records(filter.from);
    let line = Arc::new(Line::default());
    line.state.lock().slot = Some(slot);
    tokio::spawn(pass(following, filter, Arc::clone(&line), stop));
    Watched(line)
}

async fn pass(following: Following, filter: Filter, line: Arc<Line>, stop: Stop) {
    let Following { from: mut next, mut records } = following;
    loop {
        let record = tokio::select! {
            record = records.recv() => record,
            () = line.until(|state| state.left) => return,
            () = stop.wait() => return line.end(End::Stopping, next),
        };
        let Some(record) = record else { return line.end(End::NoMore, next) };
        if filter.wants(&record) {
            let room = line.until(|state| state.left || state.waiting.len() < AHEAD);
            let room = tokio::select! {
                room = tokio::time::timeout(PATIENCE, room) => room,
                () = stop.wait() => return line.end(End::Stopping, record.seq),
            };
            if room.is_err() {
                tracing::info!(seq = record.seq, "somebody who watches decisions reads too slowly and is sent away");
                return line.end(End::TooSlow, record.seq);
            }
            line.push(Arc::clone(&record));
        }
        next = record.seq + 1;
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
