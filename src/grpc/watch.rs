//! Records as they are written: those of the log from a place on that are wanted, for as long as somebody reads them.
//!
//! Nothing that is wanted is left out: a stream ends with an error that says from which place to go on, in its details (`from_seq`), or
//! it goes on.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use tokio::sync::mpsc;
use tonic::{Code, Status};

use super::problem::{BadField, Reason, problem_with};
use super::stream::{AHEAD, Over, Teller, Watched, Watchers, Why};
use super::{convert, pb};
use crate::domain::Timestamp;

/// The kinds of records that hold decisions: about calls, and about a service's own entities.
const CALL: &str = "decision";
const ACCESS: &str = "access";

/// A record of the log. All who watch share it.
#[derive(Debug)]
pub struct Record {
    /// Its place.
    pub seq: u64,
    /// Its text.
    pub json: String,
    /// What is looked at of it, once for all.
    looked: OnceLock<Option<Looked>>,
}

impl Record {
    /// The record at a place, by its text.
    #[must_use]
    pub const fn new(seq: u64, json: String) -> Self {
        Self { seq, json, looked: OnceLock::new() }
    }

    /// What is looked at; `None` for what cannot be read.
    pub(super) fn looked(&self) -> Option<&Looked> {
        self.looked.get_or_init(|| Looked::at(&self.json)).as_ref()
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

/// What is looked at of a record.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) kind: String,
    /// When it was recorded.
    pub(super) time: Option<prost_types::Timestamp>,
    decision: Option<pb::Decision>,
    id: String,
    agent: String,
    server: String,
    /// The service that asked.
    by: String,
}

impl Looked {
    fn at(json: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            t: &'a str,
            /// RFC 3339.
            #[serde(default)]
            ts: &'a str,
            #[serde(default)]
            decision: &'a str,
            #[serde(default)]
            id: &'a str,
            #[serde(default, borrow)]
            agent: Option<Text<'a>>,
            #[serde(default)]
            server: &'a str,
            #[serde(default, borrow)]
            by: Option<Text<'a>>,
            #[serde(default, borrow)]
            check: Option<Check<'a>>,
        }
        #[derive(Deserialize)]
        struct Check<'a> {
            #[serde(default, borrow)]
            by: Option<Text<'a>>,
        }
        /// A string, whole or cut.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text<'a> {
            Whole(#[serde(borrow)] std::borrow::Cow<'a, str>),
            Cut {
                #[serde(borrow)]
                cut: std::borrow::Cow<'a, str>,
            },
        }
        let raw: Raw<'_> = serde_json::from_str(json).ok()?;
        let decision = match (raw.t, raw.decision) {
            (CALL | ACCESS, "allow") => Some(pb::Decision::Allow),
            (CALL | ACCESS, "deny") => Some(pb::Decision::Deny),
            (CALL, "require_approval") => Some(pb::Decision::RequireApproval),
            _ => None,
        };
        let time = raw.ts.parse::<jiff::Timestamp>().ok();
        let owned = |text: Option<Text<'_>>| {
            text.map(|(Text::Whole(text) | Text::Cut { cut: text })| text.into_owned()).unwrap_or_default()
        };
        Some(Self {
            kind: raw.t.to_owned(),
            time: time.map(|at| convert::time(Timestamp::from_micros(at.as_microsecond()))),
            decision,
            id: raw.id.to_owned(),
            agent: owned(raw.agent),
            server: raw.server.to_owned(),
            by: owned(raw.by.or_else(|| raw.check?.by)),
        })
    }
}

/// Whose records are wanted.
#[derive(Debug)]
struct Whose {
    agent: String,
    server: String,
}

impl Whose {
    fn fits(&self, looked: &Looked) -> bool {
        (self.agent.is_empty() || looked.agent == self.agent) && (self.server.is_empty() || looked.server == self.server)
    }
}

/// Which decisions are wanted.
#[derive(Debug)]
pub(super) struct Decisions {
    from: Option<u64>,
    decisions: Vec<pb::Decision>,
    /// Of calls, and of a service's own entities.
    kinds: Vec<String>,
    /// Only what this service asked, when it is one.
    by: String,
    whose: Whose,
}

