//! Logging a person in at an OpenID provider: authorization code with PKCE, and what its ID token says about them.
//!
//! The token is verified as any other ([`super::believe`]); what belongs to one login besides (audience, `azp`, `nonce`) is checked here.
//! Nothing is kept between the beginning and the end: whoever began it brings its words back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::authenticate::{Identity, Room, Unidentified};
use super::jwt::{Algorithm, TokenType};
use super::keyring::discover;
use super::mapping::Mapping;
use super::metrics::Metrics;
use super::open::{OpenError, Upkeep};
use super::own::{Client, prove};
use super::remote::form;
use super::settings::{Accept, ClientSecret, IssuerKind, IssuerSettings, KeySource, Settings};
use super::trace::Trace;
use crate::clock::Clock;
use crate::domain::{Evidence, JsonPointer, Memberships, UserId};
use crate::json;
use crate::outbound::{self, Limits, Outbound, PlainHttp};

/// How long a provider may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest answer with tokens, in bytes.
const MAX_ANSWER: usize = 256 * 1024;
const MAX_DEPTH: u32 = 16;

/// Where people log in, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSettings {
    /// `iss` in its tokens, letter for letter, and where its metadata is found.
    pub issuer: Arc<str>,
    /// What people call it.
    pub label: String,
    /// Our id there.
    pub client_id: String,
    /// How we prove that it is ours; `None` for a public client.
    pub secret: Option<ClientSecret>,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// Where in its tokens the person's id stands.
    pub user: JsonPointer,
    /// Where their roles stand.
    pub roles: Option<JsonPointer>,
    /// Where their teams stand.
    pub teams: Option<JsonPointer>,
    /// Stands before every id of this provider.
    pub prefix: Arc<str>,
    /// A PEM file with certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// The file with those who are denied.
    pub deny: Option<PathBuf>,
}

/// Somebody who logged in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub person: UserId,
    /// What they bring.
    pub standing: Memberships,
    /// By what they were identified.
    pub evidence: Option<Arc<Evidence>>,
}

/// Why somebody is not logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider cannot be asked.
    #[error("the provider cannot be asked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its metadata does not say where to go.
    #[error("the provider's metadata has no `{0}`")]
    NoPlace(&'static str),
    /// It does not take the code.
    #[error("the provider does not take the code ({0})")]
    Refused(StatusCode),
    /// It answered something without an ID token.
    #[error("the provider answered without an ID token")]
    NoToken,
    /// The token is not believed.
    #[error("the ID token is not believed")]
    Unbelieved(#[source] Unidentified),
    /// The token is somebody else's.
    #[error("the ID token was given out for another client")]
    Audience,
    /// The token is of another login.
    #[error("the ID token belongs to another login")]
    Nonce,
    /// The person is denied.
    #[error("the person is denied")]
    Denied,
}

impl LoginError {
    /// Whether the same may succeed later.
    #[must_use]
    pub const fn is_ours_to_wait(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::NoPlace(_) | Self::Unbelieved(Unidentified::Unavailable))
    }
}

/// Where people log in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Login(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: LoginSettings,
    /// Where the provider sends browsers back to.
    back: String,
    identity: Identity,
    outbound: Outbound,
    places: OnceCell<(Uri, Uri)>,
    clock: Clock,
}

impl Login {
    /// Prepares connections; none is made yet. `back` is the URL where browsers come back to.
    ///
    /// # Errors
    ///
    /// When something that the settings name cannot be had.
    pub fn open(settings: LoginSettings, back: String, clock: Clock, metrics: Metrics) -> Result<(Self, Upkeep), OpenError> {
        let failed = |error| OpenError::Outbound(Arc::clone(&settings.issuer), error);
        let plain_http = PlainHttp::Loopback;
        let outbound = outbound::Settings { ca_file: settings.ca_file.clone(), plain_http, ..Default::default() };
        let outbound = Outbound::new(outbound).map_err(failed)?;
        let (identity, upkeep) = Identity::open(room(&settings), clock.clone(), metrics)?;
        let inner = Inner { settings, back, identity, outbound, places: OnceCell::new(), clock };
        Ok((Self(Arc::new(inner)), upkeep))
    }

