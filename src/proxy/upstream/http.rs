//! An MCP server behind a URL: streamable HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::UpstreamError;
use crate::identity::ACTOR_TOKEN;
use crate::proxy::cleared::Cleared;

/// How to reach a server by HTTP.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The MCP endpoint.
    pub url: Uri,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer.
    pub response_timeout: Duration,
}

/// A server behind a URL. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct HttpUpstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    response_timeout: Duration,
}

impl HttpUpstream {
    /// Prepares connections; none is made yet.
    ///
    /// # Errors
    ///
    /// When the system's root certificates cannot be read and the URL is `https`.
    pub(in crate::proxy) fn new(settings: HttpSettings) -> Result<Self, UpstreamError> {
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
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(256)
            .build(connector);
        Ok(Self { client, url: settings.url, response_timeout: settings.response_timeout })
    }

    /// Where the server is.
    pub(in crate::proxy) const fn url(&self) -> &Uri {
        &self.url
    }

    /// Sends a message by POST and waits for the head of the answer.
    pub(in crate::proxy) async fn post(&self, message: Cleared, headers: HeaderMap) -> Result<Response<Incoming>, UpstreamError> {
        self.send(Method::POST, self.url.clone(), headers, message.into_bytes()).await
    }

    /// The same, to another URI of the same server: the message endpoint of the deprecated HTTP+SSE transport.
    pub(in crate::proxy) async fn post_to(
        &self,
        uri: Uri,
        message: Cleared,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, UpstreamError> {
        self.send(Method::POST, uri, headers, message.into_bytes()).await
    }

    /// Opens a stream of events from the server (GET), or ends a session (DELETE).
    pub(in crate::proxy) async fn bare(&self, method: Method, headers: HeaderMap) -> Result<Response<Incoming>, UpstreamError> {
        self.send(method, self.url.clone(), headers, Bytes::new()).await
    }

    async fn send(&self, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        tokio::time::timeout(self.response_timeout, self.client.request(request))
            .await
            .map_err(|_| UpstreamError::Silent(self.response_timeout))?
            .map_err(UpstreamError::Unreachable)
    }
}

/// Headers that concern one hop only (RFC 9110, section 7.6.1), or that must not or need not reach the server: the client's
/// credentials are for us, and what we have to read must not come compressed.
const NOT_FORWARDED: [HeaderName; 16] = [
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
