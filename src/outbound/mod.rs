//! The one HTTP client of the house: requests that the sidecar makes on its own behalf, to object stores, collectors and witnesses.
//!
//! One request, one answer, both in memory and both bounded: a limit on the body, a deadline on the whole. Certificates are checked
//! with rustls against the roots of the system and, if there is one, a file with more. Redirections are not followed, cookies not
//! kept and proxies not used, so a request goes where the settings say or nowhere. Plain HTTP stays on this machine unless
//! [`PlainHttp`] says otherwise. Nothing is tried twice: when to ask again is the caller's business.
//!
//! Servers on unix sockets are reached in `socket`. Protocols with a client of their own get a connection from [`Dial`], under the same rules. Calls of MCP clients do not go this way; the
//! proxy has connections of its own for those.

mod backoff;
mod dial;
mod error;
mod plain;
mod roots;
mod socket;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub use backoff::Backoff;
pub use dial::{BadPlace, Dial, DialError, Duplex, Place, Port, Trust, Wire};
pub use error::{OutboundError, Progress, SetupError};
pub use plain::PlainHttp;
pub use socket::{BadSocket, OutboundSocket, Socket, SocketConnector, SocketError};

/// Who we say we are when the caller does not say it.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("cedarpost/", env!("CARGO_PKG_VERSION")));
/// The most that the head of an answer may take, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);
/// How many such connections are kept to one host.
const IDLE_CONNECTIONS: usize = 4;

/// How the client is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Longest wait for a TCP connection. That TLS comes about in time is what the deadline of a request is for.
    pub connect_timeout: Duration,
    /// A PEM file with certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Where requests may go without TLS.
    pub plain_http: PlainHttp,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), ca_file: None, plain_http: PlainHttp::Loopback }
    }
}

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long everything may take: connection, request and the last byte of the answer.
    pub deadline: Duration,
    /// The longest body of an answer, in bytes.
    pub max_body: usize,
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    plain_http: PlainHttp,
    has_roots: bool,
}

impl Outbound {
    /// Prepares connections; none is made yet.
    ///
    /// # Errors
    ///
    /// When the file with more certificates cannot be used. A system without certificates is no error here, but every `https` request
    /// fails then ([`Outbound::can_verify`]).
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let roots = roots::load(settings.ca_file.as_deref())?;
        let has_roots = !roots.is_empty();
        let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(settings.connect_timeout));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        Ok(Self { client, plain_http: settings.plain_http, has_roots })
    }

    /// The same client and its connections, with other rules for plain HTTP.
    #[must_use]
    pub fn speaking(&self, plain_http: PlainHttp) -> Self {
        Self { plain_http, ..self.clone() }
    }

    /// Whether there is any certificate to check others against: without one no `https` request succeeds.
    #[must_use]
    pub const fn can_verify(&self) -> bool {
        self.has_roots
    }

    /// Sends a request with an absolute URI and reads the answer whole, whatever its status.
    ///
    /// # Errors
    ///
    /// [`OutboundError`], which tells how far the request can have come.
    ///
    /// # Cancel safety
    ///
    /// When this is dropped nobody knows whether the request has arrived.
    pub async fn request(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, OutboundError> {
        let host = self.admit(request.uri())?;
        let request = prepare(request);
        let asked = async {
            let answer = self.client.request(request).await.map_err(|source| OutboundError::transport(&host, source))?;
            read(answer, &host, limits.max_body).await
        };
        match tokio::time::timeout(limits.deadline, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(OutboundError::Silent { host, deadline: limits.deadline }),
        }
    }

    /// The host of a URI that a request may go to.
    fn admit(&self, uri: &http::Uri) -> Result<String, OutboundError> {
        let authority = uri.authority().filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        let Some(authority) = authority else { return Err(OutboundError::Address) };
        let host = authority.host();
        match uri.scheme_str() {
            Some("https") if self.has_roots => Ok(host.to_owned()),
            Some("https") => Err(OutboundError::NoRoots(host.to_owned())),
            Some("http") if self.plain_http.admits(host) => Ok(host.to_owned()),
            Some("http") => Err(OutboundError::Plaintext(host.to_owned())),
            _ => Err(OutboundError::Address),
        }
    }
}

fn prepare(request: Request<Bytes>) -> Request<Full<Bytes>> {
    let mut request = request.map(Full::new);
    // What comes compressed could be larger than any limit says.
    request.headers_mut().entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
    request
}

async fn read(answer: Response<hyper::body::Incoming>, host: &str, max_body: usize) -> Result<Response<Bytes>, OutboundError> {
    let (head, body) = answer.into_parts();
    let too_long = || OutboundError::TooLong { host: host.to_owned(), limit: max_body };
    // What announces its length need not be read to be refused.
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > max_body) {
        return Err(too_long());
    }
    let collected =
        Limited::new(body, max_body).collect().await.map_err(|source| match source.downcast::<LengthLimitError>() {
            Ok(_) => too_long(),
            Err(source) => OutboundError::Cut { host: host.to_owned(), source },
        })?;
    Ok(Response::from_parts(head, collected.to_bytes()))
}

#[cfg(test)]
mod tests;