    /// What people call the provider.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0.settings.label
    }

    /// The provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// Where to send a browser.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when the provider does not say where.
    pub async fn address(&self, state: &str, nonce: &str, challenge: &str) -> Result<String, LoginError> {
        let Inner { settings, back, .. } = &*self.0;
        let (authorize, _) = self.0.places().await?;
        let scopes = std::iter::once("openid").chain(settings.scopes.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", back),
            ("scope", &scopes),
            ("state", state),
            ("nonce", nonce),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        let join = if authorize.query().is_some() { '&' } else { '?' };
        Ok(format!("{authorize}{join}{query}"))
    }

    /// Who came back with this code.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when nobody is to be believed.
    pub async fn person(&self, code: &str, verifier: &str, nonce: &str) -> Result<Person, LoginError> {
        let token = self.0.token(code, verifier).await?;
        let room = &self.0.identity.0;
        let server = self.0.identity.protect("/", Vec::new());
        let believed = room.believe(&token, &server, &mut Trace::default()).await.map_err(LoginError::Unbelieved)?;
        let (verified, client) = (&believed.verified, self.0.settings.client_id.as_str());
        let claim = |name: &str| verified.claims.get(name).and_then(Value::as_str);
        let authorized = verified.claims.get("azp").is_none() && verified.audiences.len() == 1 || claim("azp") == Some(client);
        if !verified.is_for([client].into_iter()) || !authorized {
            return Err(LoginError::Audience);
        }
        if claim("nonce") != Some(nonce) {
            return Err(LoginError::Nonce);
        }
        denied(room, &verified.caller)?;
        let caller = &verified.caller;
        let person = caller.actor.person().cloned().ok_or(LoginError::NoToken)?;
        Ok(Person { person, standing: caller.standing.actor.clone(), evidence: caller.evidence.clone() })
    }
}

fn denied(room: &Room, caller: &crate::domain::Caller) -> Result<(), LoginError> {
    if room.denied.list().denies(caller) { Err(LoginError::Denied) } else { Ok(()) }
}

impl Inner {
    /// Where browsers go, and where codes are exchanged.
    async fn places(&self) -> Result<&(Uri, Uri), LoginError> {
        let found = self.places.get_or_try_init(async || {
            let metadata = discover(&self.outbound, &self.settings.issuer).await;
            let metadata = metadata.map_err(|error| LoginError::Unavailable(Box::new(error)))?;
            let authorize = metadata.authorize.ok_or(LoginError::NoPlace("authorization_endpoint"))?;
            Ok((authorize, metadata.token.ok_or(LoginError::NoPlace("token_endpoint"))?))
        });
        found.await
    }

    /// Exchanges a code for an ID token.
    async fn token(&self, code: &str, verifier: &str) -> Result<String, LoginError> {
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| LoginError::Unavailable(error);
        let (_, place) = self.places().await?;
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = place.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let id = self.settings.client_id.as_str();
        let proof = match &self.settings.secret {
            Some(secret) => {
                let client = Client { id, secret, audience: &self.settings.issuer };
                prove(&client, self.clock.now(), headers).await.map_err(|error| unavailable(Box::new(error)))?
            }
            None => Vec::new(),
        };
        let mut pairs =
            vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &self.back), ("code_verifier", verifier)];
        pairs.extend(self.settings.secret.is_none().then_some(("client_id", id)));
        pairs.extend(proof.iter().map(|(name, value)| (*name, value.expose())));
        *request.body_mut() = form(&pairs).into();
        let answer = self.outbound.request(request, Limits { deadline: DEADLINE, max_body: MAX_ANSWER }).await;
        let answer = answer.map_err(|error| unavailable(Box::new(error)))?;
        if answer.status() != StatusCode::OK {
            return Err(LoginError::Refused(answer.status()));
        }
        let text = std::str::from_utf8(answer.body()).map_err(|_| LoginError::NoToken)?;
        let document = json::value(text, MAX_DEPTH).map_err(|_| LoginError::NoToken)?;
        document.get("id_token").and_then(Value::as_str).map(str::to_owned).ok_or(LoginError::NoToken)
    }
}

/// A room of its own, in which nothing but the tokens of this provider for this client is believed.
fn room(settings: &LoginSettings) -> Settings {
    let places = |place: &Option<JsonPointer>| place.iter().cloned().collect();
    let mapping = Mapping {
        prefix: Arc::clone(&settings.prefix),
        membership_prefix: "".into(),
        user: vec![settings.user.clone()],
        // Nobody acts for the person here: the provider itself stands in the agent's place, and is not used.
        client: vec![JsonPointer::of_member("iss")],
        act: Vec::new(),
        roles: places(&settings.roles),
        teams: places(&settings.teams),
        agent_roles: Vec::new(),
        agent_teams: Vec::new(),
        scopes: Vec::new(),
        attributes: Vec::new(),
        require: Vec::new(),
        unattended: Vec::new(),
        attended: Vec::new(),
        max_chain: 1,
    };
    let issuer = IssuerSettings {
        name: "console".into(),
        issuer: Arc::clone(&settings.issuer),
        kind: IssuerKind::OAuth,
        algorithms: Algorithm::ALL.to_vec(),
        types: vec![TokenType::Absent, TokenType::named("JWT")],
        keys: KeySource::Discovery,
        refresh: Duration::from_secs(300),
        stale: Duration::from_secs(3600),
        audiences: vec![settings.client_id.as_str().into()],
        mapping,
        introspection: None,
        bound_only: false,
        ca_file: settings.ca_file.clone(),
        plain_hosts: Vec::new(),
        for_actors: false,
    };
    let nobody = crate::domain::Caller::new(crate::domain::AgentId::new(""), crate::domain::Actor::Unattended);
    Settings {
        accept: Accept { oauth: true, ..Accept::default() },
        issuers: vec![issuer],
        deny: settings.deny.clone(),
        // Each token is used once.
        remembered: 0,
        ..Settings::configured(nobody)
    }
}
