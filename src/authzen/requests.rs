//! Requests for access: what a service does with a no that a person can turn into a yes. Draft 1 of the AuthZEN Access Request and Approval
//! Profile, with one item a request and completion by evaluating again; what the draft leaves open is answered in `docs/authzen.md`.
//!
//! People are asked when a call is denied, whoever asks for it; a request hands out the handle of that question. The denial is bound by
//! reference: `evaluation_id` is the decision, which is about exactly one call of one caller, and the request must be about the same.
//! An approval is a fact of the ticket, never of what somebody shows: the reference in `context.approval` can only take an answer away.

use std::sync::Arc;

use http::StatusCode;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::bad::Bad;
use super::lately::Lately;
use super::mcp::{Meant, Servers};
use super::metadata::REQUESTS;
use super::read::{self, Parts};
use super::understand::{Question, understand};
use crate::clock::rfc3339;
use crate::domain::{Call, Caller, DecisionId, TicketId, TicketState, Timestamp};
use crate::gate::{Checked, Gate, Pending, Ticket};
use crate::json::Member;

/// How many denials and how many idempotency keys are remembered. Of an older denial the ticket still knows, if it was the first.
const ROOM: usize = 16_384;
/// The longest idempotency key, in bytes.
const MAX_KEY: usize = 255;
/// When a service is to look again, in seconds.
const LOOK_AGAIN: u64 = 5;

/// What goes wrong with requests, besides what is wrong with any request: the problem types of the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    NotRequestable,
    ExpiredDenial,
    InvalidDenialBinding(&'static str),
    DuplicateRequest,
    UnknownTask,
}

impl Problem {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::NotRequestable | Self::InvalidDenialBinding(_) => StatusCode::BAD_REQUEST,
            Self::ExpiredDenial => StatusCode::GONE,
            Self::DuplicateRequest => StatusCode::CONFLICT,
            Self::UnknownTask => StatusCode::NOT_FOUND,
        }
    }

    /// RFC 9457.
    pub(super) fn json(self) -> Value {
        let (name, title, detail) = match self {
            Self::NotRequestable => ("not_requestable", "Access is not requestable", "no person is asked about this"),
            Self::ExpiredDenial => {
                ("expired_denial", "The denial has expired", "evaluate again, and request with the new denial")
            }
            Self::InvalidDenialBinding(detail) => ("invalid_denial_binding", "The request does not fit the denial", detail),
            Self::DuplicateRequest => {
                ("duplicate_request", "The idempotency key is taken", "it was used with a request that was not the same")
            }
            Self::UnknownTask => ("unknown_task", "There is no such task", "it is unknown, or was forgotten after its end"),
        };
        let kind = format!("urn:openid:authzen:access-request:error:{name}");
        json!({ "type": kind, "title": title, "status": self.status().as_u16(), "detail": detail })
    }
}

/// Why there is no handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// The body is wrong.
    Bad(Bad),
    /// The request is.
    Problem(Problem),
}

impl From<Bad> for Refused {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

const UNBOUND: Problem = Problem::InvalidDenialBinding("the denial is not one of a call like this, for this caller");

/// The handle of a task, and how it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    /// Where it is looked at.
    pub(super) place: String,
    /// Whether the service has to look again, and in how many seconds.
    pub(super) look_again: Option<u64>,
    pub(super) json: Value,
}

/// A request as it was sent.
pub(super) struct Sent<'a> {
    /// Who sent it, as far as requesters are told apart.
    pub(super) by: &'a Arc<str>,
    /// `Idempotency-Key`.
    pub(super) key: Option<&'a str>,
    pub(super) body: &'a str,
    pub(super) found: &'a [Member<'a>],
}

/// Denials that can be lifted, and requests about them.
#[derive(Debug)]
pub(super) struct Requests {
    /// The URL of the decision point, HTTPS and without a slash at its end.
    url: Arc<str>,
    /// Which ticket a denial led to.
    denials: Lately<DecisionId, TicketId>,
    /// Digests of the bodies that came with idempotency keys, by service and key.
    keys: Lately<(Arc<str>, Box<str>), [u8; 32]>,
}

