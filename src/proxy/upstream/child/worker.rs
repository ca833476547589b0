//! A child together with the requests it works on: hands each line of the child to whom it belongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::exchange::Exchange;
use super::mailbox::{Letter, Post, mailbox};
use super::metrics::{Dropped, Metrics};
use super::pool::PoolSettings;
use super::process::Child;
use super::table::{Claim, Destination, Stay, Table};
use super::unsolicited::{Shelf, Shelved};
use super::wire::{self, Key, Peek};
use crate::domain::Timestamp;

/// What all workers of a pool have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) settings: PoolSettings,
    pub(super) metrics: Metrics,
    /// Rings when a request leaves a table, or a child ends: somebody who waits for a child may look again.
    pub(super) freed: Notify,
    /// Where tasks go that are started when an exchange is dropped, wherever that happens.
    pub(super) runtime: Handle,
}

/// Whom a child works for.
#[derive(Debug)]
pub(super) enum Audience {
    /// One session, which also gets what belongs to no request.
    Session(Arc<Shelf>),
    /// Whoever comes with a stateless request.
    Everyone,
}

/// A running child and its requests.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) child: Child,
    pub(super) table: Mutex<Table>,
    pub(super) audience: Audience,
    pub(super) started: Instant,
    pub(super) since: Timestamp,
    spoke: AtomicBool,
    common: Arc<Common>,
}

impl Worker {
    pub(super) fn new(child: Child, audience: Audience, since: Timestamp, common: Arc<Common>) -> Self {
        let table = Mutex::new(Table::new(common.settings.max_requests_per_child));
        Self { child, table, audience, started: Instant::now(), since, spoke: AtomicBool::new(false), common }
    }

    /// Whether the child has ever written a line.
    pub(super) fn spoke(&self) -> bool {
        self.spoke.load(Ordering::Relaxed)
    }

    /// Whether it works for whoever comes.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.audience, Audience::Everyone)
    }

    /// Enters a request, if it fits; nothing is sent yet.
    pub(super) fn enter(self: &Arc<Self>, claim: Claim) -> Option<Exchange> {
        let settings = &self.common.settings;
        let (post, letters) = mailbox(settings.child.max_line_bytes, settings.reader_patience);
        let stay = self.table.lock().enter(claim, post)?;
        Some(Exchange::new(Arc::clone(self), letters, stay))
    }

    /// Takes out a request that was never sent.
    pub(super) fn withdraw(&self, stay: &Stay) {
        self.table.lock().withdraw(stay);
        self.common.freed.notify_waiters();
    }

    /// Nobody waits for this request any more. A stateless one is cancelled (MCP 2026-07-28: a client that goes away cancels); in a
    /// session the client says so itself. Its id stays taken until the child has answered, or `cancel_linger` has passed.
    pub(super) fn abandon(self: &Arc<Self>, stay: Stay) {
        let answered = self.table.lock().abandon(&stay);
        if let Some(answered) = answered {
            self.common.runtime.spawn(Arc::clone(self).linger(stay, answered));
        }
    }

    async fn linger(self: Arc<Self>, stay: Stay, answered: oneshot::Receiver<()>) {
        if self.is_shared() && self.child.send(wire::cancelled(&stay.id)).await.is_err() {
            debug!("a cancellation could not be sent to the server process");
        }
        if timeout(self.common.settings.cancel_linger, answered).await.is_err() {
            self.table.lock().give_up(&stay);
            self.common.freed.notify_waiters();
        }
    }

    /// Hands one line of the child to whom it belongs.
    ///
    /// An exchange whose reader is slow holds the others up for `reader_patience`, and is then cut off.
    pub(super) async fn deliver(self: &Arc<Self>, line: Bytes) {
        self.spoke.store(true, Ordering::Relaxed);
        let Some(message) = wire::peek(&line) else {
            warn!(server = self.server(), bytes = line.len(), "the server process wrote a line that is no message");
            return self.dropped(Dropped::Unreadable, 1);
        };
        let destination = self.table.lock().destination(&message);
        match destination {
            Destination::Answer(post) => {
                self.common.freed.notify_waiters();
                if post.put(Letter { line, is_response: true }).await.is_err() {
                    self.dropped(Dropped::NotRead, 1);
                }
            }
            Destination::Exchange(stay, post) => self.put(stay, post, line).await,
            Destination::Abandoned => {
                self.common.freed.notify_waiters();
                self.dropped(Dropped::NobodyWaits, 1);
            }
            Destination::Stranger | Destination::Unaddressed => match &self.audience {
                Audience::Session(shelf) => self.shelve(shelf, &message, line),
                Audience::Everyone => self.guess(&message, line, matches!(destination, Destination::Unaddressed)).await,
            },
        }
    }

    async fn put(self: &Arc<Self>, stay: Stay, post: Post, line: Bytes) {
        if post.put(Letter { line, is_response: false }).await.is_err() {
            self.dropped(Dropped::NotRead, 1);
            self.abandon(stay);
        }
    }

    /// A session's client gets what belongs to no request, except answers that it is not waiting for.
    fn shelve(&self, shelf: &Shelf, message: &Peek, line: Bytes) {
        let request = match message {
            Peek::Response(_) => return self.dropped(Dropped::NobodyWaits, 1),
            Peek::Request(id) => Some(id),
            Peek::Notification(_) => None,
        };
        match (shelf.put(line, request.is_some()), request) {
            (Shelved::Waiting { dropped }, _) => self.dropped(Dropped::NotRead, dropped),
            (Shelved::Refused, Some(id)) => self.decline(id),
            (Shelved::Refused, None) => self.dropped(Dropped::NotRead, 1),
        }
    }

    /// On a shared child a message that names no request goes to the only exchange it can be meant for. One that names another
    /// request never does, and requests to the client do not exist there (MCP 2026-07-28).
    async fn guess(self: &Arc<Self>, message: &Peek, line: Bytes, unaddressed: bool) {
        if let Peek::Request(id) = message {
            return self.decline(id);
        }
        let only = if unaddressed { self.table.lock().only_exchange() } else { None };
        match only {
            Some((stay, post)) => self.put(stay, post, line).await,
            None => self.dropped(Dropped::NobodyWaits, 1),
        }
    }

    fn decline(&self, id: &Key) {
        self.dropped(Dropped::Declined, 1);
        if self.child.try_send(wire::declined(id)).is_err() {
            warn!(server = self.server(), "a request of the server could be neither delivered nor answered");
        }
    }

    /// Takes no more requests, and ends the child in order. Exchanges that are open see it go.
    pub(super) fn retire(&self) {
        self.table.lock().retire();
        self.child.close();
    }

    /// The child says nothing more: every exchange, and the session, sees its end.
    pub(super) fn finish(&self) {
        self.table.lock().close();
        if let Audience::Session(shelf) = &self.audience {
            shelf.close();
        }
    }

    fn dropped(&self, why: Dropped, count: u64) {
        if count > 0 {
            self.common.metrics.dropped(self.server(), why, count);
        }
    }

    fn server(&self) -> &str {
        &self.common.settings.child.name
    }
}
