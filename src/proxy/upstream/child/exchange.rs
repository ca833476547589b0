//! One request and what comes back for it; and the session whose requests go to one child.

use std::sync::Arc;

use bytes::Bytes;

use super::mailbox::Mailbox;
use super::pool::Unavailable;
use super::process::{ChildExit, SendError, check_framing};
use super::table::{Claim, Stay};
use super::wire::Key;
use super::worker::Worker;
use crate::domain::Caller;

/// A request as a child gets it. `id` and `progress_token` have to be those in `line`: it is not looked into again.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its id.
    pub id: Key,
    /// The token under which it asks for progress (`params._meta.progressToken`).
    pub progress_token: Option<Key>,
    /// Who asks.
    pub caller: Caller,
    /// The message, as it came.
    pub line: Bytes,
}

/// Why a request was not given to a child. The child has not seen any of it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no child.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The session has a live request with this id or progress token, or has as many as it may.
    #[error("the id or progress token of the request is in use, or too many requests are")]
    InUse,
    /// No child was free for this request in time.
    #[error("every server process is busy")]
    Busy,
    /// The child did not take it.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// What an exchange yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message on the way to the answer: progress, or an event of a subscription.
    Message(Bytes),
    /// The answer, and the end.
    Response(Bytes),
    /// The end without an answer: the child is gone.
    Gone,
    /// The end without an answer: messages were not taken in time, and some are lost.
    Overrun,
}

/// One request that a child works on. Dropping it before its end abandons the request; a stateless one is cancelled.
#[derive(Debug)]
pub struct Exchange {
    worker: Arc<Worker>,
    letters: Mailbox,
    stay: Stay,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The child has not been sent the request.
    Entered,
    /// The answer is to come.
    Open,
    /// The end has been yielded.
    Ended,
}

impl Exchange {
    pub(super) fn new(worker: Arc<Worker>, letters: Mailbox, stay: Stay) -> Self {
        Self { worker, letters, stay, phase: Phase::Entered }
    }

    /// Sends the request. Dropped before it is done, or failed, the request leaves the child's table without a trace.
    pub(super) async fn send(mut self, line: Bytes) -> Result<Self, SendError> {
        self.worker.child.send(line).await?;
        self.phase = Phase::Open;
        Ok(self)
    }

    /// The process that works on it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.worker.child.pid()
    }

    /// What comes next, in the child's order; `None` after the end.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, nothing is lost.
    pub async fn next(&mut self) -> Option<Incoming> {
        if self.phase == Phase::Ended {
            return None;
        }
        let letter = self.letters.take().await;
        if letter.as_ref().is_none_or(|letter| letter.is_response) {
            self.phase = Phase::Ended;
        }
        Some(match letter {
            Some(letter) if letter.is_response => Incoming::Response(letter.line),
            Some(letter) => Incoming::Message(letter.line),
            None if self.letters.is_overrun() => Incoming::Overrun,
            None => Incoming::Gone,
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        match self.phase {
            Phase::Entered => self.worker.withdraw(&self.stay),
            Phase::Open => self.worker.abandon(self.stay.clone()),
            Phase::Ended => {}
        }
    }
}

/// A session with a child of its own. Dropping it begins the child's orderly end.
#[derive(Debug)]
pub struct Session {
    worker: Arc<Worker>,
}

impl Session {
    pub(super) fn new(worker: Arc<Worker>) -> Self {
        Self { worker }
    }

    /// The process behind it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.worker.child.pid()
    }

    /// Sends a request.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, nothing is sent.
    pub async fn open(&self, request: Request) -> Result<Exchange, OpenError> {
        check_framing(&request.line)?;
        let (claim, line) = request.into_claim();
        let exchange = self.worker.enter(claim).ok_or(OpenError::InUse)?;
        Ok(exchange.send(line).await?)
    }

    /// Sends what expects no answer: a notification of the client, or its answer to a request of the server. The answer to a request
    /// that is sent here and not by [`Session::open`] is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, nothing is sent.
    pub async fn send(&self, line: Bytes) -> Result<(), SendError> {
        self.worker.child.send(line).await
    }

    /// Waits until the child has ended, however it comes to that.
    pub async fn ended(&self) -> ChildExit {
        self.worker.child.wait().await
    }

    /// Ends the child in order, and waits for it.
    pub async fn close(self) -> ChildExit {
        self.worker.child.shutdown().await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.worker.child.close();
    }
}

impl Request {
    pub(super) fn into_claim(self) -> (Claim, Bytes) {
        (Claim { id: self.id, progress_token: self.progress_token, caller: self.caller }, self.line)
    }
}
