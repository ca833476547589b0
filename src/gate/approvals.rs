//! A look at the tickets, waiting for a ruling, and the end of those whose time is over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;

use super::Gate;
use super::asked::{Sought, log_unchanged};
use super::decide::definition;
use crate::approval::{Event, News, RulerStats, Ticket};
use crate::audit::Ruling;
use crate::domain::{Call, Caller, TicketId, TicketState, Timestamp, UserId};
use crate::lifecycle::Stop;

/// Tickets end at most this much late: a clock that is set forward is noticed within this time.
const LOOK: Duration = Duration::from_secs(1);

/// The last approved call of the same thing, for people to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its ticket.
    pub ticket: TicketId,
    /// When it was made.
    pub at: Option<Timestamp>,
    /// Who approved it; of several, the last.
    pub by: Option<UserId>,
    /// Its arguments, in canonical form.
    pub arguments: Bytes,
}

impl Gate {
    /// The tickets that are open and those that ended lately, newest first.
    #[must_use]
    pub fn tickets(&self) -> Vec<Arc<Ticket>> {
        self.shared.tickets.tickets()
    }

    /// The ticket of this name, while it is remembered.
    #[must_use]
    pub fn ticket(&self, id: TicketId) -> Option<Arc<Ticket>> {
        self.shared.tickets.ticket(id)
    }

    /// The time, as tickets end by it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Whether a ticket is for exactly this call of this caller.
    #[must_use]
    pub fn is_for(&self, ticket: TicketId, caller: &Caller, call: &Call) -> bool {
        let snapshot = self.snapshot();
        let inner = snapshot.inner(call).ok().flatten();
        let decided = inner.as_ref().unwrap_or(call);
        let sought = Sought::of(caller, call, decided, definition(&snapshot, decided));
        self.ticket(ticket).zip(sought).is_some_and(|(ticket, sought)| ticket.digest == sought.digest)
    }

    /// Waits until a ticket does not wait for a ruling any more, or some time is over. How it stands then; `None` when there is none.
    ///
    /// # Cancel safety
    ///
    /// Looks only; may be dropped at any time.
    pub async fn ruling(&self, id: TicketId, within: Duration) -> Option<TicketState> {
        self.shared.tickets.ruling(id, within).await
    }

    /// What happens to tickets from now on. Whoever is slow misses some of it and looks at [`Gate::tickets`] again.
    #[must_use]
    pub fn ticket_news(&self) -> broadcast::Receiver<News> {
        self.shared.tickets.news()
    }

    /// The last approved call of the same thing whose arguments were kept.
    #[must_use]
    pub fn last_approved(&self, ticket: &Ticket) -> Option<Compared> {
        let last = self.shared.tickets.last_used(&ticket.bound).filter(|last| last.id != ticket.id)?;
        let by = last.votes.last().map(|vote| vote.ruler.clone());
        Some(Compared { ticket: last.id, at: last.ended, by, arguments: last.bound.arguments.clone()? })
    }

    /// How everybody rules who did so lately.
    #[must_use]
    pub fn ruler_stats(&self) -> Vec<RulerStats> {
        self.shared.tickets.rulers()
    }

    /// Ends tickets when their time is over, until told to stop.
    pub async fn expire_tickets(self, stop: Stop) {
        let tickets = self.shared.tickets.clone();
        let mut changes = tickets.changes();
        loop {
            self.shared.metrics.waiting(tickets.waiting());
            let next = async {
                match tickets.next_end() {
                    Some(ends) => tokio::time::sleep(self.until(ends).min(LOOK)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.wait() => return,
                () = next => self.expire_late().await,
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    fn until(&self, at: Timestamp) -> Duration {
        let micros = at.as_micros().saturating_sub(self.shared.clock.now().as_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }

    async fn expire_late(&self) {
        let mut hand = self.shared.tickets.hand().await;
        let now = self.shared.clock.now();
        for id in hand.late(now) {
            let Some(ticket) = self.ticket(id) else { continue };
            self.record_end(&ticket, Ruling::Expired).await;
            log_unchanged(hand.change(id, Event::Expire, now).await);
        }
    }
}