impl Requests {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.into(), denials: Lately::with_room(ROOM), keys: Lately::with_room(ROOM) }
    }

    /// What a denial says besides about how it can be lifted.
    pub(super) fn offer(&self, decision: DecisionId, pending: &Pending) -> Map<String, Value> {
        self.denials.get_or_insert(decision, pending.ticket);
        let mut offer = Map::new();
        offer.insert("endpoint".to_owned(), format!("{}{REQUESTS}", self.url).into());
        offer.insert("expires_at".to_owned(), rfc3339(pending.expires).into());
        offer.insert("display".to_owned(), json!({ "title": "A person has to approve this call" }));
        let members = [("evaluation_id", decision.to_string().into()), ("access_request", Value::Object(offer))];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The handle of the question that a denial led to.
    pub(super) fn submit(&self, gate: &Gate, servers: &Servers, sent: &Sent<'_>) -> Result<Task, Refused> {
        if read::member(sent.found, "items").is_some() {
            return Err(Bad::at("/items", "is not supported").hint("ask for one thing a request").into());
        }
        let asked = Parts::of(sent.found)?.whole()?;
        let denial = Denial::read(sent.found)?;
        let Question::Mcp(Meant::Call(caller, call, _)) = understand(&asked, servers, None)? else {
            return Err(Problem::NotRequestable.into());
        };
        let ticket = self.bound(gate, &denial, &caller, &call)?;
        self.remember(sent)?;
        Ok(self.task(&ticket))
    }

    /// The ticket that a denial led to, when it is about this call of this caller and has not expired.
    fn bound(&self, gate: &Gate, denial: &Denial, caller: &Caller, call: &Call) -> Result<Arc<Ticket>, Problem> {
        let first = || gate.tickets().iter().find(|ticket| ticket.decision == denial.evaluation).map(|ticket| ticket.id);
        let id = self.denials.get(&denial.evaluation).or_else(first).ok_or(UNBOUND)?;
        let ticket = gate.ticket(id).ok_or(Problem::ExpiredDenial)?;
        if !gate.is_for(id, caller, call) {
            return Err(UNBOUND);
        }
        if ticket.expires != denial.expires {
            return Err(Problem::InvalidDenialBinding("`denial.expires_at` is not what the denial said"));
        }
        if ticket.expires <= gate.now() { Err(Problem::ExpiredDenial) } else { Ok(ticket) }
    }

    /// One key, one body.
    fn remember(&self, sent: &Sent<'_>) -> Result<(), Refused> {
        let Some(key) = sent.key else { return Ok(()) };
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(Bad::request(format!("the Idempotency-Key is empty or longer than {MAX_KEY} bytes")).into());
        }
        let mut body = [0; 32];
        body.copy_from_slice(digest(&SHA256, sent.body.as_bytes()).as_ref());
        let first = self.keys.get_or_insert((Arc::clone(sent.by), key.into()), body);
        if first == body { Ok(()) } else { Err(Problem::DuplicateRequest.into()) }
    }

    /// How a task stands.
    pub(super) fn look(&self, gate: &Gate, id: &str) -> Result<Task, Problem> {
        let ticket = TicketId::parse(id).and_then(|id| gate.ticket(id)).ok_or(Problem::UnknownTask)?;
        Ok(self.task(&ticket))
    }

    fn task(&self, ticket: &Ticket) -> Task {
        let place = format!("{}{REQUESTS}/{}", self.url, ticket.id);
        let status = status(ticket);
        let mut task = json!({ "id": ticket.id.to_string(), "status": status, "status_endpoint": place });
        if let Some(members) = task.as_object_mut().filter(|_| status == PENDING) {
            members.insert("expires_at".to_owned(), rfc3339(ticket.expires).into());
        }
        let mut whole = json!({ "task": task });
        if let (Some(members), Some(approval)) = (whole.as_object_mut(), approval(ticket)) {
            members.insert("result".to_owned(), json!({ "mode": "reevaluate", "approval": approval }));
        }
        Task { place, look_again: (status == PENDING).then_some(LOOK_AGAIN), json: whole }
    }
}

const PENDING: &str = "pending";

