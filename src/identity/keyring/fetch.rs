//! Fetching keys, from a file or an authorization server. Nothing is kept here but the server's metadata.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::discovery::{MAX_METADATA, Metadata, places};
use crate::identity::jwt::{BadKeySet, KeySet, MAX_SET};
use crate::outbound::{Limits, Outbound, OutboundError};

/// How long one request of ours may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest token of ours, in bytes.
const MAX_TOKEN: usize = 16 * 1024;
/// How long metadata is believed.
const METADATA_FOR: Duration = Duration::from_secs(3600);

/// Why keys, or what leads to them, could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(in crate::identity) enum FetchError {
    /// The issuer is no URL that metadata could be found at.
    #[error("the issuer is not a URL, so its keys cannot be discovered")]
    NoPlace,
    /// Nobody answered.
    #[error("failed to ask `{0}`")]
    Outbound(Box<Uri>, #[source] Box<OutboundError>),
    /// Somebody answered something else.
    #[error("`{0}` answered with status {1}")]
    Status(Box<Uri>, StatusCode),
    /// The metadata is not what it should be.
    #[error("the metadata is not a JSON object of the right form")]
    Metadata,
    /// The metadata is somebody else's.
    #[error("the metadata is about another issuer")]
    OtherIssuer,
    /// The metadata does not lead to keys.
    #[error("the metadata has no `jwks_uri`")]
    NoKeys,
    /// The keys are of no use.
    #[error("the keys cannot be used")]
    Keys(#[source] BadKeySet),
    /// The file cannot be read.
    #[error("failed to read `{0}`")]
    File(PathBuf, #[source] std::io::Error),
    /// Our own token is none.
    #[error("`{0}` holds nothing that could be shown as a token")]
    Token(PathBuf),
}

/// Where keys come from.
#[derive(Debug)]
pub(in crate::identity) enum Source {
    Discovery(Box<Discovery>),
    Url(Uri, Option<OwnToken>, Box<Outbound>),
    File(PathBuf),
}

/// Our own token, for whoever has the keys and gives them to nobody else. It is read anew each time, since it is renewed in its file, and goes
/// to the one URL that it is for: redirections are not followed.
#[derive(Debug, Clone)]
pub(in crate::identity) struct OwnToken {
    pub(in crate::identity) path: PathBuf,
    /// Without the file nothing is asked; else it is asked without a token.
    pub(in crate::identity) is_needed: bool,
}

impl OwnToken {
    async fn bearer(&self) -> Result<Option<HeaderValue>, FetchError> {
        let text = match read(self.path.clone(), MAX_TOKEN).await {
            Err(FetchError::File(_, error)) if !self.is_needed && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            text => Zeroizing::new(Vec::from(text?)),
        };
        let wrong = || FetchError::Token(self.path.clone());
        let token = std::str::from_utf8(&text).map_err(|_| wrong())?.trim();
        if token.is_empty() || text.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| wrong())?;
        bearer.set_sensitive(true);
        Ok(Some(bearer))
    }
}

/// An issuer that says itself where its keys are.
#[derive(Debug)]
pub(in crate::identity) struct Discovery {
    issuer: Arc<str>,
    outbound: Outbound,
    known: Option<(Metadata, Instant)>,
}

impl Discovery {
    async fn keys(&mut self) -> Result<Bytes, FetchError> {
        let (metadata, since) = match &self.known {
            Some((metadata, since)) if since.elapsed() < METADATA_FOR => (metadata.clone(), *since),
            _ => (discover(&self.outbound, &self.issuer).await?, Instant::now()),
        };
        let url = metadata.jwks.clone().ok_or(FetchError::NoKeys)?;
        let text = get(&self.outbound, &url, None, MAX_SET).await;
        // Keys that are not where they were may be somewhere else now.
        self.known = text.is_ok().then_some((metadata, since));
        text
    }
}

impl Source {
    /// Whatever the issuer says of itself.
    pub(in crate::identity) fn discovery(issuer: Arc<str>, outbound: Outbound) -> Self {
        Self::Discovery(Box::new(Discovery { issuer, outbound, known: None }))
    }

    /// Fetches the keys.
    pub(super) async fn keys(&mut self) -> Result<KeySet, FetchError> {
        let text = match self {
            Self::File(path) => read(path.clone(), MAX_SET).await?,
            Self::Url(url, own, outbound) => {
                let bearer = match own {
                    Some(own) => own.bearer().await?,
                    None => None,
                };
                get(outbound, url, bearer, MAX_SET).await?
            }
            Self::Discovery(discovery) => discovery.keys().await?,
        };
        KeySet::parse(&text).map_err(FetchError::Keys)
    }

    /// Whether looking costs nobody else anything.
    pub(super) const fn is_local(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// What an authorization server says of itself.
pub(in crate::identity) async fn discover(outbound: &Outbound, issuer: &str) -> Result<Metadata, FetchError> {
    let mut first = None;
    for place in places(issuer).ok_or(FetchError::NoPlace)? {
        match get(outbound, &place, None, MAX_METADATA).await {
            Ok(text) => return Metadata::parse(&text, issuer),
            Err(error @ FetchError::Status(..)) => drop(first.get_or_insert(error)),
            Err(error) => return Err(error),
        }
    }
    Err(first.unwrap_or(FetchError::NoPlace))
}

async fn get(outbound: &Outbound, url: &Uri, bearer: Option<HeaderValue>, max_body: usize) -> Result<Bytes, FetchError> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.clone();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().extend(bearer.map(|bearer| (header::AUTHORIZATION, bearer)));
    let answer = outbound.request(request, Limits { deadline: DEADLINE, max_body }).await;
    match answer.map(Response::into_parts) {
        Ok((head, body)) if head.status == StatusCode::OK => Ok(body),
        Ok((head, _)) => Err(FetchError::Status(Box::new(url.clone()), head.status)),
        Err(error) => Err(FetchError::Outbound(Box::new(url.clone()), Box::new(error))),
    }
}

/// Reads a file that is not endless.
async fn read(path: PathBuf, most: usize) -> Result<Bytes, FetchError> {
    use std::io::Read as _;
    let failed = |path: PathBuf| |error| FetchError::File(path, error);
    let named = path.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = Vec::new();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(&path)?.take(limit).read_to_end(&mut text)?;
        Ok(Bytes::from(text))
    });
    match reading.await {
        Ok(read) => read.map_err(failed(named)),
        Err(ended) => Err(failed(named)(std::io::Error::other(ended))),
    }
}
