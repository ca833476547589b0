//! What clients are told about how to get in: the metadata of each server as a protected resource (RFC 9728), and the challenge that
//! comes with a refusal (RFC 6750, RFC 9449, MCP's chapter on authorization).

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::authenticate::Unidentified;
use super::flaw::{Flaw, ProofFlaw};
use super::jwt::Algorithm;
use super::settings::{ActorTokens, IssuerKind, IssuerSettings, Settings};
use super::verified::Verified;

/// Where the metadata of a resource is, before the resource's own path.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// One server, as those see it who want in.
#[derive(Debug, Clone)]
pub struct Protected {
    /// The resource's identifier: its URL.
    pub(super) resource: Option<Arc<str>>,
    /// What stands before the path in URLs of requests.
    pub(super) base: Arc<str>,
    /// The scopes that a token must have to get through the door at all.
    pub(super) scopes: Vec<String>,
    /// The server may have to be shown what a caller showed.
    pub(super) keeps_tokens: bool,
    metadata: Option<Bytes>,
    metadata_path: String,
    metadata_url: String,
    /// The scopes that a client had better ask for.
    wanted: Option<String>,
    proofs: bool,
}

/// What a client is told that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 401, 403 or 503.
    pub status: StatusCode,
    /// `WWW-Authenticate`.
    pub challenges: Vec<HeaderValue>,
    /// `DPoP-Nonce`.
    pub nonce: Option<HeaderValue>,
    /// A sentence for people.
    pub sentence: String,
}

impl Protected {
    /// The same; with `keeps`, whoever is let in keeps the tokens that they showed for as long as their request takes.
    #[must_use]
    pub fn keeping_tokens(self, keeps: bool) -> Self {
        Self { keeps_tokens: keeps, ..self }
    }

    /// The server at this path, which lets in only tokens with these scopes.
    pub(super) fn new(settings: &Settings, path: &str, scopes: Vec<String>) -> Self {
        let path = if path == "/" { "" } else { path };
        let metadata_path = format!("{WELL_KNOWN}{path}");
        let proofs = settings.takes_tokens();
        let Some(resource) = settings.resource.as_ref().filter(|_| proofs) else {
            let base = Arc::from("");
            let (metadata, metadata_url) = (None, String::new());
            let keeps_tokens = false;
            return Self {
                resource: None,
                base,
                scopes,
                keeps_tokens,
                metadata,
                metadata_path,
                metadata_url,
                wanted: None,
                proofs,
            };
        };
        let base = &resource.base;
        let url: Arc<str> = format!("{base}{path}").into();
        let mut supported = resource.scopes.clone();
        supported.extend(scopes.iter().filter(|scope| !resource.scopes.contains(scope)).cloned());
        let servers: Vec<&str> = settings.authorization_servers().collect();
        let algorithms: Vec<&str> = Algorithm::DEFAULT.iter().map(|algorithm| algorithm.name()).collect();
        let mut metadata = json!({
            "resource": &*url,
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": algorithms,
            "dpop_bound_access_tokens_required": settings.issuers.iter().all(|issuer| issuer.bound_only),
        });
        if let Some(members) = metadata.as_object_mut() {
            if !supported.is_empty() {
                members.insert("scopes_supported".to_owned(), json!(supported));
            }
            members.extend(resource.documentation.iter().map(|url| ("resource_documentation".to_owned(), json!(url))));
        }
        // The well-known part comes between the host and the path.
        let (origin, before) = split(base);
        let metadata_url = format!("{origin}{WELL_KNOWN}{before}{path}");
        let wanted = Some(if scopes.is_empty() { resource.scopes.join(" ") } else { scopes.join(" ") });
        Self {
            resource: Some(url),
            base: Arc::clone(base),
            scopes,
            keeps_tokens: false,
            metadata: Some(metadata.to_string().into()),
            metadata_path: format!("{WELL_KNOWN}{before}{path}"),
            metadata_url,
            wanted: wanted.filter(|scopes| !scopes.is_empty()),
            proofs,
        }
    }

