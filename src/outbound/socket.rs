//! HTTP to servers that listen on a unix socket.
//!
//! The URL of a request says its path and its `Host`, and the socket alone where it goes, as with `curl --unix-socket`. A path is looked up
//! anew for each connection, so a server that comes back with another socket in its place is found again. Whoever may write to the
//! directory can put a socket there: [`Socket`] can say as whom the server must run, and the kernel is asked, not the file.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tower_service::Service;

use super::{IDLE, IDLE_CONNECTIONS, Limits, MAX_HEAD, OutboundError, prepare, read};

/// The longest path that fits into the address of a socket, in bytes (`sun_path` of unix(7), with the zero at its end).
const LONGEST: usize = 107;
/// How long to wait when a server has as many connections waiting as it wants.
const PAUSE: Duration = Duration::from_millis(10);

/// A unix socket on which somebody serves HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    path: PathBuf,
    uid: Option<u32>,
}

/// A path that cannot be that of a socket, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSocket {
    /// It is relative, or it is a directory.
    #[error("`{0}` is not the path of a socket, such as \"/run/app/mcp.sock\": no scheme before it, and nothing after it")]
    Form(PathBuf),
    /// It does not fit into an address.
    #[error("the path of a socket has at most {LONGEST} bytes, and `{0}` has more")]
    Long(PathBuf),
}

/// Why there is no connection to a socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// There is no socket, nobody listens on it, or it is not for us.
    #[error("failed to connect to the socket `{path}`{}", hint(source))]
    Connect {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server takes no more connections.
    #[error("the server at the socket `{path}` took no connection within {} ms", .within.as_millis())]
    Busy {
        /// Where.
        path: PathBuf,
        /// How long it had.
        within: Duration,
    },
    /// Somebody else listens there. Nothing was sent.
    #[error("the socket `{path}` is user {uid}'s, and the server is to be user {expected}")]
    Stranger {
        /// Where.
        path: PathBuf,
        /// Who listens.
        uid: u32,
        /// Who should.
        expected: u32,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => ": nothing is there (yet)",
        io::ErrorKind::ConnectionRefused => ": nobody listens on it",
        io::ErrorKind::PermissionDenied => {
            ": the user of this process needs permission to write to it, and to search its directories"
        }
        _ => "",
    }
}

impl Socket {
    /// The socket at an absolute path; with `uid`, only while a process of this user listens on it.
    ///
    /// # Errors
    ///
    /// When there can be no socket at this path.
    pub fn new(path: PathBuf, uid: Option<u32>) -> Result<Self, BadSocket> {
        let bytes = path.as_os_str().as_encoded_bytes();
        if !path.is_absolute() || bytes.ends_with(b"/") || bytes.contains(&0) || path.file_name().is_none() {
            return Err(BadSocket::Form(path));
        }
        if bytes.len() > LONGEST { Err(BadSocket::Long(path)) } else { Ok(Self { path, uid }) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connects, as often as the server has too many connections waiting, and makes sure that it is the right one.
    ///
    /// # Errors
    ///
    /// [`SocketError`], at the latest when the time is over.
    pub async fn connect(&self, within: Duration) -> Result<UnixStream, SocketError> {
        let stream = match tokio::time::timeout(within, self.queue()).await {
            Ok(connected) => connected.map_err(|source| self.failed(source))?,
            Err(_) => return Err(SocketError::Busy { path: self.path.clone(), within }),
        };
        let Some(expected) = self.uid else { return Ok(stream) };
        // Of the process that listens, at the time it began to: a file that somebody else owns now says nothing about it.
        let uid = stream.peer_cred().map_err(|source| self.failed(source))?.uid();
        if uid == expected { Ok(stream) } else { Err(SocketError::Stranger { path: self.path.clone(), uid, expected }) }
    }

    async fn queue(&self) -> io::Result<UnixStream> {
        loop {
            match UnixStream::connect(&self.path).await {
                // A full queue is told at once here, where TCP would try again by itself.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(PAUSE).await,
                connected => return connected,
            }
        }
    }

    fn failed(&self, source: io::Error) -> SocketError {
        SocketError::Connect { path: self.path.clone(), source }
    }
}

/// Connects an HTTP client to a socket, whatever the host of its requests.
#[derive(Debug, Clone)]
pub struct SocketConnector {
    socket: Socket,
    within: Duration,
}

impl SocketConnector {
    /// Connections to this socket, each made within this time or not at all.
    #[must_use]
    pub const fn new(socket: Socket, within: Duration) -> Self {
        Self { socket, within }
    }
}

impl Service<Uri> for SocketConnector {
    type Response = TokioIo<UnixStream>;
    type Error = SocketError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SocketError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { socket, within } = self.clone();
        Box::pin(async move { socket.connect(within).await.map(TokioIo::new) })
    }
}

/// The client of the house for one socket: one request, one answer, both bounded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OutboundSocket {
    client: Client<SocketConnector, Full<Bytes>>,
    name: String,
}

impl OutboundSocket {
    /// Prepares connections to a socket; none is made yet.
    #[must_use]
    pub fn new(socket: Socket, connect_timeout: Duration) -> Self {
        let name = format!("unix:{}", socket.path.display());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_HEAD)
            .build(SocketConnector::new(socket, connect_timeout));
        Self { client, name }
    }

    /// Sends a request with an absolute URI, of which the socket's server sees path and host, and reads the answer whole.
    ///
    /// # Errors
    ///
    /// [`OutboundError`], which tells how far the request can have come.
    pub async fn request(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, OutboundError> {
        let asked = async {
            let answer = self.client.request(prepare(request)).await;
            read(answer.map_err(|source| OutboundError::transport(&self.name, source))?, &self.name, limits.max_body).await
        };
        match tokio::time::timeout(limits.deadline, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(OutboundError::Silent { host: self.name.clone(), deadline: limits.deadline }),
        }
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
