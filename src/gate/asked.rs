//! A call that needs a person's approval: which ticket is good for it, or under which one people are asked.
//!
//! A ticket is used up before the decision that rests on it is recorded: what happens in between costs an approval, and never a second
//! call. It is asked for after the decision that asks is recorded.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use super::refusal::Pending;
use crate::approval::{Asker, Bound, ChangeError, Event, Hand, HandError, Ticket};
use crate::audit::{ApprovalRecord, Receipt, Record, Ruling};
use crate::domain::{
    Approval, Call, CallDigest, Caller, Decision, DecisionId, Fingerprint, Source, Terms, TicketId, TicketState, Timestamp,
};
use crate::policy::{PolicySnapshot, Request, canonical_arguments};

/// The longest arguments that a person is asked about, in bytes: nobody reads more than this.
const MAX_ARGUMENTS: usize = 256 << 10;

/// How approvals go, as the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalSettings {
    /// How long a ticket waits for a ruling.
    pub lifetime: Duration,
    /// How long a call that was approved once may be made.
    pub grant_lifetime: Duration,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(15 * 60), grant_lifetime: Duration::from_secs(10 * 60) }
    }
}

/// A call that needs an approval, as tickets know it.
pub(super) struct Sought {
    pub(super) bound: Bound,
    pub(super) digest: CallDigest,
    /// From where the call came.
    source: Source,
}

impl Sought {
    /// `None` for a call that no ticket can be about: its arguments cannot be shown exactly, or nobody would read them all.
    ///
    /// `decided` is the call that `asked` comes to. What runs is what was asked, so that is what people see.
    pub(super) fn of(caller: &Caller, asked: &Call, decided: &Call, definition: Option<Fingerprint>) -> Option<Self> {
        let arguments = match asked.arguments.json() {
            Some(arguments) if arguments.len() > MAX_ARGUMENTS => return None,
            // Hidden characters are longer in it.
            Some(arguments) => Some(canonical_arguments(arguments).filter(|canonical| canonical.len() <= MAX_ARGUMENTS)?.into()),
            None => None,
        };
        let bound = Bound {
            asker: Asker::of(caller),
            server: decided.server.clone(),
            action: decided.action,
            target: decided.target.clone(),
            via: asked.target.name().filter(|_| asked.target != decided.target).map(Into::into),
            arguments,
            definition,
        };
        let digest = bound.digest();
        // The session is that of one call; the next one with the same ticket may come in another.
        let source = Source { session: None, ..decided.source.clone() };
        Some(Self { bound, digest, source })
    }
}

/// A decision that a ticket was used up for.
pub(super) struct Approved {
    pub(super) decision: Decision,
    pub(super) ticket: TicketId,
    pub(super) approval: Approval,
}

impl Gate {
    /// The decision with the ticket that is good for the call, which is used up; `None` when there is none, or it does not help.
    pub(super) async fn approved(&self, snapshot: &PolicySnapshot, request: &Request<'_>, sought: &Sought) -> Option<Approved> {
        let tickets = &self.shared.tickets;
        if !tickets.has_grant(&sought.bound, &sought.digest) {
            return None;
        }
        let mut hand = tickets.hand().await;
        let ticket = hand.grant(&sought.bound, &sought.digest)?;
        let approval = ticket.granted()?;
        let decision = snapshot.decide(&Request { approval: Some(&approval), ..*request });
        let now = self.shared.clock.now();
        if !matches!(decision, Decision::Allow(_)) {
            tracing::warn!(ticket = %ticket.id, "what was approved is not allowed any more; the ticket is void");
            self.record_end(&ticket, Ruling::Void).await;
            log_unchanged(hand.change(ticket.id, Event::Void, now).await);
            return None;
        }
        let keep = self.shared.detail.of(&request.call.server, &request.call.target).masks.is_empty();
        match hand.change(ticket.id, Event::Use { keep }, now).await {
            Ok(_) => Some(Approved { decision, ticket: ticket.id, approval }),
            Err(error) => {
                log_unchanged::<()>(Err(error));
                None
            }
        }
    }

