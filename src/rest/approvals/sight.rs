//! Which tickets somebody may see: those that are their business. A ticket shows what somebody else wants to do, word for word.

use std::sync::Arc;

use super::people::Person;
use crate::domain::Verdict;
use crate::gate::{Gate, Ruling, Ticket};

/// Whether a ticket is the person's business: they may rule on it in some way, their agent asked for it, or they have ruled on it.
pub(super) fn sees(gate: &Gate, person: &Person, ticket: &Ticket) -> bool {
    let ruler = &person.ruler;
    person.sees_all
        || ticket.bound.asker.actor.as_ref() == Some(&ruler.person)
        || ticket.votes.iter().any(|vote| vote.ruler == ruler.person)
        || ways().iter().any(|ruling| gate.may_rule(ruler, ticket, ruling))
}

/// The plain rulings, with and without a comment: where policy demands one, only those with one are permitted.
fn ways() -> [Ruling; 4] {
    let with = |verdict| Ruling { comment: Some("?".to_owned()), ..Ruling::plain(verdict) };
    [with(Verdict::Approve), with(Verdict::Deny), Ruling::plain(Verdict::Approve), Ruling::plain(Verdict::Deny)]
}

/// The tickets that the person may see. Policy is asked about each: that takes its time, and a thread of its own.
pub(super) async fn of(gate: &Gate, person: &Person) -> Vec<Arc<Ticket>> {
    let tickets = gate.tickets();
    if person.sees_all {
        return tickets;
    }
    let (gate, person) = (gate.clone(), person.clone());
    let look = move || tickets.into_iter().filter(|ticket| sees(&gate, &person, ticket)).collect();
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}
