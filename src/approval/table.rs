//! All tickets in memory, and where each is found: by its name, by what it is for, by when it ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::ticket::{Bound, Ticket};
use crate::domain::{CallDigest, TicketId, TicketState, Timestamp};

/// How many tickets that are over are remembered.
const MOST_OVER: usize = 1_000;

/// All tickets: those that are open, and those that ended lately.
#[derive(Debug, Default)]
pub(super) struct Table {
    tickets: BTreeMap<TicketId, Arc<Ticket>>,
    /// Those that are open, by what they are for.
    by_digest: HashMap<CallDigest, TicketId>,
    /// Those that are open, by when they end.
    by_end: BTreeSet<(Timestamp, TicketId)>,
    /// Those that are over, by when that was.
    over: BTreeSet<(Timestamp, TicketId)>,
}

impl Table {
    pub(super) fn get(&self, id: TicketId) -> Option<&Arc<Ticket>> {
        self.tickets.get(&id)
    }

    /// The open ticket for exactly this.
    pub(super) fn open(&self, digest: &CallDigest) -> Option<&Arc<Ticket>> {
        self.get(*self.by_digest.get(digest)?)
    }

    /// The grant for a call like this, whatever its arguments.
    pub(super) fn for_any_arguments(&self, bound: &Bound) -> Option<&Arc<Ticket>> {
        let open = self.by_end.iter().filter_map(|(_, id)| self.get(*id));
        let mut granted = open.filter(|ticket| ticket.state == TicketState::Granted && ticket.bound.is_alike(bound));
        granted.find(|ticket| ticket.grant.is_some_and(|grant| grant.any_arguments))
    }

    /// Newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.tickets.values().rev()
    }

    /// How many wait for a ruling.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        let open = self.by_end.iter().filter_map(|(_, id)| self.get(*id));
        open.filter(|ticket| ticket.state == TicketState::Waiting)
    }

    /// When the next one ends by itself.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.by_end.first().map(|(ends, _)| *ends)
    }

    /// Those whose time is over.
    pub(super) fn late(&self, now: Timestamp) -> Vec<TicketId> {
        self.by_end.iter().take_while(|(ends, _)| *ends <= now).map(|(_, id)| *id).collect()
    }

    /// Puts a ticket in the place of the one with its name. Which ones are remembered no longer.
    pub(super) fn put(&mut self, ticket: Arc<Ticket>) -> Vec<TicketId> {
        self.take_out(ticket.id);
        let id = ticket.id;
        match ticket.ends() {
            Some(ends) => {
                self.by_digest.insert(ticket.digest, id);
                self.by_end.insert((ends, id));
            }
            None => drop(self.over.insert((ticket.ended.unwrap_or(ticket.asked), id))),
        }
        self.tickets.insert(id, ticket);
        let mut forgotten = Vec::new();
        while self.over.len() > MOST_OVER {
            let Some((_, oldest)) = self.over.pop_first() else { break };
            self.tickets.remove(&oldest);
            forgotten.push(oldest);
        }
        forgotten
    }

    fn take_out(&mut self, id: TicketId) {
        let Some(before) = self.tickets.remove(&id) else { return };
        if let Some(ends) = before.ends() {
            self.by_end.remove(&(ends, id));
        }
        self.over.remove(&(before.ended.unwrap_or(before.asked), id));
        if self.by_digest.get(&before.digest) == Some(&id) {
            self.by_digest.remove(&before.digest);
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
