//! An MCP server behind a URL, or on a unix socket: streamable HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::UpstreamError;
use super::credential::{Credential, CredentialSettings, Credentials, Whose};
use crate::clock::Clock;
use crate::identity::ACTOR_TOKEN;
use crate::outbound::{Socket, SocketConnector};
use crate::proxy::cleared::Cleared;

/// How to reach a server by HTTP.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The MCP endpoint.
    pub url: Uri,
    /// The unix socket on which it listens: the URL says path and `Host` only.
    pub socket: Option<Socket>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer.
    pub response_timeout: Duration,
    /// What the server is shown of us.
    pub credential: CredentialSettings,
}

/// A server behind a URL. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct HttpUpstream {
    client: HttpClient,
    url: Uri,
    socket: Option<PathBuf>,
    response_timeout: Duration,
    credentials: Arc<Credentials>,
    /// The word for how it is shown who we are.
    credential: &'static str,
}

/// By what connections are made.
#[derive(Debug, Clone)]
enum HttpClient {
    Network(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Socket(Client<SocketConnector, Full<Bytes>>),
}

impl HttpClient {
    fn new(settings: &HttpSettings) -> Result<Self, UpstreamError> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(60)).pool_max_idle_per_host(256);
        Ok(match &settings.socket {
            Some(socket) => Self::Socket(builder.build(SocketConnector::new(socket.clone(), settings.connect_timeout))),
            None => Self::Network(builder.build(connector(settings)?)),
        })
    }

    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Network(client) => client.request(request),
            Self::Socket(client) => client.request(request),
        }
    }
}

fn connector(settings: &HttpSettings) -> Result<HttpsConnector<HttpConnector>, UpstreamError> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let secure = settings.url.scheme_str() == Some("https");
    let tls = if secure {
        HttpsConnectorBuilder::new().with_native_roots().map_err(UpstreamError::Certificates)?
    } else {
        // Without roots no certificate is ever accepted: a redirect to https cannot slip in an unverified server.
        HttpsConnectorBuilder::new().with_tls_config(
            rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
        )
    };
    Ok(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

impl HttpUpstream {
    /// Prepares connections; none is made yet.
    ///
    /// # Errors
    ///
    /// When certificates cannot be read that are needed.
    pub(in crate::proxy) fn new(settings: HttpSettings, clock: &Clock) -> Result<Self, UpstreamError> {
        let client = HttpClient::new(&settings)?;
        let socket = settings.socket.map(|socket| socket.path().to_owned());
        let credential = settings.credential.word();
        let credentials = Arc::new(Credentials::new(settings.credential, clock).map_err(UpstreamError::Setup)?);
        Ok(Self { client, url: settings.url, socket, response_timeout: settings.response_timeout, credentials, credential })
    }

    /// Where the server is.
    pub(in crate::proxy) const fn url(&self) -> &Uri {
        &self.url
    }

    /// The unix socket on which it listens, if it does.
    pub(in crate::proxy) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The word for how it is shown who we are.
    pub(in crate::proxy) const fn credential(&self) -> &'static str {
        self.credential
    }

    /// Sends a message by POST and waits for the head of the answer.
    pub(in crate::proxy) async fn post(
        &self,
        message: Cleared,
        headers: HeaderMap,
        whose: Whose<'_>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.send((Method::POST, self.url.clone(), headers, message.into_bytes()), whose).await
    }

    /// The same, to another URI of the same server: the message endpoint of the deprecated HTTP+SSE transport.
    pub(in crate::proxy) async fn post_to(
        &self,
        uri: Uri,
        message: Cleared,
        headers: HeaderMap,
        whose: Whose<'_>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.send((Method::POST, uri, headers, message.into_bytes()), whose).await
    }

    /// Opens a stream of events from the server (GET), or ends a session (DELETE).
    pub(in crate::proxy) async fn bare(
        &self,
        method: Method,
        headers: HeaderMap,
        whose: Whose<'_>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.send((method, self.url.clone(), headers, Bytes::new()), whose).await
    }

    /// Sends a request with what the server is to be shown. When it does not take that (401) it has not done anything, so the request may
    /// go once more with something newer.
    async fn send(&self, parts: Parcel, whose: Whose<'_>) -> Result<Response<Incoming>, UpstreamError> {
        let Some(shown) = self.credentials.get(whose).await.map_err(UpstreamError::NoCredential)? else {
            return self.exchange(request(parts, None)).await;
        };
        let answer = self.exchange(request(parts.clone(), Some(&shown))).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            self.credentials.accepted(&shown);
            return Ok(answer);
        }
        if !self.credentials.renews(&shown).await {
            return Ok(answer);
        }
        let newer = self.credentials.get(whose).await.map_err(UpstreamError::NoCredential)?;
        self.exchange(request(parts, newer.as_ref())).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, UpstreamError> {
        tokio::time::timeout(self.response_timeout, self.client.request(request))
            .await
            .map_err(|_| UpstreamError::Silent(self.response_timeout))?
            .map_err(UpstreamError::Unreachable)
    }
}

