//! TLS for listeners: one configuration for each, whose certificate changes underneath while connections stay.
//!
//! TLS 1.2 and 1.3. No session is resumed: whoever connects sees the certificate of now, and shows theirs. Who a client's certificate
//! tells of is not decided here.

mod files;
mod load;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConfig, WantsServerCert};
use rustls::{CertificateError, ConfigBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use super::connection::{Connection, Peer, Stream, TLS_HELLO};
use super::metrics::Metrics;

pub use files::{Keeper, Served, ServedState};
pub use load::TlsFileError;
pub(crate) use load::{pem_certificates, read};

/// How long a client may take for the handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// What somebody is told who speaks plain HTTP to a listener with TLS.
const SPEAK_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 34\r\nconnection: close\r\n\r\n\
    This port speaks TLS: use https.\r\n";

/// Where the certificate of a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate and those that lead to its authority, in PEM.
    pub certificate: std::path::PathBuf,
    /// Its private key, in PEM.
    pub key: std::path::PathBuf,
}

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Files(#[from] TlsFileError),
    /// The library does not take the settings.
    #[error("failed to set up TLS")]
    Setup(#[from] rustls::Error),
}

/// How one listener speaks TLS.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    served: Served,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    protocols: Vec<Vec<u8>>,
    config: Arc<ServerConfig>,
    metrics: Metrics,
}

impl Tls {
    pub(super) fn new(served: Served, metrics: Metrics) -> Result<Self, TlsError> {
        let protocols = vec![b"http/1.1".to_vec()];
        let config = config(&served, None, &protocols)?;
        Ok(Self { served, clients: None, protocols, config, metrics })
    }

    /// The same, asking clients for certificates.
    pub(super) fn asking(self, verifier: Arc<dyn ClientCertVerifier>) -> Result<Self, TlsError> {
        let config = config(&self.served, Some(&verifier), &self.protocols)?;
        Ok(Self { clients: Some(verifier), config, ..self })
    }

    /// The same with other protocols above TLS.
    pub(super) fn speaking(self, protocols: &[&'static str]) -> Result<Self, TlsError> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let config = config(&self.served, self.clients.as_ref(), &protocols)?;
        Ok(Self { protocols, config, ..self })
    }

    pub(super) fn served(&self) -> Served {
        self.served.clone()
    }

    /// Makes a connection of a stream, if its client can do that in time.
    pub(super) fn handshake(
        &self,
        stream: TcpStream,
        peer: Peer,
        slot: OwnedSemaphorePermit,
    ) -> impl Future<Output = Option<Connection>> + Send + 'static {
        let (acceptor, face, metrics) = (TlsAcceptor::from(Arc::clone(&self.config)), self.served.face(), self.metrics.clone());
        async move {
            let shaken = tokio::time::timeout(HANDSHAKE_WITHIN, Box::pin(shake(&acceptor, stream))).await;
            let failed = match shaken.unwrap_or(Err(Failure::TooSlow)) {
                Ok(stream) => {
                    metrics.shook_hands(face, "ok");
                    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let peer = Peer { certificates: certificates.to_vec(), ..peer };
                    return Some(Connection::new(Stream::Tls(Box::new(stream)), peer, slot));
                }
                Err(failure) => failure,
            };
            metrics.shook_hands(face, failed.word());
            match failed {
                // Probes that only connect, and port scans.
                Failure::Gone => tracing::debug!(face, %peer, "a client left before the handshake"),
                failed => tracing::warn!(event = "handshake_failed", face, %peer, reason = %failed, "a client is turned away"),
            }
            None
        }
    }
}

fn config(
    served: &Served,
    clients: Option<&Arc<dyn ClientCertVerifier>>,
    protocols: &[Vec<u8>],
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Setup)?;
    let builder: ConfigBuilder<ServerConfig, WantsServerCert> = match clients {
        Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(served.resolver());
    config.alpn_protocols = protocols.to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Why there was no handshake.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the client connected and left")]
    Gone,
    #[error("the client speaks plain HTTP, or something else that is not TLS")]
    Plaintext,
    #[error("the handshake took too long")]
    TooSlow,
    #[error("the client showed no certificate, and must")]
    NoCertificate,
    #[error("the client's certificate is refused: {0}")]
    Certificate(String),
    #[error("{0}")]
    Other(io::Error),
}

impl Failure {
    const fn word(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Plaintext => "plaintext",
            Self::TooSlow => "timeout",
            Self::NoCertificate => "no_certificate",
            Self::Certificate(_) => "certificate",
            Self::Other(_) => "failed",
        }
    }

    fn of(error: io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(rustls::Error::InvalidCertificate(why)) => Self::Certificate(sentence(why)),
            Some(_) | None => Self::Other(error),
        }
    }
}

/// What is wrong with a certificate, in the words of this house.
fn sentence(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "it is by no authority that is believed here".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "it is not for clients".to_owned(),
        CertificateError::Other(why) => why.0.to_string(),
        other => other.to_string(),
    }
}

async fn shake(acceptor: &TlsAcceptor, mut stream: TcpStream) -> Result<tokio_rustls::server::TlsStream<TcpStream>, Failure> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(0) | Err(_) => return Err(Failure::Gone),
        Ok(_) if first == [TLS_HELLO] => {}
        Ok(_) => {
            // What the client said is read, or closing would take the answer away from it.
            let mut said = [0; 1024];
            let _ = stream.read(&mut said).await;
            let _ = stream.write_all(SPEAK_TLS).await;
            let _ = stream.shutdown().await;
            return Err(Failure::Plaintext);
        }
    }
    acceptor.accept(stream).await.map_err(Failure::of)
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
