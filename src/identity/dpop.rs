//! Proofs that the bearer of a token has its key (DPoP, RFC 9449): each is for one request and one token, and good once.

mod nonce;
mod spent;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::credentials::Proof;
use super::flaw::ProofFlaw;
use super::jwt::{Algorithm, Compact, Key, TokenType, timestamp};
use super::settings::ProofSettings;
use crate::domain::Timestamp;

use nonce::Nonces;
use spent::Spent;

/// The longest `jti`, in bytes.
const MAX_ID: usize = 256;

/// Checks proofs, and remembers those that were used.
#[derive(Debug)]
pub(super) struct Proofs {
    max_age_micros: i64,
    skew_micros: i64,
    spent: Spent,
    nonces: Option<Nonces>,
}

/// What a proof must be about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The access token that it comes with.
    pub(super) token: &'a str,
    /// The thumbprint of the key that the token is bound to.
    pub(super) thumbprint: &'a str,
    /// What stands before the path in the URL of the request.
    pub(super) base: &'a str,
}

impl Proofs {
    pub(super) fn new(settings: ProofSettings, skew_micros: i64) -> Self {
        let max_age_micros = i64::try_from(settings.max_age.as_micros()).unwrap_or(i64::MAX);
        let nonces = settings.nonce.then(Nonces::new);
        Self { max_age_micros, skew_micros, spent: Spent::new(settings.remembered), nonces }
    }

    /// The nonce that the next proof must have, if any.
    pub(super) fn nonce(&self, now: Timestamp) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.at(now))
    }

    /// Spends a proof, if it holds (section 4.3).
    pub(super) fn spend(&self, proof: &Proof<'_>, about: About<'_>, now: Timestamp) -> Result<(), ProofFlaw> {
        let token = Compact::parse(proof.jwt).map_err(|_| ProofFlaw::Malformed)?;
        let key = key(&token).ok_or(ProofFlaw::Malformed)?;
        let algorithm = token.algorithm.filter(|algorithm| Algorithm::DEFAULT.contains(algorithm)).ok_or(ProofFlaw::Malformed)?;
        if !key.verify(algorithm, token.signed, &token.signature) {
            return Err(ProofFlaw::Signature);
        }
        if key.thumbprint() != about.thumbprint {
            return Err(ProofFlaw::Key);
        }
        let same_request = token.text("htm") == Some(proof.method.as_str())
            && token.text("htu").is_some_and(|url| is_for(url, about.base, proof.path));
        if !same_request {
            return Err(ProofFlaw::Request);
        }
        if token.text("ath") != Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, about.token.as_bytes())).as_str()) {
            return Err(ProofFlaw::Token);
        }
        if let Some(nonces) = &self.nonces
            && !token.text("nonce").is_some_and(|nonce| nonces.is_fresh(nonce, now))
        {
            return Err(ProofFlaw::Nonce);
        }
        let made = token.claims.get("iat").and_then(timestamp).ok_or(ProofFlaw::Malformed)?;
        let age = now.as_micros().saturating_sub(made.as_micros());
        if age > self.max_age_micros.saturating_add(self.skew_micros) || age < -self.skew_micros {
            return Err(ProofFlaw::Age);
        }
        let id = token.text("jti").filter(|id| (1..=MAX_ID).contains(&id.len())).ok_or(ProofFlaw::Malformed)?;
        // It is remembered for as long as it would be accepted.
        let lifetime = self.max_age_micros.saturating_add(self.skew_micros.saturating_mul(2));
        let until = Timestamp::from_micros(made.as_micros().saturating_add(lifetime));
        if self.spent.spend(about.thumbprint, id, until, now) { Ok(()) } else { Err(ProofFlaw::Replay) }
    }
}

/// The public key in the header of a proof.
fn key(token: &Compact<'_>) -> Option<Key> {
    let jwk = token.header.get("jwk").and_then(Value::as_object)?;
    // A private key in there would be everybody's now.
    let private = ["d", "p", "q", "dp", "dq", "qi", "k"].into_iter().any(|member| jwk.contains_key(member));
    let is_proof = token.token_type == TokenType::named("dpop+jwt") && !private;
    is_proof.then(|| Key::parse(jwk)).flatten()
}

/// Whether `htu` is the URL of the request. Query and fragment do not count; the host is compared as hosts are.
fn is_for(url: &str, base: &str, path: &str) -> bool {
    let plain = url.split(['?', '#']).next().unwrap_or(url);
    let (Ok(said), Ok(asked)) = (plain.parse::<Uri>(), base.parse::<Uri>()) else { return false };
    let origin = |uri: &Uri| {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().or(match scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        })?;
        Some((scheme, uri.host()?.to_ascii_lowercase(), port))
    };
    let same_origin = origin(&said).is_some_and(|said| Some(said) == origin(&asked));
    let before = asked.path().trim_end_matches('/');
    same_origin && said.path().strip_prefix(before) == Some(path)
}

#[cfg(test)]
#[path = "dpop_tests.rs"]
mod tests;
