//! An authorization server is asked about a token (RFC 7662).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::form::form;
use super::{AskError, LIMITS, MAX_DEPTH, Question};
use crate::domain::Timestamp;
use crate::identity::keyring::{FetchError, discover};
use crate::identity::own::{Client, prove};
use crate::identity::settings::IntrospectionSettings;
use crate::outbound::Outbound;

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
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = place;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let client = Client { id: &self.settings.client_id, secret: &self.settings.secret, audience: &self.issuer };
        let proof = prove(&client, question.now, headers).await?;
        let mut pairs = vec![("token", question.token.as_str()), ("token_type_hint", "access_token")];
        pairs.extend(proof.iter().map(|(name, value)| (*name, value.expose())));
        *request.body_mut() = form(&pairs).into();
        Ok(request)
    }
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
