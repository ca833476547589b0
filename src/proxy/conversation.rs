//! What is remembered between the messages of one client with one server.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::flight::Flights;
use crate::domain::{Caller, Source, Transport};
use crate::gate::{Answer, Outcome, Settlement};
use crate::identity::Identified;
use crate::mcp::RawId;

/// One client's conversation with one server: a session, or for versions without sessions a single exchange.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Who began it, by the credentials of that time.
    pub(super) with: Identified,
    /// What the client asked and the server has not answered.
    pub(super) flights: Flights,
    /// What the server asked and the client has not answered.
    pub(super) questions: Questions,
    transport: Transport,
    ip: Option<IpAddr>,
    /// Known once the server has opened one.
    session: OnceLock<Arc<str>>,
    /// The server said that it tells of changes of its tool list, so the client listens for them.
    announces_tools: AtomicBool,
}

impl Conversation {
    pub(super) fn new(with: Identified, transport: Transport, ip: Option<IpAddr>, most_flights: usize) -> Self {
        Self {
            with,
            flights: Flights::new(most_flights),
            questions: Questions::default(),
            transport,
            ip,
            session: OnceLock::new(),
            announces_tools: AtomicBool::new(false),
        }
    }

    /// Whose it is.
    pub(super) const fn caller(&self) -> &Caller {
        &self.with.caller
    }

    /// Where the calls of this conversation come from.
    pub(super) fn source(&self) -> Source {
        Source { transport: self.transport, ip: self.ip, session: self.session.get().cloned() }
    }

    /// The server opened a session for this conversation.
    pub(super) fn belongs_to(&self, session: &Arc<str>) {
        // A second session id for the same conversation cannot come: only the answer to one `initialize` gets here.
        let _ = self.session.set(Arc::clone(session));
    }

    pub(super) fn note_announces_tools(&self) {
        self.announces_tools.store(true, Ordering::Relaxed);
    }

    pub(super) fn announces_tools(&self) -> bool {
        self.announces_tools.load(Ordering::Relaxed)
    }
}

/// Most questions a server may have open with one client; further ones are refused.
const MOST_QUESTIONS: usize = 64;

/// Requests of the server (sampling, elicitation, roots, ping) that were let through to the client.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Mutex<HashMap<RawId, Option<Settlement>>>,
}

impl Questions {
    /// Notes a question on its way to the client, with the duty to settle it if it needed a decision; gives that back when there
    /// are too many, or one with this id is open.
    pub(super) fn ask(&self, id: RawId, settlement: Option<Settlement>) -> Result<(), Option<Settlement>> {
        let mut open = self.open.lock();
        if open.len() >= MOST_QUESTIONS || open.contains_key(&id) {
            return Err(settlement);
        }
        open.insert(id, settlement);
        Ok(())
    }

    /// The client answers: `None` when nobody asked.
    pub(super) fn answered(&self, id: &RawId) -> Option<Option<Settlement>> {
        self.open.lock().remove(id)
    }

    /// The server wants the answer no more.
    pub(super) fn withdrawn(&self, id: &RawId) {
        if let Some(settlement) = self.open.lock().remove(id).flatten() {
            settlement.settle(Outcome::Cancelled, Answer::NONE);
        }
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
