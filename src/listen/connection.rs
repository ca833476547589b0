//! A connection, and what it shows of the other end. Bytes go through as they are: TCP, TLS or a unix socket look alike from outside.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

/// The first byte of whoever begins with TLS. No HTTP request begins with it.
pub(super) const TLS_HELLO: u8 = 0x16;

/// What a connection shows of the other end.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address; a unix socket has none.
    pub address: Option<SocketAddr>,
    /// The process at the other end of a unix socket, as the kernel says.
    pub process: Option<Process>,
    /// The certificates that it showed, its own first. They were found good when the connection was made.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl Peer {
    /// Its IP address; a unix socket has none.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.process) {
            (Some(address), _) => address.fmt(f),
            (None, Some(process)) => write!(f, "uid {}", process.uid),
            (None, None) => f.write_str("unknown"),
        }
    }
}

/// Who runs the process at the other end of a unix socket, at the time it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Process {
    pub(super) fn of(stream: &UnixStream) -> Option<Self> {
        stream.peer_cred().ok().map(|peer| Self { uid: peer.uid(), gid: peer.gid() })
    }
}

/// What bytes travel over.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// A client's connection; it holds one of the listener's slots until it is dropped.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    peer: Peer,
    /// Nothing was read from it yet.
    fresh: bool,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    pub(super) const fn new(stream: Stream, peer: Peer, slot: OwnedSemaphorePermit) -> Self {
        Self { stream, peer, fresh: true, _slot: slot }
    }

    /// The other end.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The protocol that both ends agreed on over TLS (ALPN).
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        match &self.stream {
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol(),
            Stream::Tcp(_) | Stream::Unix(_) => None,
        }
    }

    /// Whoever begins with TLS where there is none gets no answer that they understand, so the log says what happened.
    fn check_first(&mut self, read: &[u8]) -> io::Result<()> {
        let Some(first) = read.first().filter(|_| self.fresh) else { return Ok(()) };
        self.fresh = false;
        if *first == TLS_HELLO && matches!(self.stream, Stream::Tcp(_)) {
            tracing::warn!(event = "tls_to_plaintext", peer = %self.peer, "a client speaks TLS to a listener that has no certificate");
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the client speaks TLS, and this listener has no certificate",
            ));
        }
        Ok(())
    }
}

/// Does the same with each kind of stream.
macro_rules! each {
    ($self:ident, $stream:ident => $work:expr) => {
        match &mut $self.stream {
            Stream::Tcp($stream) => $work,
            Stream::Tls($stream) => {
                let $stream = &mut **$stream;
                $work
            }
            Stream::Unix($stream) => $work,
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = each!(self, stream => Pin::new(stream).poll_read(cx, buf));
        if self.fresh && matches!(polled, Poll::Ready(Ok(()))) {
            self.check_first(buf.filled().get(before..).unwrap_or_default())?;
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
