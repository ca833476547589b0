//! The last head, kept in a file beside the database, at most a second old.
//!
//! A damaged database can come back as a valid older log: every link holds, only the newest records are gone. The anchor tells. It is
//! written after the records it stands for, so that it is never ahead of a log that is whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::Deserialize;

use crate::storage;

use super::chain::{Head, LeafHash};
use super::json::Json;

/// How old the file may be while records are written.
const PERIOD: Duration = Duration::from_secs(1);

/// Why an anchor could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// There is none.
    #[error("`{0}` is missing: restore it, or move the whole directory away to begin a new log")]
    Missing(PathBuf),
    /// It is there and cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It does not have the form of an anchor.
    #[error("`{0}` is damaged: restore it, or move the whole directory away to begin a new log")]
    Damaged(PathBuf),
}

#[derive(Deserialize)]
struct Text<'a> {
    hash: &'a str,
    size: u64,
    v: u64,
}

/// Reads the anchor of the log in `directory`.
///
/// # Errors
///
/// [`AnchorError`].
pub(super) fn read(directory: &Path) -> Result<Head, AnchorError> {
    let path = file(directory);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(AnchorError::Missing(path)),
        Err(source) => return Err(AnchorError::Read { path, source }),
    };
    let head = serde_json::from_slice::<Text<'_>>(&text)
        .ok()
        .filter(|anchor| anchor.v == 1)
        .and_then(|anchor| Some(Head { size: anchor.size, hash: LeafHash::parse(anchor.hash)? }));
    head.ok_or(AnchorError::Damaged(path))
}

/// Writes the anchor of the log in `directory` durably.
pub(super) fn write(directory: &Path, head: Head) -> std::io::Result<()> {
    let mut json = Json::default();
    json.open_object();
    json.key("hash").base64(head.hash.as_bytes());
    json.key("size").integer(head.size);
    json.key("v").integer(1);
    json.close_object();
    let mut text = json.into_text();
    text.push(b'\n');
    storage::replace_file(&file(directory), &text)
}

fn file(directory: &Path) -> PathBuf {
    directory.join("anchor")
}

/// A thread that keeps the anchor fresh, so that the committer does not wait for a second file.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    head: Head,
    written: Head,
    sleeps: bool,
    stop: bool,
}

impl Keeper {
    /// Starts the thread for the log in `directory`, whose anchor says `head`.
    pub(super) fn start(directory: PathBuf, head: Head) -> std::io::Result<Self> {
        let state = State { head, written: head, sleeps: false, stop: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), bell: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("audit-anchor".into()).spawn(move || of_thread.run(&directory))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Tells the keeper how far the log goes durably.
    pub(super) fn advance(&self, head: Head) {
        let mut state = self.shared.state.lock();
        state.head = head;
        let wake = std::mem::take(&mut state.sleeps);
        drop(state);
        if wake {
            self.shared.bell.notify_one();
        }
    }
}

impl Drop for Keeper {
    /// Writes the last head and ends the thread.
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.bell.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, the log itself would still be whole.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, directory: &Path) {
        let mut next = Instant::now();
        while let Some(head) = self.due(next) {
            let written = write(directory, head);
            let mut state = self.state.lock();
            match written {
                // There may be a newer head by now, which is due even if this is the end.
                Ok(()) => state.written = head,
                Err(error) => {
                    tracing::warn!(%error, "failed to write the anchor of the audit log");
                    if state.stop {
                        return;
                    }
                }
            }
            next = Instant::now() + PERIOD;
        }
    }

    /// Waits until there is a new head and the time `next` has come; `None` when the thread is to end and nothing is left to write.
    fn due(&self, next: Instant) -> Option<Head> {
        let mut state = self.state.lock();
        loop {
            let current = state.head == state.written;
            if state.stop {
                return (!current).then_some(state.head);
            }
            if current {
                state.sleeps = true;
                self.bell.wait(&mut state);
            } else if Instant::now() < next {
                self.bell.wait_until(&mut state, next);
            } else {
                return Some(state.head);
            }
        }
    }
}

#[cfg(test)]
#[path = "anchor_tests.rs"]
mod tests;
