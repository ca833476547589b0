//! Unix sockets that only their owner and root can use: how commands reach a running sidecar.
//!
//! The file is for its owner alone, and who connects is asked of the kernel, not of the file's mode.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Process;
use super::unix::{self, SocketFile};
use crate::lifecycle::Stop;

/// How long to wait when the system has no descriptor for a connection.
const PAUSE: Duration = Duration::from_millis(200);

/// A bound socket. Its file is removed when it is dropped.
#[derive(Debug)]
pub struct PrivateListener {
    socket: UnixListener,
    file: SocketFile,
    slots: Arc<Semaphore>,
}

impl PrivateListener {
    /// Binds `path` for the owner of this process. A socket that is left there of a process that has ended is replaced, so whoever
    /// calls this holds some lock on the directory.
    ///
    /// # Errors
    ///
    /// What the operating system reported.
    pub fn bind(path: &Path, max_connections: usize) -> io::Result<Self> {
        let (socket, file) = unix::bind(path, 0o600)?;
        let slots = Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { socket, file, slots })
    }

    /// The next connection of the owner or root; others are turned away. `None` when `stop` is pulled.
    pub async fn accept(&mut self, stop: &Stop) -> Option<(UnixStream, OwnedSemaphorePermit)> {
        tokio::select! {
            biased;
            () = stop.wait() => None,
            connection = self.next() => connection,
        }
    }

    async fn next(&mut self) -> Option<(UnixStream, OwnedSemaphorePermit)> {
        // The semaphore is never closed, so this is never `None`.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) if is_allowed(&stream) => return Some((stream, slot)),
                Ok(_) => tracing::warn!(path = %self.file.path().display(), "somebody else than the owner was turned away"),
                Err(error) => {
                    tracing::warn!(%error, path = %self.file.path().display(), "failed to accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Connects to a socket that a [`PrivateListener`] has bound.
///
/// # Errors
///
/// What the operating system reported; `NotFound` or `ConnectionRefused` when nobody listens.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    unix::connect(path)
}

fn is_allowed(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    Process::of(stream).is_some_and(|peer| peer.uid == ours || peer.uid == 0)
}

#[cfg(test)]
#[path = "private_tests.rs"]
mod tests;
