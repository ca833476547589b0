//! `cedarpost.v1.ApprovalService`: a person who shows a token of theirs looks at tickets and rules on them. What they see and may do is up
//! to the gate.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};
use tonic::{Code, Request, Response, Status};

use super::page::{self, Pages};
use super::pb;
use super::pb::approval_service_server::ApprovalService;
use super::problem::{BadField, Reason, not_recorded, precondition, problem, problem_with, stopping};
use super::stream::{Over, Teller, Watched, Watchers, Why};
use super::tickets;
use crate::domain::{Channel, TicketId, TicketState};
use crate::gate::{Gate, News, RuleError, Ruler, Ticket};
use crate::identity::{self, Bearer, Bearers, Handshake, Link, Unknown};

/// The tickets of one answer, unless somebody says how many.
const PAGE: usize = 50;
/// The most that somebody may say.
const MAX_PAGE: usize = 200;
/// How many lists are put together at the same time.
pub(super) const LISTS: usize = 4;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// How much room a ticket takes besides its arguments, roughly.
const TICKET: usize = 2 << 10;

/// Answers people.
pub(super) struct Approvals {
    pub(super) gate: Gate,
    /// Whose tokens count; `None` when nobody rules here.
    pub(super) people: Option<Arc<Bearers>>,
    /// Policy is asked about every ticket for a list: a few lists at a time.
    pub(super) listing: Arc<Semaphore>,
    pub(super) watchers: Watchers,
}

/// Somebody who was identified.
#[derive(Clone)]
struct Known {
    bearer: Bearer,
    ruler: Ruler,
}

impl Approvals {
    /// Who shows the token of this request. Nothing but the token says so.
    async fn person<T: Sync>(&self, request: &Request<T>) -> Result<(&Arc<Bearers>, Known), Status> {
        let people = self.people.as_ref().ok_or_else(|| {
            let sentence = "nobody rules over gRPC here: set `approvals.resource` and `approvals.programs`";
            problem(Code::FailedPrecondition, Reason::NotConfigured, sentence)
        })?;
        let nothing = Handshake::default();
        let link = request.extensions().get::<Arc<Link>>();
        let over = link.map_or(&nothing, |link| link.shows());
        let shown = request.metadata().get_all("authorization").iter().map(|value| value.as_encoded_bytes());
        let bearer = people.identify(identity::bearer(shown), over).await.map_err(|why| turned_away(&why))?;
        let person = bearer.person.clone();
        let ruler = Ruler { person: person.person, standing: person.standing, evidence: person.evidence, channel: Channel::Api };
        Ok((people, Known { bearer, ruler }))
    }

    /// The tickets that the person may see, once it is this one's turn.
    async fn tickets(&self, ruler: &Ruler) -> Result<Vec<Arc<Ticket>>, Status> {
        let turn = tokio::time::timeout(TURN, self.listing.acquire()).await;
        let busy = |_| problem(Code::ResourceExhausted, Reason::TooMany, "too many look at tickets; try again later");
        let _turn = turn.map_err(busy)?.map_err(|_| stopping())?;
        Ok(self.gate.tickets_seen_by(ruler).await)
    }

    /// A ticket that the person may see. For all others it does not exist.
    fn ticket(&self, id: TicketId, ruler: &Ruler) -> Result<Arc<Ticket>, Status> {
        self.gate.ticket(id).filter(|ticket| self.gate.sees(ruler, ticket)).ok_or_else(unknown)
    }
}

