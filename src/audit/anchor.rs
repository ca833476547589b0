//! The newest signed checkpoint, kept in a file beside the databases, at most a second old.
//!
//! A damaged database can come back as a valid older log: every link holds, only the newest records are gone. The anchor tells. It is
//! written after the records it stands for, so that it is never ahead of a log that is whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::storage;

use super::epoch::Durable;
use super::tlog::SignedCheckpoint;
use super::tlog::checkpoint::CheckpointError;
use super::tlog::trust::DistrustError;

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
    /// It is not a signed checkpoint.
    #[error("`{path}` is damaged: restore it, or move the whole directory away to begin a new log")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
    /// The log has not signed it.
    #[error("the log has not signed the anchor in `{directory}`")]
    Forged {
        /// The log's directory.
        directory: PathBuf,
        /// What is wrong with the signature.
        #[source]
        source: DistrustError,
    },
}

/// Reads the anchor of the log in `directory`. Nobody has looked at its signature yet.
///
/// # Errors
///
/// [`AnchorError`].
pub(super) fn read(directory: &Path) -> Result<SignedCheckpoint, AnchorError> {
    let path = file(directory);
    match std::fs::read(&path) {
        Ok(note) => SignedCheckpoint::parse(&note).map_err(|source| AnchorError::Damaged { path, source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(AnchorError::Missing(path)),
        Err(source) => Err(AnchorError::Read { path, source }),
    }
}

/// Writes the anchor of the log in `directory` durably.
pub(super) fn write(directory: &Path, checkpoint: &SignedCheckpoint) -> std::io::Result<()> {
    storage::replace_file(&file(directory), checkpoint.to_string().as_bytes())
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
    newest: Arc<Durable>,
    /// The size that the file stands for.
    written: u64,
    sleeps: bool,
    stop: bool,
}

impl Keeper {
    /// Starts the thread for the log in `directory`, which goes as far as `newest`, and whose anchor stands for `written` records.
    pub(super) fn start(directory: PathBuf, newest: Arc<Durable>, written: u64) -> std::io::Result<Self> {
        let state = State { newest, written, sleeps: false, stop: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), bell: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("audit-anchor".into()).spawn(move || of_thread.run(&directory))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Tells the keeper how far the log goes durably.
    pub(super) fn advance(&self, newest: &Arc<Durable>) {
        let mut state = self.shared.state.lock();
        state.newest = Arc::clone(newest);
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
        while let Some(newest) = self.due(next) {
            let written = write(directory, &newest.edge.checkpoint);
            let mut state = self.state.lock();
            match written {
                // There may be a newer head by now, which is due even if this is the end.
                Ok(()) => state.written = newest.head.size,
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
    fn due(&self, next: Instant) -> Option<Arc<Durable>> {
        let mut state = self.state.lock();
        loop {
            let current = state.newest.head.size == state.written;
            if state.stop {
                return (!current).then(|| Arc::clone(&state.newest));
            }
            if current {
                state.sleeps = true;
                self.bell.wait(&mut state);
            } else if Instant::now() < next {
                self.bell.wait_until(&mut state, next);
            } else {
                return Some(Arc::clone(&state.newest));
            }
        }
    }
}

#[cfg(test)]
#[path = "anchor_tests.rs"]
mod tests;
