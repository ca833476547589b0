//! From an address to a socket, or to a sentence that says why there is none.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::{TcpListener, UnixListener};

use super::connection::{Peer, Process, Stream};
use super::tls::TlsError;
use super::unix::{self, SocketFile};
use super::{Address, Settings};

/// Why an address was not bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Other machines reach it, and there is no TLS.
    #[error(
        "`{0}` may be reached by other machines and this listener has no TLS; set `tls_cert_file` and `tls_key_file`, or \
         `plaintext_non_loopback = true` if that is meant"
    )]
    Plaintext(SocketAddr),
    /// Somebody listens there.
    #[error("`{0}` is in use by another process; choose another address, or stop that process")]
    InUse(Address),
    /// No interface of this machine has it.
    #[error("`{0}` is not an address of this machine")]
    NotOurs(SocketAddr),
    /// The system forbids it.
    #[error("this user may not listen on `{0}`; ports below 1024 need a privilege, and a socket a directory to write to")]
    Forbidden(Address),
    /// There is a file, and it is no socket that could be replaced.
    #[error("`{0}` is there already, and it is not a socket")]
    NotASocket(PathBuf),
    /// What it is to speak TLS with cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Anything else.
    #[error("failed to listen on `{address}`")]
    Other {
        /// The address.
        address: Address,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix { socket: UnixListener, _file: SocketFile },
}

/// Binds the address; and says which it is, with the port the system chose.
pub(super) async fn bind(settings: &Settings) -> Result<(Socket, Address), BindError> {
    let address = &settings.address;
    match address {
        Address::Tcp(address) if address_needs_tls(settings) => Err(BindError::Plaintext(*address)),
        Address::Tcp(tcp) => {
            let bound = async {
                let socket = TcpListener::bind(tcp).await?;
                let address = Address::Tcp(socket.local_addr()?);
                Ok((Socket::Tcp(socket), address))
            };
            bound.await.map_err(|source: io::Error| match source.kind() {
                io::ErrorKind::AddrNotAvailable => BindError::NotOurs(*tcp),
                _ => reason(address, source),
            })
        }
        Address::Unix(path) => {
            if !unix::is_free(path).map_err(|source| reason(address, source))? {
                return Err(BindError::NotASocket(path.clone()));
            }
            let bound = unix::bind(path, settings.socket_mode).map_err(|source| reason(address, source))?;
            Ok((Socket::Unix { socket: bound.0, _file: bound.1 }, address.clone()))
        }
    }
}

fn address_needs_tls(settings: &Settings) -> bool {
    settings.tls.is_none() && !settings.plaintext_non_loopback && settings.address.is_remote()
}

fn reason(address: &Address, source: io::Error) -> BindError {
    let address = address.clone();
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(address),
        _ => BindError::Other { address, source },
    }
}

impl Socket {
    /// The next stream, and what can be said of the other end before a word is exchanged.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                // Small messages must not wait for more; a socket that cannot be told so still works.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, peer = %address, "failed to set TCP_NODELAY");
                }
                Ok((Stream::Tcp(stream), Peer { address: Some(address), ..Peer::default() }))
            }
            Self::Unix { socket, .. } => {
                let (stream, _) = socket.accept().await?;
                let process = Process::of(&stream);
                Ok((Stream::Unix(stream), Peer { process, ..Peer::default() }))
            }
        }
    }
}
