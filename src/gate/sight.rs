//! Which tickets somebody may see: those that are their business. A ticket shows what somebody else wants to do, word for word.

use std::sync::Arc;

use super::{Gate, Ruler, Ruling, Ticket};
use crate::domain::Verdict;

impl Gate {
    /// Whether a ticket is somebody's business: they may rule on it in some way, their agent asked for it, or they have ruled on it.
    #[must_use]
    pub fn sees(&self, ruler: &Ruler, ticket: &Ticket) -> bool {
        ticket.bound.asker.actor.as_ref() == Some(&ruler.person)
            || ticket.votes.iter().any(|vote| vote.ruler == ruler.person)
            || ways().iter().any(|ruling| self.may_rule(ruler, ticket, ruling))
    }

    /// The tickets that are somebody's business, newest first. Policy is asked about each: that takes its time, and a thread of its own.
    pub async fn tickets_seen_by(&self, ruler: &Ruler) -> Vec<Arc<Ticket>> {
        let (gate, ruler) = (self.clone(), ruler.clone());
        let look = move || gate.tickets().into_iter().filter(|ticket| gate.sees(&ruler, ticket)).collect();
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

/// The plain rulings, with and without a comment: where policy demands one, only those with one are permitted.
fn ways() -> [Ruling; 4] {
    let with = |verdict| Ruling { comment: Some("?".to_owned()), ..Ruling::plain(verdict) };
    [with(Verdict::Approve), with(Verdict::Deny), Ruling::plain(Verdict::Approve), Ruling::plain(Verdict::Deny)]
}