    /// The path of the metadata, and the metadata; `None` when there is nobody to get a token from.
    #[must_use]
    pub fn metadata(&self) -> Option<(&str, &Bytes)> {
        self.metadata.as_ref().map(|metadata| (self.metadata_path.as_str(), metadata))
    }

    /// Whether a token of this issuer was given out for this server.
    pub(super) fn is_meant_by(&self, token: &Verified, issuer: &IssuerSettings) -> bool {
        token.is_for(self.resource.iter().chain(&issuer.audiences).map(|audience| &**audience))
    }

    /// What a client is told that is not let in.
    pub(super) fn refusal(&self, why: &Unidentified, nonce: Option<String>) -> Refusal {
        let (status, error) = match why {
            Unidentified::Missing => (StatusCode::UNAUTHORIZED, None),
            Unidentified::Flawed(Flaw::Proof(ProofFlaw::Nonce)) => (StatusCode::UNAUTHORIZED, Some("use_dpop_nonce")),
            Unidentified::Flawed(Flaw::Proof(_)) => (StatusCode::UNAUTHORIZED, Some("invalid_dpop_proof")),
            Unidentified::Flawed(_) => (StatusCode::UNAUTHORIZED, Some("invalid_token")),
            Unidentified::Scopes => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
            Unidentified::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        let sentence = why.to_string();
        let about_proof = matches!(why, Unidentified::Flawed(Flaw::Proof(_) | Flaw::Unbound));
        let mut challenges = Vec::new();
        if status != StatusCode::SERVICE_UNAVAILABLE {
            challenges.extend(self.challenge("Bearer", error.filter(|_| !about_proof), &sentence));
            if self.proofs && about_proof {
                challenges.insert(0, self.challenge("DPoP", error, &sentence).unwrap_or(HeaderValue::from_static("DPoP")));
            }
        }
        let nonce = nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok());
        Refusal { status, challenges, nonce, sentence }
    }

    fn challenge(&self, scheme: &str, error: Option<&str>, sentence: &str) -> Option<HeaderValue> {
        let mut parameters = Vec::new();
        if let Some(error) = error {
            // Sentences have back quotes at most, which need no escape; anything else is left out.
            let plain = |letter: char| letter.is_ascii() && !letter.is_ascii_control() && letter != '"' && letter != '\\';
            let sentence: String = sentence.chars().filter(|letter| plain(*letter)).collect();
            parameters.push(format!(r#"error="{error}""#));
            parameters.push(format!(r#"error_description="{sentence}""#));
        }
        parameters.extend(self.wanted.iter().map(|scopes| format!(r#"scope="{scopes}""#)));
        if self.metadata.is_some() {
            parameters.push(format!(r#"resource_metadata="{}""#, self.metadata_url));
        }
        if scheme == "DPoP" {
            let algorithms: Vec<&str> = Algorithm::DEFAULT.iter().map(|algorithm| algorithm.name()).collect();
            parameters.push(format!(r#"algs="{}""#, algorithms.join(" ")));
        }
        HeaderValue::from_str(format!("{scheme} {}", parameters.join(", ")).trim_end()).ok()
    }
}

/// A base URL as its origin and the path behind it.
fn split(base: &str) -> (&str, &str) {
    let host = base.find("://").map_or(0, |at| at + 3);
    let path = base.bytes().skip(host).position(|byte| byte == b'/').map_or(base.len(), |at| host + at);
    base.split_at(path)
}

impl Settings {
    /// Whether any way is accepted that is by token.
    pub(super) const fn takes_tokens(&self) -> bool {
        self.accept.oauth || self.accept.kubernetes || !matches!(self.actor, ActorTokens::Off)
    }

    /// Where clients get access tokens. That a cluster gives out tokens helps no client from outside.
    fn authorization_servers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().filter(|issuer| issuer.kind == IssuerKind::OAuth).map(|issuer| &*issuer.issuer)
    }
}

#[cfg(test)]
#[path = "protected_tests.rs"]
mod tests;
