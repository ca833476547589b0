//! The messages that wait for one exchange: bounded in number and in bytes, with a deadline for a reader that does not come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// How many messages may wait, however small they are.
const MESSAGES: usize = 64;

/// A mailbox that holds up to `bytes` bytes, or one message of any size.
pub(super) fn mailbox(bytes: usize, patience: Duration) -> (Post, Mailbox) {
    let (sender, receiver) = mpsc::channel(MESSAGES);
    let room = Arc::new(Room {
        all: u32::try_from(bytes).unwrap_or(u32::MAX),
        bytes: Semaphore::new(0),
        overrun: AtomicBool::new(false),
    });
    room.bytes.add_permits(room.size(bytes));
    (Post { sender, room: Arc::clone(&room), patience }, Mailbox { receiver, room })
}

/// A message, and whether it is the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) line: Bytes,
    pub(super) is_response: bool,
}

/// Where letters are put.
#[derive(Debug, Clone)]
pub(super) struct Post {
    sender: mpsc::Sender<Letter>,
    room: Arc<Room>,
    patience: Duration,
}

/// Where they are taken from.
#[derive(Debug)]
pub(super) struct Mailbox {
    receiver: mpsc::Receiver<Letter>,
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    all: u32,
    bytes: Semaphore,
    overrun: AtomicBool,
}

/// The reader did not make room in time, or is gone. The letter is lost, so the exchange has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotTaken;

impl Room {
    /// What a message takes up: never more than all there is, so that each fits once the box is empty.
    fn size(&self, bytes: usize) -> usize {
        bytes.min(self.all as usize)
    }
}

impl Post {
    /// Puts a letter into the box, waiting a bounded time for room.
    pub(super) async fn put(&self, letter: Letter) -> Result<(), NotTaken> {
        let size = u32::try_from(self.room.size(letter.line.len())).unwrap_or(self.room.all);
        let put = async {
            self.room.bytes.acquire_many(size).await.map_err(|_| NotTaken)?.forget();
            self.sender.send(letter).await.map_err(|_| NotTaken)
        };
        let put = timeout(self.patience, put).await.unwrap_or(Err(NotTaken));
        if put.is_err() {
            self.room.overrun.store(true, Ordering::Release);
        }
        put
    }
}

impl Mailbox {
    /// The next letter; `None` when there will be no more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, no letter is lost.
    pub(super) async fn take(&mut self) -> Option<Letter> {
        let letter = self.receiver.recv().await?;
        self.room.bytes.add_permits(self.room.size(letter.line.len()));
        Some(letter)
    }

    /// Whether a letter was lost because it was not taken in time.
    pub(super) fn is_overrun(&self) -> bool {
        self.room.overrun.load(Ordering::Acquire)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // Wakes a sender that waits for room which nobody will make.
        self.room.bytes.close();
    }
}

#[cfg(test)]
#[path = "mailbox_tests.rs"]
mod tests;
