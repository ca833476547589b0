//! Asking for a token.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::answer::read;
use super::prove::{Client, prove};
use crate::clock::Clock;
use crate::identity::keyring::discover;
use crate::identity::remote::{AskError, form};
use crate::identity::secret::Secret;
use crate::identity::settings::ClientSecret;
use crate::outbound::{self, Limits, Outbound, PlainHttp, SetupError};

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
/// How long the authorization server's metadata is believed.
const METADATA_FOR: Duration = Duration::from_secs(3600);
/// What both tokens of an exchange are.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Who we are for an authorization server, and for what we want tokens of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Where to ask.
    pub place: TokenPlace,
    /// Our id.
    pub client_id: String,
    /// How we prove that it is ours.
    pub secret: ClientSecret,
    /// What the tokens are to be good for.
    pub scopes: Vec<String>,
    /// The server that they are for, by its URL (RFC 8707).
    pub resource: Option<String>,
    /// The same by a name that the authorization server knows (RFC 8693, section 2.1).
    pub audience: Option<String>,
    /// A PEM file with certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Hosts that may be asked without TLS.
    pub plain_hosts: Vec<String>,
    /// How long everything that leads to one token may take.
    pub deadline: Duration,
}

/// Where tokens are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// Where the metadata of this issuer says (RFC 8414, OpenID Connect Discovery).
    Issuer(Arc<str>),
    /// At this URL.
    Url(Uri),
}

/// What a token is asked for with.
#[derive(Debug, Clone, Copy)]
pub enum Grant<'a> {
    /// That it is us.
    Client,
    /// What a caller showed.
    Exchange {
        /// For whom the token is to be.
        subject: &'a Secret,
        /// A token of ours, which says who acts; without one our client's id says it.
        actor: Option<&'a Secret>,
    },
}

/// A token of ours.
#[derive(Debug)]
pub struct Granted {
    /// The token.
    pub token: Secret,
    /// For how long it is good.
    pub lasts: Duration,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum Ungranted {
    /// The authorization server says no; with its code for why.
    #[error("the authorization server refuses ({0})")]
    Refused(Box<str>),
    /// It could not be asked, or did not answer.
    #[error("the authorization server cannot be asked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It did not answer in time.
    #[error("the authorization server did not answer within {} ms", .0.as_millis())]
    Slow(Duration),
    /// It answered something that is no bearer's token.
    #[error("the authorization server answered with something that is no bearer token")]
    Unfit,
}

impl Ungranted {
    /// The word for metrics and records.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Slow(_) => "no answer in time",
            Self::Unfit => "unfit answer",
        }
    }
}

impl From<AskError> for Ungranted {
    fn from(error: AskError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// We, as a client of an authorization server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TokenClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: ClientSettings,
    outbound: Outbound,
    /// Where to ask, and since when that is known.
    place: Mutex<Option<(Uri, Instant)>>,
    clock: Clock,
}

impl TokenClient {
    /// Prepares connections; none is made yet.
    ///
    /// # Errors
    ///
    /// When the file with certificates cannot be used.
    pub fn new(settings: ClientSettings, clock: Clock) -> Result<Self, SetupError> {
        let plain_http = match settings.plain_hosts.as_slice() {
            [] => PlainHttp::Loopback,
            hosts => PlainHttp::Also(hosts.to_vec()),
        };
        let outbound = Outbound::new(outbound::Settings { ca_file: settings.ca_file.clone(), plain_http, ..Default::default() })?;
        Ok(Self(Arc::new(Inner { settings, outbound, place: Mutex::default(), clock })))
    }

    /// Asks for a token.
    ///
    /// # Errors
    ///
    /// [`Ungranted`] when there is none.
    pub async fn ask(&self, grant: Grant<'_>) -> Result<Granted, Ungranted> {
        let deadline = self.0.settings.deadline;
        timeout(deadline, self.0.ask(grant)).await.unwrap_or(Err(Ungranted::Slow(deadline)))
    }
}

impl Inner {
    async fn ask(&self, grant: Grant<'_>) -> Result<Granted, Ungranted> {
        let place = self.place().await?;
        let request = self.request(place, grant).await?;
        let limits = Limits { deadline: self.settings.deadline, max_body: MAX_ANSWER };
        let answer = self.outbound.request(request, limits).await;
        read(&answer.map_err(|error| AskError::Outbound(Box::new(error)))?)
    }

    async fn place(&self) -> Result<Uri, AskError> {
        let issuer = match &self.settings.place {
            TokenPlace::Url(url) => return Ok(url.clone()),
            TokenPlace::Issuer(issuer) => issuer,
        };
        if let Some((place, since)) = &*self.place.lock()
            && since.elapsed() < METADATA_FOR
        {
            return Ok(place.clone());
        }
        let metadata = discover(&self.outbound, issuer).await.map_err(AskError::Place)?;
        let place = metadata.token.ok_or(AskError::NoPlace)?;
        *self.place.lock() = Some((place.clone(), Instant::now()));
        Ok(place)
    }

    async fn request(&self, place: Uri, grant: Grant<'_>) -> Result<Request<Bytes>, AskError> {
        let named = place.to_string();
        let audience = match &self.settings.place {
            TokenPlace::Issuer(issuer) => issuer,
            TokenPlace::Url(_) => named.as_str(),
        };
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = place;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let client = Client { id: &self.settings.client_id, secret: &self.settings.secret, audience };
        let proof = prove(&client, self.clock.now(), headers).await?;
        let scopes = self.settings.scopes.join(" ");
        let mut pairs = self.pairs(grant, &scopes);
        pairs.extend(proof.iter().map(|(name, value)| (*name, value.expose())));
        *request.body_mut() = form(&pairs).into();
        Ok(request)
    }

    fn pairs<'a>(&'a self, grant: Grant<'a>, scopes: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut pairs = Vec::new();
        match grant {
            Grant::Client => pairs.push(("grant_type", "client_credentials")),
            Grant::Exchange { subject, actor } => {
                pairs.push(("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"));
                pairs.extend([("subject_token", subject.expose()), ("subject_token_type", ACCESS_TOKEN)]);
                pairs.push(("requested_token_type", ACCESS_TOKEN));
                if let Some(actor) = actor {
                    pairs.extend([("actor_token", actor.expose()), ("actor_token_type", ACCESS_TOKEN)]);
                }
            }
        }
        pairs.extend(Some(scopes).filter(|scopes| !scopes.is_empty()).map(|scopes| ("scope", scopes)));
        pairs.extend(self.settings.resource.as_deref().map(|resource| ("resource", resource)));
        pairs.extend(self.settings.audience.as_deref().map(|audience| ("audience", audience)));
        pairs
    }
}
