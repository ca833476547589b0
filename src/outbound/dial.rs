//! Connections for protocols that bring their own client: bytes to a TCP address, with or without TLS, or to a unix socket.
//!
//! Certificates are checked as for every other request of ours: against the roots of the system, and a file with more. What is said over
//! the connection, and how long that may take, is the business of whoever asked for it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{SetupError, roots};

/// Where somebody listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A TCP port, without TLS.
    Plain(Port),
    /// A TCP port, with TLS.
    Tls(Port),
    /// A unix socket.
    Unix(PathBuf),
}

/// A TCP port of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The host: a name or an address, without brackets.
    pub host: String,
    /// The number.
    pub port: u16,
}

/// What is wrong with an address, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address to connect to: write http://HOST:PORT, https://HOST:PORT or unix:/PATH")]
pub struct BadPlace(String);

impl std::str::FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let bad = || BadPlace(text.escape_debug().to_string());
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///path` is the same in the gRPC naming scheme.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(bad()) };
        }
        let uri: http::Uri = text.parse().map_err(|_| bad())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.host().is_empty() {
            return Err(bad());
        }
        let port = |usual| {
            let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
            Port { host: bare.to_owned(), port: authority.port_u16().unwrap_or(usual) }
        };
        match uri.scheme_str() {
            Some("http") => Ok(Self::Plain(port(80))),
            Some("https") => Ok(Self::Tls(port(443))),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(port) => write!(f, "http://{port}"),
            Self::Tls(port) => write!(f, "https://{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whom to believe, and what to show, over TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// A PEM file with certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM files with a certificate to show (those that lead to its authority after it) and its key.
    pub shown: Option<(PathBuf, PathBuf)>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there, or the way there is closed.
    #[error("failed to connect to `{place}`")]
    Unreachable {
        /// Where to.
        place: Place,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The other end is not who it should be, does not want us, or does not speak TLS.
    #[error("failed to agree on TLS with `{place}`")]
    Tls {
        /// Where to.
        place: Place,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The host of the address cannot stand in a certificate.
    #[error("`{0}` is not a name that a certificate could be for")]
    Name(String),
    /// The other end speaks TLS, but not the protocol that is wanted.
    #[error("`{place}` speaks TLS, but not {protocol}")]
    Protocol {
        /// Where to.
        place: Place,
        /// The protocol (ALPN).
        protocol: &'static str,
    },
    /// There is nothing to check certificates against.
    #[error("this system has no root certificates to check `{0}` against; install them, or name a file with them")]
    NoRoots(Place),
}

/// A connection.
pub type Wire = Box<dyn Duplex>;

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects to one place, as often as it is asked.
#[derive(Clone)]
pub struct Dial {
    place: Place,
    protocol: &'static str,
    tls: Option<TlsConnector>,
    has_roots: bool,
}

impl Dial {
    /// Prepares connections that speak this protocol (its name in ALPN); none is made yet.
    ///
    /// # Errors
    ///
    /// When the files with certificates or the key cannot be used.
    pub fn new(place: Place, protocol: &'static str, trust: &Trust) -> Result<Self, SetupError> {
        let Place::Tls(_) = place else { return Ok(Self { place, protocol, tls: None, has_roots: false }) };
        let roots = roots::load(trust.ca_file.as_deref())?;
        let has_roots = !roots.is_empty();
        let mut tls = config(roots, trust)?;
        tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(Self { place, protocol, tls: Some(Arc::new(tls).into()), has_roots })
    }

    /// Where to.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// [`DialError`]. It does not end by itself when the other end says nothing: the caller sets the deadline.
    pub async fn connect(&self) -> Result<Wire, DialError> {
        let unreachable = |source| DialError::Unreachable { place: self.place.clone(), source };
        let port = match &self.place {
            Place::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await.map_err(unreachable)?)),
            Place::Plain(port) | Place::Tls(port) => port,
        };
        if self.tls.is_some() && !self.has_roots {
            return Err(DialError::NoRoots(self.place.clone()));
        }
        let stream = TcpStream::connect((port.host.as_str(), port.port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(port.host.clone()).map_err(|_| DialError::Name(port.host.clone()))?;
        let failed = |source| DialError::Tls { place: self.place.clone(), source };
        let stream = tls.connect(name, stream).await.map_err(failed)?;
        if stream.get_ref().1.alpn_protocol() != Some(self.protocol.as_bytes()) {
            return Err(DialError::Protocol { place: self.place.clone(), protocol: self.protocol });
        }
        Ok(Box::new(stream))
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("place", &self.place).field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

fn config(roots: RootCertStore, trust: &Trust) -> Result<ClientConfig, SetupError> {
    let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &trust.shown else { return Ok(builder.with_no_client_auth()) };
    let chain = chain(certificate)?;
    let read = PrivateKeyDer::from_pem_file(key).map_err(|source| SetupError::Key { path: key.clone(), source })?;
    let unusable = |source| SetupError::Shown { path: certificate.clone(), source };
    builder.with_client_auth_cert(chain, read).map_err(unusable)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let failed = |source| SetupError::Certificates { path: path.to_owned(), source };
    let chain = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if chain.is_empty() { Err(SetupError::NoCertificate(path.to_owned())) } else { Ok(chain) }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
