//! `cedarpost.v1.AuditService`: records, proofs and checkpoints for tools that look into the log. Reading blocks, so it is done on threads
//! of its own, a few at a time, and nobody who writes waits for it.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::Semaphore;
use tonic::{Code, Request, Response, Status};

use super::access::only_near;
use super::page::{self, Pages};
use super::pb::audit_service_server::AuditService;
use super::problem::{BadField, Reason, problem, problem_with, stopping};
use super::sources::{Book, BookError, Extent, Wanted};
use super::stream::Watchers;
use super::watch::{self, RecordsSource, Told};
use super::{convert, pb};
use crate::domain::DecisionId;

/// The records of one answer, unless somebody says how many.
const PAGE: usize = 100;
/// The most that somebody may say.
const MAX_PAGE: usize = 1_000;
/// How many questions are looked into at the same time.
pub(super) const READERS: usize = 2;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// The longest text that is looked for.
const MAX_TEXT: usize = 1_024;

/// Answers questions about the log.
pub(super) struct Audit {
    pub(super) book: Arc<dyn Book>,
    pub(super) records: Arc<RecordsSource>,
    pub(super) reading: Arc<Semaphore>,
    pub(super) watchers: Watchers,
}

impl Audit {
    /// Reads the log, once it is this one's turn. Who leaves meanwhile gives the turn back only when the reading has ended.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Book) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, Status> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.reading).acquire_owned()).await;
        let busy = |_| problem(Code::ResourceExhausted, Reason::TooMany, "too many look into the log; try again later");
        let turn = turn.map_err(busy)?.map_err(|_| stopping())?;
        let book = Arc::clone(&self.book);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(&*book)
        });
        read.await.map_err(|_| stopping())?.map_err(|error| untold(&error, self.book.extent()))
    }
}