#[tonic::async_trait]
impl ApprovalService for Approvals {
    async fn list_approvals(
        &self,
        request: Request<pb::ListApprovalsRequest>,
    ) -> Result<Response<pb::ListApprovalsResponse>, Status> {
        let (_, known) = self.person(&request).await?;
        let pb::ListApprovalsRequest { states, page_size, page_token } = request.into_inner();
        let size = page::size(page_size, PAGE, MAX_PAGE)?;
        let states = tickets::read_states(&states)?;
        let pages = Pages::of(format!("{states:?}").as_bytes());
        let below = pages.place(&page_token)?.map(|place| {
            TicketId::parse(&place).ok_or_else(|| BadField::new("page_token", "is not one of an answer to this question"))
        });
        let below = below.transpose()?;
        let mut found = self.tickets(&known.ruler).await?;
        found.retain(|ticket| tickets::is_in(ticket, &states) && below.is_none_or(|below| ticket.id < below));
        // Names begin with the time: the newest first, and in the same order whenever somebody asks.
        found.sort_by_key(|ticket| std::cmp::Reverse(ticket.id));
        let mut room = page::MAX_ANSWER;
        let fits = |ticket: &&Arc<Ticket>| {
            let takes = TICKET + ticket.bound.arguments.as_ref().map_or(0, bytes::Bytes::len);
            let fits = takes <= room;
            room = room.saturating_sub(takes);
            fits
        };
        let shown: Vec<&Arc<Ticket>> = found.iter().take(size).take_while(fits).collect();
        let last = shown.last().filter(|_| shown.len() < found.len());
        let next_page_token = last.map(|last| pages.token(&last.id.to_string())).unwrap_or_default();
        let approvals = shown.into_iter().map(|ticket| tickets::approval(ticket)).collect();
        Ok(Response::new(pb::ListApprovalsResponse { approvals, next_page_token }))
    }

    async fn get_approval(&self, request: Request<pb::GetApprovalRequest>) -> Result<Response<pb::GetApprovalResponse>, Status> {
        let (_, known) = self.person(&request).await?;
        let ticket = self.ticket(tickets::read_id(&request.get_ref().id)?, &known.ruler)?;
        // The last call may have been made for somebody else; it is for those who decide.
        let last = self.gate.last_approved(&ticket);
        let last = last.filter(|last| self.ticket(last.ticket, &known.ruler).is_ok());
        let (approval, last_approved) = (Some(tickets::approval(&ticket)), last.as_ref().map(tickets::last));
        Ok(Response::new(pb::GetApprovalResponse { approval, last_approved }))
    }

    async fn rule_approval(
        &self,
        request: Request<pb::RuleApprovalRequest>,
    ) -> Result<Response<pb::RuleApprovalResponse>, Status> {
        let (_, known) = self.person(&request).await?;
        let request = request.into_inner();
        let id = tickets::read_id(&request.id)?;
        let ruling = tickets::read_ruling(request)?;
        let ticket = self.ticket(id, &known.ruler)?;
        // In a task of its own: a client that hangs up does not stop a ruling between its record and its effect.
        let (gate, ruler) = (self.gate.clone(), known.ruler.clone());
        let ruled = tokio::spawn(async move { gate.rule(&ruler, id, ruling).await }).await;
        match ruled {
            Ok(Ok(ruled)) => Ok(Response::new(pb::RuleApprovalResponse { approval: Some(tickets::approval(&ruled)) })),
            Ok(Err(error)) => {
                let person = &known.ruler.person;
                tracing::info!(ticket = %ticket.id, %person, error = &error as &dyn std::error::Error, "a ruling does not count");
                Err(refused(&ticket, &error))
            }
            Err(_) => Err(Status::internal("the ruling was cut off; look at the ticket before ruling again")),
        }
    }

    type WatchApprovalsStream = Watched<pb::WatchApprovalsResponse>;

    async fn watch_approvals(
        &self,
        request: Request<pb::WatchApprovalsRequest>,
    ) -> Result<Response<Self::WatchApprovalsStream>, Status> {
        let (people, known) = self.person(&request).await?;
        let (teller, watched) = self.watchers.admit()?;
        // News first: what happens between the two looks is told twice rather than not at all.
        let news = self.gate.ticket_news();
        let seen = self.tickets(&known.ruler).await?;
        tokio::spawn(watch(self.gate.clone(), Arc::clone(people), known, (news, seen), teller));
        Ok(Response::new(watched))
    }
}

