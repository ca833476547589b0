//! Sessions of the versions that have them: who opened one, and what belongs to it.
//!
//! A session id is never an identity. It is good only for the caller that opened the session; for anybody else it does not exist.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::conversation::Conversation;
use super::upstream::ChildSession;
use crate::domain::Caller;
use crate::identity::Identified;

/// One open session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Arc<str>,
    pub(super) conversation: Arc<Conversation>,
    /// The process that serves this session alone, when the server is a child process.
    pub(super) child: Option<Arc<ChildSession>>,
    /// What the deprecated HTTP+SSE transport needs besides.
    pub(super) sse: Option<SseSession>,
    /// Cancelled when the session ends; its streams end with it.
    pub(super) ended: CancellationToken,
    last_used: Mutex<Instant>,
}

/// A session of the deprecated HTTP+SSE transport: all that the server says goes over one stream.
#[derive(Debug)]
pub(super) struct SseSession {
    /// Puts an event on the client's stream.
    pub(super) voice: mpsc::Sender<Bytes>,
    /// Where the server wants messages to be posted, once it has said so.
    pub(super) target: OnceLock<Uri>,
}

impl Session {
    pub(super) fn new(id: Arc<str>, conversation: Arc<Conversation>) -> Self {
        let ended = CancellationToken::new();
        Self { id, conversation, child: None, sse: None, ended, last_used: Mutex::new(Instant::now()) }
    }

    /// The session has this process for itself.
    pub(super) fn with_child(mut self, child: Arc<ChildSession>) -> Self {
        self.child = Some(child);
        self
    }

    /// The session uses the deprecated HTTP+SSE transport.
    pub(super) fn with_sse(mut self, voice: mpsc::Sender<Bytes>) -> Self {
        self.sse = Some(SseSession { voice, target: OnceLock::new() });
        self
    }

    fn touch(&self) {
        *self.last_used.lock() = Instant::now();
    }

    fn idle(&self) -> Duration {
        self.last_used.lock().elapsed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Why a session cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unopened {
    /// Too many are open.
    TooMany,
    /// Somebody else has one with this id.
    Taken,
}

/// The open sessions of one server, bounded in number and in idle time.
#[derive(Debug)]
pub(super) struct Sessions {
    open: Mutex<HashMap<Arc<str>, Arc<Session>>>,
    most: usize,
    longest_idle: Duration,
}

impl Sessions {
    pub(super) fn new(most: usize, longest_idle: Duration) -> Self {
        Self { open: Mutex::default(), most, longest_idle }
    }

    /// Adds a session. Some servers give every client the same id: a caller's own session makes way for the new one, and somebody
    /// else's does not.
    pub(super) fn open(&self, session: Arc<Session>) -> Result<(), Unopened> {
        let mut open = self.open.lock();
        match open.get(&session.id) {
            Some(other) if other.conversation.caller() != session.conversation.caller() => return Err(Unopened::Taken),
            Some(_) => {}
            None if open.len() >= self.most => return Err(Unopened::TooMany),
            None => {}
        }
        if let Some(before) = open.insert(Arc::clone(&session.id), session) {
            before.ended.cancel();
        }
        Ok(())
    }

    /// Whether another session could be opened now.
    pub(super) fn has_room(&self) -> bool {
        self.open.lock().len() < self.most
    }

    /// The session with this id, if this caller opened it. Somebody else's session is the same as none.
    pub(super) fn find(&self, id: &str, caller: &Caller) -> Option<Arc<Session>> {
        let session = self.open.lock().get(id).filter(|session| session.conversation.caller() == caller).cloned()?;
        session.touch();
        Some(session)
    }

    /// Ends a session.
    pub(super) fn close(&self, id: &str) {
        let closed = self.open.lock().remove(id);
        if let Some(session) = closed {
            session.ended.cancel();
        }
    }

    /// Ends the sessions of those who are denied. Says how many there were.
    pub(super) fn end_of(&self, denied: impl Fn(&Identified) -> bool) -> usize {
        let theirs: Vec<_> = self.open.lock().extract_if(|_, session| denied(&session.conversation.with)).collect();
        theirs.iter().for_each(|(_, session)| session.ended.cancel());
        theirs.len()
    }

    /// Ends all sessions that nobody has used for the longest idle time.
    pub(super) fn sweep(&self) {
        let idle: Vec<_> = {
            let mut open = self.open.lock();
            // A stream that is open holds its session: somebody is listening, however quiet it is.
            open.extract_if(|_, session| Arc::strong_count(session) == 1 && session.idle() >= self.longest_idle).collect()
        };
        for (id, session) in idle {
            tracing::debug!(session = %id, "an idle session ends");
            session.ended.cancel();
        }
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.lock().len()
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
