//! Requests that are held while people decide: how many may be, for one ticket.
//!
//! A request that waits has a place among the requests in flight. Whoever repeats the same call has one ticket, and must not take all
//! places with it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::TicketId;

/// The most requests that wait for the same ruling; a further one is told at once how to go on.
const MOST: usize = 8;

/// The requests that wait, by ticket.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds(Arc<Mutex<HashMap<TicketId, usize>>>);

/// A request that waits, for as long as this lives.
#[derive(Debug)]
pub(super) struct Hold {
    holds: Holds,
    ticket: TicketId,
}

impl Holds {
    /// One more request waits; `None` when too many do.
    pub(super) fn begin(&self, ticket: TicketId) -> Option<Hold> {
        let mut holds = self.0.lock();
        let held = holds.entry(ticket).or_default();
        if *held >= MOST {
            return None;
        }
        *held = held.saturating_add(1);
        drop(holds);
        Some(Hold { holds: self.clone(), ticket })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = self.holds.0.lock();
        if let Some(held) = holds.get_mut(&self.ticket) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                holds.remove(&self.ticket);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Nobody takes more than their share, and what is given back is there again.

    use super::*;

    #[test]
    fn no_more_than_some_wait_for_one_ruling() {
        let (holds, one, other) = (Holds::default(), TicketId::from_parts(1, 1), TicketId::from_parts(1, 2));
        let mut held: Vec<Hold> = (0..MOST).map(|_| holds.begin(one).unwrap()).collect();
        assert!(holds.begin(one).is_none());
        let another = holds.begin(other).unwrap();
        held.pop();
        held.push(holds.begin(one).unwrap());
        assert!(holds.begin(one).is_none());
        drop((held, another));
        assert!(holds.0.lock().is_empty(), "nothing is remembered of what is over");
    }
}