/// Method, URI, headers and body of a request, without what the server is shown.
type Parcel = (Method, Uri, HeaderMap, Bytes);

fn request((method, uri, mut headers, body): Parcel, shown: Option<&Credential>) -> Request<Full<Bytes>> {
    if let Some(shown) = shown {
        // In place of whatever the client sent under this name.
        headers.insert(shown.name.clone(), shown.value.clone());
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// Headers that concern one hop only (RFC 9110, section 7.6.1), or that must not or need not reach the server: the client's
/// credentials are for us, and what we have to read must not come compressed.
const NOT_FORWARDED: [HeaderName; 22] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("dpop"),
    ACTOR_TOKEN,
    // Where boxes in front of us put tokens and certificates of clients.
    HeaderName::from_static("x-forwarded-access-token"),
    HeaderName::from_static("x-auth-request-access-token"),
    HeaderName::from_static("x-forwarded-client-cert"),
    HeaderName::from_static("client-cert"),
    HeaderName::from_static("client-cert-chain"),
    HeaderName::from_static("x-amzn-oidc-accesstoken"),
];

/// Headers of a server that are not for its client: the body is ours, and where the client goes next, or gets a token, is not the server's
/// to say. A client that followed would go past the sidecar.
const NOT_RELAYED: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::SET_COOKIE,
    header::LOCATION,
    header::CONTENT_LOCATION,
    header::REFRESH,
    header::ALT_SVC,
    header::WWW_AUTHENTICATE,
];

/// What a client is told of a server's status. That the server does not let *us* in is not the client's doing: with 401 it would throw a
/// good token away.
pub(in crate::proxy) const fn status_for_client(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => StatusCode::BAD_GATEWAY,
        status => status,
    }
}

/// What of a client's headers goes to the server.
pub(in crate::proxy) fn request_headers(client: &HeaderMap) -> HeaderMap {
    let mut headers = without(client, &NOT_FORWARDED);
    headers.remove(header::EXPECT);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// What of a server's headers goes to the client.
pub(in crate::proxy) fn response_headers(server: &HeaderMap) -> HeaderMap {
    let mut headers = without(server, &NOT_FORWARDED[..9]);
    for name in NOT_RELAYED {
        headers.remove(name);
    }
    headers
}

fn without(headers: &HeaderMap, dropped: &[HeaderName]) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    let named: Vec<&str> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .collect();
    for (name, value) in headers {
        let hop = named.iter().any(|dropped| dropped.eq_ignore_ascii_case(name.as_str()));
        if !hop && !dropped.contains(name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// Whether an answer comes in events. Two types are none: clients differ in which of them counts.
pub(in crate::proxy) fn is_event_stream(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    value.to_str().is_ok_and(|value| {
        value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

/// Whether an answer is a final one whose bytes are what they seem. A compressed body cannot be looked into, and a redirection would
/// lead the client past the sidecar.
pub(in crate::proxy) fn is_plain(head: &Parts) -> bool {
    let encoded =
        head.headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    !encoded && !head.status.is_informational() && !head.status.is_redirection()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