/// What was granted stays approved, whatever became of it: a task that has ended does not change, and what the approval is still good for
/// is said by evaluating again.
const fn status(ticket: &Ticket) -> &'static str {
    match ticket.state {
        _ if ticket.grant.is_some() => "approved",
        TicketState::Waiting => PENDING,
        TicketState::Rejected => "denied",
        TicketState::Expired => "expired",
        TicketState::Granted | TicketState::Spent | TicketState::Void => "failed",
    }
}

fn approval(ticket: &Ticket) -> Option<Value> {
    let until = ticket.grant?.until;
    let until = ticket.ended.map_or(until, |ended| ended.min(until));
    let at = ticket.votes.last().map(|vote| rfc3339(vote.at));
    Some(json!({ "id": ticket.id.to_string(), "approved_at": at, "approved_until": rfc3339(until) }))
}

/// The reference to an approval that a question shows (`context.approval`).
pub(super) enum Reference {
    /// None.
    Nothing,
    /// Of this ticket, which is about this call of this caller.
    Fitting(TicketId),
    /// Of something else, or of nothing.
    Foreign,
}

impl Reference {
    pub(super) fn of(gate: &Gate, id: Option<&str>, caller: &Caller, call: &Call) -> Self {
        let Some(id) = id else { return Self::Nothing };
        match TicketId::parse(id).filter(|ticket| gate.is_for(*ticket, caller, call)) {
            Some(ticket) => Self::Fitting(ticket),
            None => Self::Foreign,
        }
    }

    /// What a service that showed it is told besides the answer.
    pub(super) fn advice(&self, gate: &Gate, checked: &Checked) -> Map<String, Value> {
        let mut advice = Map::new();
        let Self::Fitting(shown) = *self else { return advice };
        let mut say = |reason: &str, next: &str| {
            advice.insert("reason".to_owned(), reason.into());
            advice.insert("next_action".to_owned(), next.into());
        };
        match (&checked.refusal, &checked.pending) {
            (None, _) => {
                let approval = checked.approved.and_then(|ticket| gate.ticket(ticket)).and_then(|ticket| approval(&ticket));
                advice.extend(approval.map(|approval| ("approval".to_owned(), approval)));
            }
            (Some(_), Some(pending)) if pending.ticket == shown => {
                say("grant_pending", "retry");
                advice.insert("retry_after".to_owned(), LOOK_AGAIN.into());
            }
            (Some(_), Some(_)) => say("approval_expired", "request"),
            (Some(_), None) => say("policy_denied", "none"),
        }
        advice
    }

    /// What a service is told that showed something foreign.
    pub(super) fn unverifiable() -> Map<String, Value> {
        let members = [("reason", "approval_unverifiable"), ("next_action", "none")];
        members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

/// What a request says of the denial that it is about.
struct Denial {
    evaluation: DecisionId,
    expires: Timestamp,
}

impl Denial {
    fn read(found: &[Member<'_>]) -> Result<Self, Refused> {
        let inner = read::object(found, "denial")?.ok_or(Problem::InvalidDenialBinding("`denial` is missing"))?;
        let read = || {
            let members = read::members(inner)?;
            let token = read::member(&members, "binding_token").is_some();
            Ok((token, read::text(&members, "evaluation_id", 64)?, read::text(&members, "expires_at", 64)?))
        };
        let (token, evaluation, expires) = read().map_err(|bad: Bad| bad.within("/denial"))?;
        if token {
            return Err(Problem::InvalidDenialBinding("no `binding_token` was given out here").into());
        }
        let evaluation = evaluation.ok_or(Problem::InvalidDenialBinding("`denial.evaluation_id` is missing"))?;
        let expires = expires.ok_or(Problem::InvalidDenialBinding("`denial.expires_at` is missing"))?;
        let expires: jiff::Timestamp =
            expires.parse().map_err(|_| Bad::at("/denial/expires_at", "is not a time as RFC 3339 writes it"))?;
        let evaluation = DecisionId::parse(&evaluation).ok_or(UNBOUND)?;
        Ok(Self { evaluation, expires: Timestamp::from_micros(expires.as_microsecond()) })
    }
}
