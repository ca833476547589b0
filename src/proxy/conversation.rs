//! What is remembered between the messages of one client with one server.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::flight::Flights;
use crate::domain::{Caller, Source, Transport};
use crate::gate::{Answer, Outcome, Settlement};
use crate::identity::Identified;
use crate::mcp::RawId;
use crate::mcp::elicit::{Answered, Elicits};

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
    /// How the client's user can be asked, as its `initialize` says.
    elicits: OnceLock<Elicits>,
    /// The version that was agreed on, of those that agree on one.
    version: OnceLock<Arc<str>>,
    /// What we asked the client ourselves.
    own_questions: OwnQuestions,
    /// Wakes those who wait with a request of this conversation when one is cancelled.
    pub(super) cancelled: Notify,
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
            elicits: OnceLock::new(),
            version: OnceLock::new(),
            own_questions: OwnQuestions::default(),
            cancelled: Notify::new(),
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

    /// What the client said of itself in its `initialize`.
    pub(super) fn note_elicits(&self, elicits: Elicits) {
        let _ = self.elicits.set(elicits);
    }

    /// How the client's user can be asked over this conversation.
    pub(super) fn elicits(&self) -> Elicits {
        self.elicits.get().copied().unwrap_or_default()
    }

    /// What was agreed on by `initialize`.
    pub(super) fn note_version(&self, version: &str) {
        let _ = self.version.set(version.into());
    }

    /// The version that was agreed on; empty while none was.
    pub(super) fn version(&self) -> &str {
        self.version.get().map_or("", |version| version)
    }

    /// Whether there is a session, so that what the client says in another request finds its way here.
    pub(super) fn has_session(&self) -> bool {
        self.transport == Transport::Stdio || self.session.get().is_some()
    }

    /// What we asked the client ourselves.
    pub(super) const fn own_questions(&self) -> &OwnQuestions {
        &self.own_questions
    }

    pub(super) fn note_announces_tools(&self) {
        self.announces_tools.store(true, Ordering::Relaxed);
    }

    pub(super) fn announces_tools(&self) -> bool {
        self.announces_tools.load(Ordering::Relaxed)
    }
}

/// What the ids of our own questions begin with. A server may not use such an id.
const OURS: &str = "cedarpost-";

/// Questions of the sidecar's own to a client (elicitation), which no server hears of.
#[derive(Debug, Default)]
pub(super) struct OwnQuestions(Mutex<HashMap<RawId, oneshot::Sender<Answered>>>);

impl OwnQuestions {
    /// Whether an id is one that only we use.
    pub(super) fn is_ours(id: &RawId) -> bool {
        id.as_str().is_some_and(|id| id.starts_with(OURS))
    }

    /// A question about `subject` that is about to be asked: its id, and where the answer comes. `None` when one is open.
    pub(super) fn ask(&self, subject: &str) -> Option<(RawId, oneshot::Receiver<Answered>)> {
        let id = RawId::from_text(&format!("{OURS}{subject}"));
        let mut open = self.0.lock();
        if open.len() >= MOST_QUESTIONS || open.contains_key(&id) {
            return None;
        }
        let (send, answer) = oneshot::channel();
        open.insert(id.clone(), send);
        Some((id, answer))
    }

    /// The client answers. False when we asked no such thing.
    pub(super) fn answered(&self, id: &RawId, answer: Answered) -> bool {
        let asked = self.0.lock().remove(id);
        asked.is_some_and(|asked| asked.send(answer).is_ok())
    }

    /// The answer is wanted no more.
    pub(super) fn withdraw(&self, id: &RawId) {
        self.0.lock().remove(id);
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
