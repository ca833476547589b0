//! Listeners: binding TCP addresses and unix sockets with errors a person understands, accepting with a bound on open connections.
//!
//! A listener with a certificate speaks TLS, and hands over connections whose handshake is done; a slow one holds nobody up. An address
//! that other machines reach is refused without TLS unless the settings say that it is meant. Who is behind a connection is not decided
//! here: [`Peer`] says what it showed. Read on in `bind`, `tls` and `connection`.

use std::sync::Arc;
use std::time::Duration;

use rustls::server::danger::ClientCertVerifier;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

mod address;
mod bind;
#[cfg(test)]
#[path = "../tests/it/support/ca.rs"]
pub(crate) mod ca;
pub mod certificate;
mod connection;
mod metrics;
pub mod private;
pub mod tls;
mod unix;

pub use address::{Address, BadAddress};
pub use bind::BindError;
pub use connection::{Connection, Peer, Process};
pub use metrics::Metrics;

use crate::lifecycle::Stop;
use bind::Socket;
use connection::Stream;
use tls::{Keeper, Served, Tls, TlsError, TlsSettings};

/// What a listener is told at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address; port 0 lets the system choose.
    pub address: Address,
    /// An address that other machines reach may be bound without TLS.
    pub plaintext_non_loopback: bool,
    /// Who may connect to a unix socket: the mode of its file.
    pub socket_mode: u32,
    /// The certificate, for a listener that speaks TLS.
    pub tls: Option<TlsSettings>,
}

impl Settings {
    /// A TCP address without TLS that only this machine reaches.
    #[must_use]
    pub const fn plain(address: std::net::SocketAddr) -> Self {
        Self { address: Address::Tcp(address), plaintext_non_loopback: false, socket_mode: 0o600, tls: None }
    }
}

/// A bound listener.
#[derive(Debug)]
pub struct Listener {
    face: &'static str,
    socket: Socket,
    address: Address,
    slots: Arc<Semaphore>,
    pause: Backoff,
    tls: Option<Tls>,
    /// Connections whose handshake is under way. Each holds a slot, and has a deadline.
    handshakes: JoinSet<Option<Connection>>,
    keeper: Option<Keeper>,
}

impl Listener {
    /// Binds the address for a face, which is its name in logs and metrics. `max_connections` may be open at the same time; more wait in
    /// the system's queue.
    ///
    /// # Errors
    /// When the address is refused or cannot be bound, or the certificate cannot be served.
    pub async fn bind(
        face: &'static str,
        settings: &Settings,
        max_connections: usize,
        metrics: &Metrics,
    ) -> Result<Self, BindError> {
        let (tls, keeper) = match &settings.tls {
            Some(tls) => {
                let (served, keeper) = Served::open(face, tls.clone(), metrics.clone()).map_err(TlsError::Files)?;
                (Some(Tls::new(served, metrics.clone())?), Some(keeper))
            }
            None => (None, None),
        };
        let (socket, address) = bind::bind(settings).await?;
        let slots = Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { face, socket, address, slots, pause: Backoff::default(), tls, handshakes: JoinSet::new(), keeper })
    }

    /// The same, asking clients for certificates that this verifier must find good. Without TLS nobody can be asked.
    ///
    /// # Errors
    /// When TLS cannot be set up so.
    pub fn asking_for_certificates(mut self, verifier: Arc<dyn ClientCertVerifier>) -> Result<Self, BindError> {
        self.tls = self.tls.map(|tls| tls.asking(verifier)).transpose()?;
        Ok(self)
    }

    /// The same with the protocols that its face speaks over TLS (ALPN), most wanted first; `http/1.1` when nobody says it.
    ///
    /// # Errors
    /// When TLS cannot be set up so.
    pub fn speaking(mut self, protocols: &[&'static str]) -> Result<Self, BindError> {
        self.tls = self.tls.map(|tls| tls.speaking(protocols)).transpose()?;
        Ok(self)
    }

    /// What keeps the certificate as its files say; it has to run. It is there once, and only with TLS.
    pub const fn take_keeper(&mut self) -> Option<Keeper> {
        self.keeper.take()
    }

    /// The certificate that is served, with TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<Served> {
        self.tls.as_ref().map(Tls::served)
    }

    /// The address it is bound to, with the port the system chose.
    #[must_use]
    pub const fn local_addr(&self) -> &Address {
        &self.address
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
        loop {
            let Self { socket, slots, pause, handshakes, .. } = self;
            let (stream, peer, slot) = tokio::select! {
                Some(done) = handshakes.join_next() => match done {
                    Ok(Some(connection)) => return Some(connection),
                    Ok(None) | Err(_) => continue,
                },
                accepted = accept(socket, slots, pause, self.face) => accepted?,
            };
            match (&self.tls, stream) {
                (Some(tls), Stream::Tcp(stream)) => drop(self.handshakes.spawn(tls.handshake(stream, peer, slot))),
                (_, stream) => return Some(Connection::new(stream, peer, slot)),
            }
        }
    }
}

/// The next stream that somebody opens, and a slot for it.
///
/// # Cancel safety
/// No accepted stream is lost when this is dropped.
async fn accept(
    socket: &Socket,
    slots: &Arc<Semaphore>,
    pause: &mut Backoff,
    face: &'static str,
) -> Option<(Stream, Peer, OwnedSemaphorePermit)> {
    // The semaphore is never closed, so this is never `None`.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                pause.reset();
                return Some((stream, peer, slot));
            }
            Err(error) if is_about_the_connection(&error) => {
                tracing::debug!(%error, face, "a connection ended before it was accepted");
            }
            Err(error) => {
                let pause = pause.next();
                tracing::warn!(%error, face, pause_ms = pause.as_millis(), "failed to accept connections");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Errors of one connection that was in the queue; the next one may be fine.
fn is_about_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
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
