//! Decisions as they are made: the records of the log from a place on, those that are wanted, for as long as somebody reads them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::problem::BadField;
use super::{convert, pb};
use crate::domain::Timestamp;

/// A record of the log.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its place.
    pub seq: u64,
    /// Its text.
    pub json: String,
}

/// Starts to send the records from a place on (from now on, without one), and those that come later.
pub type RecordsSource = Box<dyn Fn(Option<u64>) -> mpsc::Receiver<Record> + Send + Sync>;

/// How many decisions wait for somebody who reads slowly.
const AHEAD: usize = 256;
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

/// What is looked at of a record.
#[derive(Deserialize)]
struct Looked<'a> {
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

    /// The decision in a record, if it is one and wanted.
    fn response(&self, record: Record) -> Option<pb::WatchDecisionsResponse> {
        let looked: Looked<'_> = serde_json::from_str(&record.json).ok()?;
        let decision = match (looked.t, looked.decision) {
            ("decision", "allow") => pb::Decision::Allow,
            ("decision", "deny") => pb::Decision::Deny,
            ("decision", "require_approval") => pb::Decision::RequireApproval,
            _ => return None,
        };
        let wanted = (self.decisions.is_empty() || self.decisions.contains(&decision))
            && (self.agent.is_empty() || looked.agent.as_deref() == Some(&self.agent))
            && (self.server.is_empty() || looked.server == self.server);
        let (decision_id, time) = (looked.id.to_owned(), looked.ts.parse::<jiff::Timestamp>());
        wanted.then(|| pb::WatchDecisionsResponse {
            seq: record.seq,
            decision: decision.into(),
            decision_id,
            time: time.ok().map(|at| convert::time(Timestamp::from_micros(at.as_microsecond()))),
            record_json: record.json,
        })
    }
}

/// Decisions, until somebody stops reading. It holds a place among those who watch.
pub(super) struct Watched {
    decisions: mpsc::Receiver<Result<pb::WatchDecisionsResponse, Status>>,
    _slot: OwnedSemaphorePermit,
}

impl Stream for Watched {
    type Item = Result<pb::WatchDecisionsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.decisions.poll_recv(cx)
    }
}

/// Watches.
pub(super) fn watch(records: &RecordsSource, filter: Filter, slot: OwnedSemaphorePermit) -> Watched {
    let records = records(filter.from);
    let (send, decisions) = mpsc::channel(AHEAD);
    tokio::spawn(pass(records, filter, send));
    Watched { decisions, _slot: slot }
}

async fn pass(
    mut records: mpsc::Receiver<Record>,
    filter: Filter,
    send: mpsc::Sender<Result<pb::WatchDecisionsResponse, Status>>,
) {
    loop {
        let record = tokio::select! {
            record = records.recv() => record,
            () = send.closed() => return,
        };
        let Some(record) = record else { return };
        let seq = record.seq;
        let Some(response) = filter.response(record) else { continue };
        match tokio::time::timeout(PATIENCE, send.reserve()).await {
            Ok(Ok(place)) => place.send(Ok(response)),
            Ok(Err(_)) => return,
            Err(_) => {
                // Everything before this has been handed over; the last place is for saying so.
                tracing::info!(seq, "somebody who watches decisions reads too slowly and is sent away");
                let sent = tokio::time::timeout(PATIENCE, send.send(Err(too_slow(seq)))).await;
                drop(sent);
                return;
            }
        }
    }
}

fn too_slow(seq: u64) -> Status {
    let details = ErrorDetails::with_error_info("TOO_SLOW", "cedarpost.dev", [("from_seq".to_owned(), seq.to_string())]);
    Status::with_error_details(Code::Aborted, format!("too slow: go on with `from_seq` {seq}"), details)
}
