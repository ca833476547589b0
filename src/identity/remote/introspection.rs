//! An authorization server is asked about a token (RFC 7662).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::form::{encoded, form};
use super::{AskError, LIMITS, MAX_DEPTH, Question};
use crate::domain::Timestamp;
use crate::identity::jwt::Signer;
use crate::identity::keyring::{FetchError, discover};
use crate::identity::settings::{ClientSecret, IntrospectionSettings};
use crate::outbound::Outbound;

/// How long an assertion of ours is good.
const ASSERTION_SECONDS: i64 = 60;
/// The longest secret, in bytes.
const MAX_SECRET: usize = 64 * 1024;

/// An authorization server that can be asked.
#[derive(Debug)]
pub(in crate::identity) struct Introspection {
    pub(in crate::identity) issuer: Arc<str>,
    pub(in crate::identity) settings: IntrospectionSettings,
    pub(in crate::identity) outbound: Outbound,
    /// Where to ask, once that is known.
    pub(in crate::identity) place: OnceCell<Uri>,
}

impl Introspection {
    /// The claims of a token; `None` when it is not in force.
    pub(super) async fn claims(&self, question: &Question) -> Result<Option<Value>, AskError> {
        let place = self.place.get_or_try_init(|| self.find()).await?;
        let request = self.request(place.clone(), question).await?;
        let answer = self.outbound.request(request, LIMITS).await.map_err(|error| AskError::Outbound(Box::new(error)))?;
        if answer.status() != StatusCode::OK {
            return Err(AskError::Status(answer.status()));
        }
        read(answer.body(), &self.issuer, question.now, self.settings.believe_for)
    }

    async fn find(&self) -> Result<Uri, AskError> {
        if let Some(url) = &self.settings.url {
            return Ok(url.clone());
        }
        let metadata = discover(&self.outbound, &self.issuer).await.map_err(AskError::Place)?;
        metadata.introspection.ok_or(AskError::NoPlace)
    }

    async fn request(&self, place: Uri, question: &Question) -> Result<Request<Bytes>, AskError> {
        let client = self.settings.client_id.as_str();
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = place;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut pairs = vec![("token", question.token.as_str()), ("token_type_hint", "access_token")];
        let assertion;
        match &self.settings.secret {
            ClientSecret::Basic(path) => {
                let secret = secret(path).await?;
                // Each half is encoded as in a form (RFC 6749, section 2.3.1).
                let both = format!("{}:{}", encoded(client), encoded(secret.trim_end_matches(['\r', '\n'])));
                let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both)));
                let mut value = value.map_err(|_| AskError::Request)?;
                value.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, value);
            }
            ClientSecret::PrivateKey(path, kid) => {
                let signer = Signer::parse(secret(path).await?.as_bytes(), kid.clone()).map_err(AskError::Key)?;
                assertion = self.assertion(&signer, question.now).ok_or(AskError::Request)?;
                pairs.extend([
                    ("client_id", client),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                    ("client_assertion", &assertion),
                ]);
            }
        }
        *request.body_mut() = form(&pairs).into();
        Ok(request)
    }

    /// Who we are, signed (RFC 7523, section 3).
    fn assertion(&self, signer: &Signer, now: Timestamp) -> Option<String> {
        let (client, seconds) = (&self.settings.client_id, now.as_micros().div_euclid(1_000_000));
        let mut random = [0_u8; 16];
        SystemRandom::new().fill(&mut random).ok()?;
        signer.sign(&json!({
            "iss": client, "sub": client, "aud": &*self.issuer, "jti": format!("{:032x}", u128::from_be_bytes(random)),
            "iat": seconds, "exp": seconds + ASSERTION_SECONDS,
        }))
    }
}

/// A secret, as it stands in its file now.
async fn secret(path: &Path) -> Result<String, AskError> {
    let failed = |error| AskError::Secret(path.to_owned(), error);
    let text = tokio::fs::read_to_string(path).await.map_err(failed)?;
    if text.len() > MAX_SECRET { Err(failed(std::io::Error::other("it is too long for a secret"))) } else { Ok(text) }
}

/// Reads an answer: the claims of a token that is active. What the server leaves out because it goes without saying is added: that it
/// is the issuer, and that its answer does not hold for ever.
pub(super) fn read(body: &[u8], issuer: &str, now: Timestamp, believe_for: Duration) -> Result<Option<Value>, AskError> {
    let text = std::str::from_utf8(body).map_err(|_| AskError::Answer)?;
    let mut claims = crate::json::value(text, MAX_DEPTH).map_err(|_| AskError::Answer)?;
    let members = claims.as_object_mut().ok_or(AskError::Answer)?;
    match members.get("active").and_then(Value::as_bool) {
        Some(true) => {}
        Some(false) => return Ok(None),
        None => return Err(AskError::Answer),
    }
    if members.get("iss").is_some_and(|named| named != issuer) {
        return Ok(None);
    }
    let seconds = now.as_micros().div_euclid(1_000_000);
    let latest = seconds.saturating_add(i64::try_from(believe_for.as_secs()).unwrap_or(i64::MAX));
    let expires = members.get("exp").map_or(Some(latest), Value::as_i64).ok_or(AskError::Answer)?;
    members.insert("exp".to_owned(), expires.min(latest).into());
    Ok(Some(claims))
}

impl From<FetchError> for AskError {
    fn from(error: FetchError) -> Self {
        Self::Place(error)
    }
}
