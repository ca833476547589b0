//! Proving to an authorization server who we are: a secret by HTTP Basic or in the form, or a signed assertion (RFC 7523).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;

use crate::domain::Timestamp;
use crate::identity::jwt::Signer;
use crate::identity::remote::{AskError, encoded};
use crate::identity::secret::Secret;
use crate::identity::settings::ClientSecret;

/// How long an assertion of ours is good.
const ASSERTION_SECONDS: i64 = 60;
/// The longest secret, in bytes.
const MAX_SECRET: usize = 64 * 1024;

/// We, as an authorization server knows us.
pub(in crate::identity) struct Client<'a> {
    pub(in crate::identity) id: &'a str,
    pub(in crate::identity) secret: &'a ClientSecret,
    /// Whom an assertion of ours is for.
    pub(in crate::identity) audience: &'a str,
}

/// Says in a request who we are: by a header, or by what has to be added to the form.
pub(in crate::identity) async fn prove(
    client: &Client<'_>,
    now: Timestamp,
    headers: &mut HeaderMap,
) -> Result<Vec<(&'static str, Secret)>, AskError> {
    let id = || ("client_id", Secret::new(client.id.to_owned()));
    match client.secret {
        ClientSecret::Basic(path) => {
            let secret = secret(path).await?;
            // Each half is encoded as in a form (RFC 6749, section 2.3.1).
            let both = Secret::new(format!("{}:{}", encoded(client.id), encoded(secret.expose())));
            let value = Secret::new(format!("Basic {}", STANDARD.encode(both.expose())));
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| AskError::Request)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
            Ok(Vec::new())
        }
        ClientSecret::Post(path) => Ok(vec![id(), ("client_secret", secret(path).await?)]),
        ClientSecret::PrivateKey(path, kid) => {
            let signer = Signer::parse(secret(path).await?.expose().as_bytes(), kid.clone()).map_err(AskError::Key)?;
            let assertion = assertion(client, &signer, now).ok_or(AskError::Request)?;
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let kind = ("client_assertion_type", Secret::new(kind.to_owned()));
            Ok(vec![id(), kind, ("client_assertion", Secret::new(assertion))])
        }
    }
}

/// Who we are, signed (RFC 7523, section 3).
fn assertion(client: &Client<'_>, signer: &Signer, now: Timestamp) -> Option<String> {
    let seconds = now.as_micros().div_euclid(1_000_000);
    let mut random = [0_u8; 16];
    SystemRandom::new().fill(&mut random).ok()?;
    signer.sign(&json!({
        "iss": client.id, "sub": client.id, "aud": client.audience, "jti": format!("{:032x}", u128::from_be_bytes(random)),
        "iat": seconds, "exp": seconds + ASSERTION_SECONDS,
    }))
}

/// A secret, as it stands in its file now.
async fn secret(path: &Path) -> Result<Secret, AskError> {
    let failed = |error| AskError::Secret(path.to_owned(), error);
    let text = Secret::new(tokio::fs::read_to_string(path).await.map_err(failed)?);
    let trimmed = text.expose().trim_end_matches(['\r', '\n']);
    match trimmed.len() {
        0 => Err(failed(std::io::Error::other("it is empty"))),
        1..=MAX_SECRET => Ok(Secret::new(trimmed.to_owned())),
        _ => Err(failed(std::io::Error::other("it is too long for a secret"))),
    }
}
