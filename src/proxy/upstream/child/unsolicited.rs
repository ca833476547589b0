//! What a session's child says without having been asked: requests to the client, and notifications about no request.
//!
//! A client may not be listening, so this is bounded and never makes the child wait: an answer behind it must come through.
//! When it is full, the oldest notification makes room. A request of the server is never dropped in silence: it takes the room
//! of a notification, and if there are only requests, it is handed back for the server to be told.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How many messages may wait for the client.
const MESSAGES: usize = 64;

/// The receiving end: belongs to the session's client.
#[derive(Debug)]
pub struct Unsolicited(Arc<Shelf>);

/// The sending end: belongs to the child.
#[derive(Debug)]
pub(super) struct Shelf {
    state: Mutex<Waiting>,
    max_bytes: usize,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
    closed: bool,
}

#[derive(Debug)]
struct Message {
    line: Bytes,
    is_request: bool,
}

/// What became of a message that was put on the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelved {
    /// It waits for the client, and so many notifications had to go for it.
    Waiting {
        /// How many.
        dropped: u64,
    },
    /// There is no room for it.
    Refused,
}

/// A shelf for at most `max_bytes` bytes.
pub(super) fn shelf(max_bytes: usize) -> (Arc<Shelf>, Unsolicited) {
    let shelf = Arc::new(Shelf { state: Mutex::default(), max_bytes, changed: Notify::new() });
    (Arc::clone(&shelf), Unsolicited(shelf))
}

impl Shelf {
    /// Leaves a message for the client.
    pub(super) fn put(&self, line: Bytes, is_request: bool) -> Shelved {
        let mut waiting = self.state.lock();
        let mut dropped = 0;
        while waiting.messages.len() >= MESSAGES || waiting.bytes + line.len() > self.max_bytes {
            if !waiting.drop_notification() {
                return Shelved::Refused;
            }
            dropped += 1;
        }
        if waiting.closed {
            return Shelved::Refused;
        }
        waiting.bytes += line.len();
        waiting.messages.push_back(Message { line, is_request });
        drop(waiting);
        self.changed.notify_one();
        Shelved::Waiting { dropped }
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }
}

impl Waiting {
    fn drop_notification(&mut self) -> bool {
        let oldest = self.messages.iter().position(|message| !message.is_request);
        let dropped = oldest.and_then(|at| self.messages.remove(at));
        self.bytes -= dropped.as_ref().map_or(0, |message| message.line.len());
        dropped.is_some()
    }
}

impl Unsolicited {
    /// The next message for the client; `None` when the child is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, no message is lost.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            {
                let mut waiting = self.0.state.lock();
                if let Some(message) = waiting.messages.pop_front() {
                    waiting.bytes -= message.line.len();
                    return Some(message.line);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

impl Drop for Unsolicited {
    fn drop(&mut self) {
        // Requests of the server are refused from now on, and not left to wait for somebody who cannot come.
        self.0.close();
    }
}

#[cfg(test)]
#[path = "unsolicited_tests.rs"]
mod tests;
