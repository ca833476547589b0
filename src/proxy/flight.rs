//! Requests in flight: what was asked, so that the answer is treated as what it is, on whatever stream it comes.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::gate::{Answer, Outcome, Settlement};
use crate::mcp::{Era, ListKind, RawId};

/// What the answer to a request will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The result of a tool.
    ToolResult,
    /// A list to be filtered.
    List(ListKind),
    /// What the server can do, as `initialize` tells it.
    Handshake,
    /// A stream of notifications that ends with a result; whether changes of the tool list belong in it.
    Subscription {
        /// The client asked for `notifications/tools/list_changed`.
        tools: bool,
    },
    /// Anything else.
    Plain,
}

/// One request that went to the server and has not been answered.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) era: Era,
    pub(super) expect: Expect,
    /// The duty to say how it ended, for requests that needed a decision.
    pub(super) settlement: Option<Settlement>,
    /// The client has told the server that it wants no answer. The server need not give one then.
    pub(super) cancelled: bool,
}

impl Flight {
    pub(super) const fn new(era: Era, expect: Expect, settlement: Option<Settlement>) -> Self {
        Self { era, expect, settlement, cancelled: false }
    }

    /// Ends without an answer, for this reason unless the client did not want one any more.
    pub(super) fn end_unanswered(self, outcome: Outcome) {
        if let Some(settlement) = self.settlement {
            settlement.settle(if self.cancelled { Outcome::Cancelled } else { outcome }, Answer::NONE);
        }
    }
}

/// Why a request cannot take off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grounded {
    /// A request with this id is already in flight.
    SameId,
    /// Too many are.
    TooMany,
}

/// What a client's cancellation met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// Nothing: answered already, or never asked.
    Unknown,
    /// A request that had not gone to the server yet; now it never will.
    BeforeDeparture,
    /// A request that the server has: the server has to be told.
    InFlight,
}

#[derive(Debug)]
enum Slot {
    /// Waiting for its decision.
    Boarding {
        cancelled: bool,
    },
    Flying(Flight),
}

/// The requests of one conversation that have not been answered.
#[derive(Debug)]
pub(super) struct Flights {
    slots: Mutex<HashMap<RawId, Slot>>,
    most: usize,
}

impl Flights {
    pub(super) fn new(most: usize) -> Self {
        Self { slots: Mutex::default(), most }
    }

    /// Reserves the id while the request is being decided.
    pub(super) fn board(&self, id: &RawId) -> Result<(), Grounded> {
        let mut slots = self.slots.lock();
        if slots.contains_key(id) {
            return Err(Grounded::SameId);
        }
        if slots.len() >= self.most {
            return Err(Grounded::TooMany);
        }
        slots.insert(id.clone(), Slot::Boarding { cancelled: false });
        Ok(())
    }

    /// The request goes to the server now. Gives the flight back when the client cancelled in the meantime: it must not go.
    pub(super) fn depart(&self, id: &RawId, flight: Flight) -> Result<(), Flight> {
        let mut slots = self.slots.lock();
        if matches!(slots.get(id), Some(Slot::Boarding { cancelled: false })) {
            slots.insert(id.clone(), Slot::Flying(flight));
            return Ok(());
        }
        slots.remove(id);
        Err(flight)
    }

    /// The request does not go after all: it was refused.
    pub(super) fn disembark(&self, id: &RawId) {
        self.slots.lock().remove(id);
    }

    /// The request is over: answered, or given up. `None` when it was not in flight.
    pub(super) fn land(&self, id: &RawId) -> Option<Flight> {
        let mut slots = self.slots.lock();
        match slots.get(id)? {
            Slot::Boarding { .. } => None,
            Slot::Flying(_) => match slots.remove(id)? {
                Slot::Flying(flight) => Some(flight),
                Slot::Boarding { .. } => None,
            },
        }
    }

    /// Looks at a flight without ending it.
    pub(super) fn expectation(&self, id: &RawId) -> Option<Expect> {
        match self.slots.lock().get(id)? {
            Slot::Flying(flight) => Some(flight.expect),
            Slot::Boarding { .. } => None,
        }
    }

    /// The subscriptions that are to tell of changes of the tool list.
    pub(super) fn tool_subscriptions(&self) -> Vec<RawId> {
        let slots = self.slots.lock();
        let tells = |slot: &Slot| matches!(slot, Slot::Flying(Flight { expect: Expect::Subscription { tools: true }, .. }));
        slots.iter().filter(|(_, slot)| tells(slot)).map(|(id, _)| id.clone()).collect()
    }

    /// The client wants the request no more.
    pub(super) fn cancel(&self, id: &RawId) -> Cancelled {
        match self.slots.lock().get_mut(id) {
            None => Cancelled::Unknown,
            Some(Slot::Boarding { cancelled }) => {
                *cancelled = true;
                Cancelled::BeforeDeparture
            }
            Some(Slot::Flying(flight)) => {
                flight.cancelled = true;
                Cancelled::InFlight
            }
        }
    }

    /// Whether the client has cancelled a request that has not gone to the server yet.
    pub(super) fn is_unwanted(&self, id: &RawId) -> bool {
        matches!(self.slots.lock().get(id), Some(Slot::Boarding { cancelled: true }))
    }

    /// Whether the server has the request and knows that the client wants it no more.
    pub(super) fn is_cancelled(&self, id: &RawId) -> bool {
        matches!(self.slots.lock().get(id), Some(Slot::Flying(flight)) if flight.cancelled)
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