    /// Under which ticket people will be asked, before the decision that asks is recorded: nobody else opens or changes one until then.
    pub(super) async fn inquire(&self, sought: Option<Sought>) -> Inquiry {
        let Some(sought) = sought else { return Inquiry::Nobody };
        let hand = self.shared.tickets.hand().await;
        let now = self.shared.clock.now();
        if let Some(ticket) = hand.open(&sought.digest).filter(|ticket| ticket.ends().is_some_and(|ends| now < ends)) {
            return Inquiry::Again(ticket);
        }
        if !hand.has_room(&sought.bound.asker) {
            tracing::warn!(agent = %sought.bound.asker.agent, "too many calls wait for a person; nobody is asked about this one");
            return Inquiry::Nobody;
        }
        Inquiry::New(Box::new(NewTicket { id: self.new_ticket_id(), hand, sought }))
    }
}

/// What comes of a call that needs an approval, while the decision about it is being recorded.
pub(super) enum Inquiry {
    /// Nobody can be asked.
    Nobody,
    /// People have been asked already.
    Again(Arc<Ticket>),
    /// They will be.
    New(Box<NewTicket>),
}

/// A ticket that is not on the desk yet, and the hand that will put it there.
pub(super) struct NewTicket {
    id: TicketId,
    hand: Hand,
    sought: Sought,
}

impl Inquiry {
    /// The ticket's name, for the record.
    pub(super) fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Nobody => None,
            Self::Again(ticket) => Some(ticket.id),
            Self::New(new) => Some(new.id),
        }
    }

    /// Asks, now that the decision `decision` is recorded: what the caller may know of it, or nothing when nobody can be asked.
    pub(super) async fn ask(self, gate: &Gate, terms: Terms, decision: DecisionId, receipt: &Receipt) -> Option<Pending> {
        let NewTicket { id, mut hand, sought } = match self {
            Self::Nobody => return None,
            Self::Again(ticket) => return Some(Pending::of(&ticket)),
            Self::New(new) => *new,
        };
        let now = gate.shared.clock.now();
        let Sought { bound, digest, source } = sought;
        let ticket = Ticket {
            id,
            bound,
            source,
            digest,
            decision,
            seq: receipt.seq(),
            asked: now,
            expires: later(now, gate.shared.approvals.lifetime),
            terms,
            votes: Vec::new(),
            state: TicketState::Waiting,
            grant: None,
            used: 0,
            ended: None,
        };
        match hand.put(ticket).await {
            Ok(ticket) => {
                let Bound { asker, server, target, .. } = &ticket.bound;
                tracing::info!(ticket = %id, agent = %asker.agent, %server, target = target.name(), "a person is asked");
                Some(Pending::of(&ticket))
            }
            Err(error) => {
                log_unchanged::<()>(Err(error.into()));
                None
            }
        }
    }
}

impl Gate {
    /// Records that a ticket is over, without anybody's doing.
    pub(super) async fn record_end(&self, ticket: &Ticket, ruling: Ruling) {
        let record = ApprovalRecord {
            ticket: ticket.id,
            decision: ticket.decision,
            seq: ticket.seq,
            ruling,
            ruler: None,
            comment: None,
            grant: None,
            policies: &[],
        };
        if let Err(error) = self.shared.audit.append(Record::Approval(record)).await {
            tracing::error!(ticket = %ticket.id, error = &error as &dyn std::error::Error, "the end of a ticket could not be recorded");
        }
    }
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().saturating_add(micros))
}

pub(super) fn log_unchanged<T>(changed: Result<T, HandError>) {
    match changed {
        Ok(_) => {}
        Err(HandError::Change(ChangeError::Stands(state))) => tracing::debug!(state = state.name(), "a ticket was over already"),
        Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a ticket could not be changed"),
    }
}