impl Decisions {
    pub(super) fn of(request: pb::WatchDecisionsRequest) -> Result<Self, BadField> {
        let pb::WatchDecisionsRequest { from_seq, decisions, agent, server, mut kinds, by } = request;
        if kinds.iter().any(|kind| kind != CALL && kind != ACCESS) {
            return Err(BadField::new("kinds", "has one that is neither `decision` nor `access`"));
        }
        // Whoever says nothing was built when there were no others.
        if kinds.is_empty() {
            kinds.push(CALL.to_owned());
        }
        let read = |decision: i32| match pb::Decision::try_from(decision) {
            Ok(pb::Decision::Unspecified) | Err(_) => Err(BadField::new("decisions", "has one that this version does not know")),
            Ok(decision) => Ok(decision),
        };
        let decisions = decisions.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { from: from_seq, decisions, kinds, by, whose: Whose { agent, server } })
    }

    fn wants(&self, record: &Record) -> bool {
        let Some(looked) = record.looked() else { return false };
        let wanted = |decision| self.decisions.is_empty() || self.decisions.contains(&decision);
        let of_kind = self.kinds.contains(&looked.kind) && (self.by.is_empty() || looked.by == self.by);
        of_kind && looked.decision.is_some_and(wanted) && self.whose.fits(looked)
    }
}

/// The decision in a record; only decisions wait to be told so.
fn decision(record: &Record) -> pb::WatchDecisionsResponse {
    let looked = record.looked();
    pb::WatchDecisionsResponse {
        seq: record.seq,
        decision: looked.and_then(|looked| looked.decision).unwrap_or_default().into(),
        decision_id: looked.map(|looked| looked.id.clone()).unwrap_or_default(),
        time: looked.and_then(|looked| looked.time),
        record_json: record.json.clone(),
        kind: looked.map(|looked| looked.kind.clone()).unwrap_or_default(),
    }
}

/// Which records are wanted.
#[derive(Debug)]
pub(super) struct Records {
    from: Option<u64>,
    kinds: Vec<String>,
    whose: Whose,
}

impl Records {
    pub(super) fn of(request: pb::TailRecordsRequest) -> Self {
        let pb::TailRecordsRequest { from_seq, kinds, agent, server } = request;
        Self { from: from_seq, kinds, whose: Whose { agent, server } }
    }

    /// What cannot be read is told, or a tail would have holes.
    fn wants(&self, record: &Record) -> bool {
        record
            .looked()
            .is_none_or(|looked| (self.kinds.is_empty() || self.kinds.contains(&looked.kind)) && self.whose.fits(looked))
    }
}

/// Messages about records, for somebody who watches.
pub(super) type Told<T> = Watched<T, Arc<Record>>;

/// Watches decisions.
pub(super) fn decisions(
    records: &RecordsSource,
    wanted: Decisions,
    watchers: &Watchers,
) -> Result<Told<pb::WatchDecisionsResponse>, Status> {
    let (teller, watched) = watchers.admit_ahead(AHEAD, |record: Arc<Record>| decision(&record))?;
    tokio::spawn(pass(records(wanted.from), move |record| wanted.wants(record), teller));
    Ok(watched)
}

/// Follows records.
pub(super) fn records(
    records: &RecordsSource,
    wanted: Records,
    watchers: &Watchers,
) -> Result<Told<pb::TailRecordsResponse>, Status> {
    let response = |record: Arc<Record>| pb::TailRecordsResponse { record: Some(convert::record(&record)) };
    let (teller, watched) = watchers.admit_ahead(AHEAD, response)?;
    tokio::spawn(pass(records(wanted.from), move |record| wanted.wants(record), teller));
    Ok(watched)
}

async fn pass(following: Following, wants: impl Fn(&Record) -> bool + Send, teller: Teller<Arc<Record>>) -> Over {
    let Following { from: mut next, mut records } = following;
    loop {
        let record = match teller.next(records.recv(), || stopping(next)).await {
            Ok(Some(record)) => record,
            Ok(None) => return teller.end(unreadable(next)),
            Err(over) => return over,
        };
        next = record.seq + 1;
        if wants(&record)
            && let Err(over) = teller.tell(record, ends).await
        {
            return over;
        }
    }
}

/// Why a stream ends before its reader wants it to, and that it goes on with the first record that they do not get.
fn ends(why: Why, first: &Arc<Record>) -> Status {
    match why {
        Why::TooSlow => goes_on(Code::Aborted, Reason::TooSlow, "too slow", first.seq),
        Why::Stopping => stopping(first.seq),
    }
}

fn stopping(next: u64) -> Status {
    goes_on(Code::Unavailable, Reason::Stopping, "the sidecar is stopping", next)
}

fn unreadable(next: u64) -> Status {
    goes_on(Code::Unavailable, Reason::Unreadable, "the log cannot be read any further now", next)
}

fn goes_on(code: Code, reason: Reason, sentence: &str, from: u64) -> Status {
    let sentence = format!("{sentence}: go on with `from_seq` {from}");
    problem_with(code, reason, sentence, &[("from_seq", from.to_string())])
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