#[tonic::async_trait]
impl AuditService for Audit {
    async fn query_records(
        &self,
        request: Request<pb::QueryRecordsRequest>,
    ) -> Result<Response<pb::QueryRecordsResponse>, Status> {
        only_near(&request)?;
        let mut request = request.into_inner();
        let (asked, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let limit = page::size(asked, PAGE, MAX_PAGE)?;
        let pages = Pages::of(&request.encode_to_vec());
        let wanted = Wanted { limit, ..read_wanted(request)? };
        let wanted = match pages.place(&token)? {
            None => wanted,
            Some(place) => {
                let wrong = |_| BadField::new("page_token", "is not one of an answer to this question");
                let last: u64 = place.parse().map_err(wrong)?;
                if wanted.oldest_first {
                    Wanted { from: last.saturating_add(1), ..wanted }
                } else {
                    Wanted { to: last, ..wanted }
                }
            }
        };
        let mut found = self.read(move |book| book.find(&wanted)).await?;
        let is_full = found.len() >= limit;
        let mut room = page::MAX_ANSWER;
        let fitting = found.iter().take_while(|record| {
            let fits = record.json.len() <= room;
            room = room.saturating_sub(record.json.len());
            fits
        });
        // A record is never longer than an answer; still, who asks has to get on.
        let fitting = fitting.count().max(1).min(found.len());
        let is_cut = fitting < found.len();
        found.truncate(fitting);
        let last = found.last().filter(|_| is_full || is_cut);
        let next_page_token = last.map(|last| pages.token(&last.seq.to_string())).unwrap_or_default();
        let Extent { first, size } = self.book.extent();
        let records = found.iter().map(convert::record).collect();
        Ok(Response::new(pb::QueryRecordsResponse { records, next_page_token, first_seq: first, size }))
    }

    type TailRecordsStream = Told<pb::TailRecordsResponse>;

    async fn tail_records(&self, request: Request<pb::TailRecordsRequest>) -> Result<Response<Self::TailRecordsStream>, Status> {
        only_near(&request)?;
        let request = request.into_inner();
        let extent = self.book.extent();
        // Holes and another log are told, not passed over.
        if let Some(from) = request.from_seq.filter(|from| *from > extent.size || (*from > 0 && *from < extent.first)) {
            let (what, on) =
                if from < extent.first { ("was pruned", extent.first) } else { ("is beyond the end of the log", extent.size) };
            let [first, size] = facts(extent);
            let sentence = format!("record {from} {what}: go on with `from_seq` {on}");
            return Err(problem_with(
                Code::OutOfRange,
                Reason::OutOfRange,
                sentence,
                &[first, size, ("from_seq", on.to_string())],
            ));
        }
        let wanted = watch::Records::of(request);
        Ok(Response::new(watch::records(&self.records, wanted, &self.watchers)?))
    }

    async fn prove_record(&self, request: Request<pb::ProveRecordRequest>) -> Result<Response<pb::ProveRecordResponse>, Status> {
        only_near(&request)?;
        let seq = request.into_inner().seq;
        let (record, proof) = self.read(move |book| book.prove(seq)).await?;
        Ok(Response::new(pb::ProveRecordResponse { record: Some(convert::record(&record)), proof }))
    }

    async fn get_checkpoint(
        &self,
        request: Request<pb::GetCheckpointRequest>,
    ) -> Result<Response<pb::GetCheckpointResponse>, Status> {
        only_near(&request)?;
        let (head, first) = self.read(|book| Ok((book.checkpoint(), book.extent().first))).await?;
        Ok(Response::new(pb::GetCheckpointResponse {
            checkpoint: head.note,
            origin: head.origin,
            size: head.size,
            root_hash: head.root.to_vec(),
            first_seq: first,
        }))
    }
}

/// What is looked for.
fn read_wanted(request: pb::QueryRecordsRequest) -> Result<Wanted, BadField> {
    let text = |field: &str, text: String| match text.len() {
        0 => Ok(None),
        length if length > MAX_TEXT => Err(BadField::new(field, format!("is longer than {MAX_TEXT} bytes"))),
        _ => Ok(Some(text)),
    };
    let id = match request.decision_id.as_str() {
        "" => None,
        id => Some(DecisionId::parse(id).ok_or_else(|| BadField::new("decision_id", "is not the id of a decision"))?),
    };
    let oldest_first = match pb::RecordOrder::try_from(request.order) {
        Ok(pb::RecordOrder::Unspecified | pb::RecordOrder::NewestFirst) => false,
        Ok(pb::RecordOrder::OldestFirst) => true,
        Err(_) => return Err(BadField::new("order", "is none that this version knows")),
    };
    Ok(Wanted {
        kind: text("kind", request.kind)?,
        verdict: text("verdict", request.verdict)?,
        agent: text("agent", request.agent)?,
        actor: text("actor", request.actor)?,
        server: text("server", request.server)?,
        action: text("action", request.action)?,
        target: text("target", request.target)?,
        session: text("session", request.session)?,
        policy: text("policy", request.policy)?,
        id,
        since: request.since.map(|at| convert::read_time("since", &at)).transpose()?,
        until: request.until.map(|at| convert::read_time("until", &at)).transpose()?,
        from: request.from_seq.unwrap_or(0),
        to: request.to_seq.unwrap_or(u64::MAX),
        outcomes: !request.without_outcomes,
        oldest_first,
        limit: 0,
    })
}

fn untold(error: &BookError, extent: Extent) -> Status {
    let sentence = error.to_string();
    match error {
        BookError::Kind => BadField::new("kind", sentence).into(),
        BookError::Missing(_) => problem_with(Code::NotFound, Reason::UnknownRecord, sentence, &facts(extent)),
        BookError::Pruned(_) => out_of_range(sentence, extent),
        BookError::Unsigned(_) => problem(Code::Unavailable, Reason::Unsigned, sentence),
        BookError::Unreadable(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "a question about the log has no answer");
            problem(Code::DataLoss, Reason::Unreadable, sentence)
        }
    }
}

fn out_of_range(sentence: String, extent: Extent) -> Status {
    problem_with(Code::OutOfRange, Reason::OutOfRange, sentence, &facts(extent))
}

fn facts(extent: Extent) -> [(&'static str, String); 2] {
    [("first_seq", extent.first.to_string()), ("size", extent.size.to_string())]
}