/// Tells of tickets until the token ends.
async fn watch(
    gate: Gate,
    people: Arc<Bearers>,
    known: Known,
    (news, seen): (broadcast::Receiver<News>, Vec<Arc<Ticket>>),
    teller: Teller<pb::WatchApprovalsResponse>,
) -> Over {
    tokio::select! {
        over = tell(&gate, &known.ruler, news, seen, &teller) => over,
        () = people.until_over(&known.bearer) => {
            let sentence = "the token does not hold any more";
            teller.end(problem(Code::Unauthenticated, Reason::Token, sentence))
        }
    }
}

async fn tell(
    gate: &Gate,
    ruler: &Ruler,
    mut news: broadcast::Receiver<News>,
    seen: Vec<Arc<Ticket>>,
    teller: &Teller<pb::WatchApprovalsResponse>,
) -> Over {
    let news_of = |event: pb::ApprovalEvent, ticket: &Ticket| pb::WatchApprovalsResponse {
        event: event.into(),
        approval: Some(tickets::approval(ticket)),
    };
    for ticket in seen.iter().rev().filter(|ticket| ticket.state == TicketState::Waiting) {
        if let Err(over) = teller.tell(news_of(pb::ApprovalEvent::Waiting, ticket), ends).await {
            return over;
        }
    }
    loop {
        let told = match teller.next(news.recv(), stopping).await {
            Ok(Ok(heard)) if gate.sees(ruler, &heard.ticket) => {
                teller.tell(news_of(tickets::event(heard.what), &heard.ticket), ends).await
            }
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RecvError::Lagged(_))) => Err(teller.end(missed())),
            Ok(Err(RecvError::Closed)) => Err(teller.end(stopping())),
            Err(over) => Err(over),
        };
        if let Err(over) = told {
            return over;
        }
    }
}

fn ends(why: Why, _: &pb::WatchApprovalsResponse) -> Status {
    match why {
        Why::TooSlow => missed(),
        Why::Stopping => stopping(),
    }
}

fn missed() -> Status {
    problem(Code::Aborted, Reason::Missed, "too slow: something was missed, watch anew")
}

fn unknown() -> Status {
    problem(Code::NotFound, Reason::UnknownTicket, "there is no such ticket")
}

/// Why a ruling does not count.
fn refused(ticket: &Ticket, error: &RuleError) -> Status {
    let (sentence, id) = (error.to_string(), ticket.id.to_string());
    match error {
        RuleError::Unknown => unknown(),
        RuleError::Over(_) => precondition(Reason::Over, &id, &sentence),
        RuleError::Already => precondition(Reason::Already, &id, &sentence),
        RuleError::UnknownTool => precondition(Reason::UnknownTool, &id, &sentence),
        RuleError::NotAllowed => problem(Code::PermissionDenied, Reason::NotAllowed, sentence),
        RuleError::Invalid(member, _) => BadField::new(*member, sentence).into_plain(),
        RuleError::CommentTooLong => BadField::new("comment", sentence).into_plain(),
        RuleError::TooLong(_) => BadField::new("window", sentence).into_plain(),
        RuleError::NotRecorded(_) | RuleError::NotKept(_) => not_recorded(sentence),
    }
}

/// Why somebody is not identified.
fn turned_away(why: &Unknown) -> Status {
    let sentence = why.sentence();
    let refusal = match why {
        Unknown::Program | Unknown::NoPerson => return problem(Code::PermissionDenied, Reason::NotAPerson, sentence),
        Unknown::Refused(refusal) => refusal,
    };
    let (code, reason) = match refusal.status.as_u16() {
        401 => (Code::Unauthenticated, Reason::Token),
        503 => (Code::Unavailable, Reason::Unavailable),
        _ => (Code::PermissionDenied, Reason::Token),
    };
    let mut status = problem_with(code, reason, sentence, &[]);
    for challenge in &refusal.challenges {
        if let Some(challenge) = challenge.to_str().ok().and_then(|challenge| challenge.parse().ok()) {
            status.metadata_mut().append("www-authenticate", challenge);
        }
    }
    status
}
