//! Unix sockets that only their owner and root can use: how commands reach a running sidecar.
//!
//! The file is for its owner alone, and who connects is asked of the kernel, not of the file's mode. A path that is too long for a socket
//! address is reached through an open descriptor of its directory.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lifecycle::Stop;

/// The longest path that fits into a socket address, with some room.
const LONGEST: usize = 100;
/// How long to wait when the system has no descriptor for a connection.
const PAUSE: Duration = Duration::from_millis(200);

/// A bound socket. Its file is removed when it is dropped.
#[derive(Debug)]
pub struct PrivateListener {
    socket: UnixListener,
    path: PathBuf,
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
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let socket = with_short_path(path, |short| UnixListener::bind(short))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let slots = Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { socket, path: path.into(), slots })
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
                Ok(_) => tracing::warn!(path = %self.path.display(), "somebody else than the owner was turned away"),
                Err(error) => {
                    tracing::warn!(%error, path = %self.path.display(), "failed to accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for PrivateListener {
    fn drop(&mut self) {
        // What stays behind is replaced by the next to bind it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Connects to a socket that a [`PrivateListener`] has bound.
///
/// # Errors
///
/// What the operating system reported; `NotFound` or `ConnectionRefused` when nobody listens.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = with_short_path(path, |short| std::os::unix::net::UnixStream::connect(short))?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

fn is_allowed(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0)
}

fn with_short_path<T>(path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(io::ErrorKind::InvalidInput.into()) };
    if path.as_os_str().len() <= LONGEST {
        return work(path);
    }
    let directory = File::open(parent)?;
    work(&Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}

#[cfg(test)]
#[path = "private_tests.rs"]
mod tests;
