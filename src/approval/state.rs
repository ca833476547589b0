//! What may become of a ticket: a pure function of the ticket, what happens and the time. It is all there is to know about states; the
//! desk only keeps what comes out of it.
//!
//! ```text
//!            vote (not enough)          use (more left)
//!               ┌────┐                      ┌────┐
//! asked ──> Waiting ─┴── vote (enough) ──> Granted ┴── use (last) ──> Spent
//!              ├── vote (deny) ──> Rejected   ├── time ──> Expired
//!              └── time ──> Expired           ├── policy does not allow it any more ──> Void
//!                                             └── taken back ──> Rejected
//! ```

use super::ticket::{Grant, Ticket, Vote};
use crate::domain::{TicketState, Timestamp, Verdict};

/// Something that happens to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody rules. With an approval that is enough comes what is granted.
    Vote(Vote, Option<Grant>),
    /// The call is about to be made. Whether the arguments are kept, for people to compare the next call with.
    Use {
        /// Whether they are.
        keep: bool,
    },
    /// Its time is over.
    Expire,
    /// Policy does not allow what was granted.
    Void,
}

/// Why something cannot happen to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such ticket.
    #[error("there is no such ticket")]
    Unknown,
    /// It is over, or stands otherwise than that could happen to it.
    #[error("the ticket is {}", .0.name())]
    Stands(TicketState),
    /// Whoever approves a second time has approved already.
    #[error("you have approved this call already")]
    VotedAlready,
    /// Its time is not over yet.
    #[error("the ticket has not expired")]
    NotYet,
}

/// The ticket after the event.
///
/// # Errors
///
/// Why that cannot happen to it; it stays as it is.
pub fn next(ticket: &Ticket, event: Event, now: Timestamp) -> Result<Ticket, ChangeError> {
    let mut next = ticket.clone();
    let late = ticket.ends().is_some_and(|ends| now >= ends);
    match (event, ticket.state) {
        (Event::Expire, TicketState::Waiting | TicketState::Granted) if late => end(&mut next, TicketState::Expired, now),
        (Event::Expire, TicketState::Waiting | TicketState::Granted) => return Err(ChangeError::NotYet),
        (_, TicketState::Waiting | TicketState::Granted) if late => return Err(ChangeError::Stands(TicketState::Expired)),
        (Event::Vote(vote, _), TicketState::Waiting | TicketState::Granted) if vote.verdict == Verdict::Deny => {
            next.votes.push(vote);
            end(&mut next, TicketState::Rejected, now);
        }
        (Event::Vote(vote, grant), TicketState::Waiting) => {
            let approved = |other: &Vote| other.ruler == vote.ruler && other.verdict == Verdict::Approve;
            if ticket.votes.iter().any(approved) {
                return Err(ChangeError::VotedAlready);
            }
            next.votes.push(vote);
            if grant.is_some() {
                (next.state, next.grant) = (TicketState::Granted, grant);
            }
        }
        (Event::Use { keep }, TicketState::Granted) => use_up(&mut next, keep, now),
        (Event::Void, TicketState::Granted) => end(&mut next, TicketState::Void, now),
        (_, state) => return Err(ChangeError::Stands(state)),
    }
    Ok(next)
}

fn end(ticket: &mut Ticket, state: TicketState, now: Timestamp) {
    (ticket.state, ticket.ended) = (state, Some(now));
    ticket.bound.arguments = None;
}

fn use_up(ticket: &mut Ticket, keep: bool, now: Timestamp) {
    ticket.used = ticket.used.saturating_add(1);
    let left = ticket.grant.and_then(|grant| grant.uses).map(|uses| uses.saturating_sub(1));
    if let Some(grant) = &mut ticket.grant {
        grant.uses = left;
    }
    if left == Some(0) || ticket.grant.is_none() {
        (ticket.state, ticket.ended) = (TicketState::Spent, Some(now));
        if !keep {
            ticket.bound.arguments = None;
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
