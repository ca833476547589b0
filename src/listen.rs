//! TCP listeners: binding with errors a person understands, accepting with a bound on open connections.
//!
//! There is no TLS here yet, so an address that other machines reach is refused unless the settings say that it is meant.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub mod private;

use crate::lifecycle::Stop;

/// What a listener is told at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// An address that other machines reach may be bound without TLS.
    pub plaintext_non_loopback: bool,
    /// Connections open at the same time; more wait in the system's queue.
    pub max_connections: usize,
}

/// Why an address was not bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Other machines reach it, and there is no TLS.
    #[error(
        "`{0}` may be reached by other machines and this listener has no TLS; set `plaintext_non_loopback = true` if that is meant"
    )]
    Plaintext(SocketAddr),
    /// Somebody listens there.
    #[error("`{0}` is in use by another process; choose another port, or stop that process")]
    InUse(SocketAddr),
    /// No interface of this machine has it.
    #[error("`{0}` is not an address of this machine")]
    NotOurs(SocketAddr),
    /// The system forbids it.
    #[error("this user may not listen on `{0}`; ports below 1024 need a privilege")]
    Forbidden(SocketAddr),
    /// Anything else.
    #[error("failed to listen on `{address}`")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A bound listener.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    slots: Arc<Semaphore>,
    pause: Backoff,
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address is refused or cannot be bound.
    pub async fn bind(settings: &Settings) -> Result<Self, BindError> {
        let address = settings.address;
        if !settings.plaintext_non_loopback && !address.ip().to_canonical().is_loopback() {
            return Err(BindError::Plaintext(address));
        }
        let bound = async {
            let socket = TcpListener::bind(address).await?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = bound.await.map_err(|source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(address),
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs(address),
            io::ErrorKind::PermissionDenied => BindError::Forbidden(address),
            _ => BindError::Other { address, source },
        })?;
        let slots = settings.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self { socket, address, slots: Arc::new(Semaphore::new(slots)), pause: Backoff::default() })
    }

    /// The address it is bound to, with the port the system chose.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; `None` when `stop` is pulled. While all slots are taken nothing is accepted; an accept that fails because
    /// the process or the machine has run out of something is tried again after a pause that grows.
    ///
    /// # Cancel safety
    /// No accepted connection is lost when this is dropped.
    pub async fn accept(&mut self, stop: &Stop) -> Option<Connection> {
        tokio::select! {
            biased;
            () = stop.wait() => None,
            connection = self.next() => connection,
        }
    }

    async fn next(&mut self) -> Option<Connection> {
        // The semaphore is never closed, so this is never `None`.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    self.pause.reset();
                    return Some(Connection::new(stream, peer, slot));
                }
                Err(error) if is_about_the_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    let pause = self.pause.next();
                    tracing::warn!(%error, address = %self.address, pause_ms = pause.as_millis(), "failed to accept connections");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// A client's connection; it holds one of the listener's slots until it is dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) -> Self {
        // Small messages must not wait for more; a socket that cannot be told so still works.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %peer, "failed to set TCP_NODELAY");
        }
        Self { stream, peer, _slot: slot }
    }

    /// The other end.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Errors of one connection that was in the queue; the next one may be fine.
fn is_about_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::ConnectionRefused | Kind::Interrupted)
}

/// Pauses that double from 10 ms to 1 s.
#[derive(Debug, Default)]
struct Backoff(u32);

impl Backoff {
    fn next(&mut self) -> Duration {
        let pause = Duration::from_millis(10_u64 << self.0.min(7)).min(Duration::from_secs(1));
        self.0 = self.0.saturating_add(1);
        pause
    }

    const fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
