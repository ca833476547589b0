//! Lets object stores ask over the house's own HTTP client instead of one that they bring along.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};

use crate::outbound::{Limits, Outbound, OutboundError, Progress};

/// Hands out clients that all go through one [`Outbound`].
#[derive(Debug, Clone)]
pub(super) struct Connector {
    outbound: Outbound,
    limits: Limits,
}

impl Connector {
    pub(super) const fn new(outbound: Outbound, limits: Limits) -> Self {
        Self { outbound, limits }
    }
}

impl HttpConnector for Connector {
    /// The options are about timeouts, proxies and certificates, which are [`Outbound`]'s to decide.
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// The answer in the form that the trait asks for.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Connector {
    fn call<'life, 'call>(&'life self, request: HttpRequest) -> Answer<'call>
    where
        'life: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = whole(body).await?;
            let answer = self.outbound.request(http::Request::from_parts(head, body), self.limits).await;
            answer.map(|answer| answer.map(Into::into)).map_err(of_outbound)
        })
    }
}

async fn whole(body: HttpRequestBody) -> Result<Bytes, HttpError> {
    Ok(body.collect().await?.to_bytes())
}

fn of_outbound(error: OutboundError) -> HttpError {
    let kind = match (&error, error.progress()) {
        (OutboundError::Silent { .. }, _) => HttpErrorKind::Timeout,
        (_, Progress::NotSent) => HttpErrorKind::Connect,
        (_, Progress::Unknown) => HttpErrorKind::Interrupted,
        (_, Progress::Answered) => HttpErrorKind::Decode,
        (_, Progress::Refused) => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

impl fmt::Display for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the HTTP client of the sidecar")
    }
}
