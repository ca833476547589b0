//! An issuer for tests: keys, tokens and settings that fit together.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::jwt::{Algorithm, KeySet, Signer};
use super::mapping::Preset;
use super::settings::{IssuerKind, IssuerSettings, KeySource, Resource, Settings};
use crate::domain::Timestamp;

pub(super) const ISSUER: &str = "https://idp.example";
pub(super) const RESOURCE: &str = "https://mcp.example.com/shop";
/// 2026-03-02T10:30:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_772_447_400_000_000);
pub(super) const NOW_SECONDS: i64 = 1_772_447_400;
pub(super) const SKEW: i64 = 30_000_000;

/// One of the keys that lie beside the tests.
pub(super) fn key(algorithm: Algorithm, kid: &str) -> Signer {
    let pem: &[u8] = match algorithm {
        Algorithm::Rs256 => include_bytes!("vectors/rsa.pem"),
        Algorithm::Es256 => include_bytes!("vectors/p256.pem"),
        Algorithm::EdDsa => include_bytes!("vectors/ed25519.pem"),
        other => panic!("there is no key for {other}"),
    };
    Signer::parse(pem, Some(kid.to_owned())).unwrap()
}

pub(super) fn key_set(keys: &[&Signer]) -> KeySet {
    KeySet::parse(jwks(keys).to_string().as_bytes()).unwrap()
}

pub(super) fn jwks(keys: &[&Signer]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// The claims of a person's token, changed.
pub(super) fn claims(change: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "alice", "client_id": "helper", "aud": RESOURCE, "jti": "t-1", "scope": "read write",
        "iat": NOW_SECONDS - 60, "exp": NOW_SECONDS + 300,
    });
    merge(&mut claims, change);
    claims
}

/// Puts members in, and takes those out that are null.
pub(super) fn merge(into: &mut Value, change: Value) {
    let Value::Object(change) = change else { return };
    let members = into.as_object_mut().unwrap();
    for (name, value) in change {
        if value.is_null() { drop(members.remove(&name)) } else { drop(members.insert(name, value)) }
    }
}

pub(super) fn issuer(preset: Preset) -> IssuerSettings {
    IssuerSettings {
        name: "idp".into(),
        issuer: ISSUER.into(),
        kind: if preset == Preset::Kubernetes { IssuerKind::Kubernetes } else { IssuerKind::OAuth },
        algorithms: Algorithm::DEFAULT.to_vec(),
        types: preset.token_types(),
        keys: KeySource::Discovery,
        refresh: Duration::from_secs(300),
        stale: Duration::from_secs(3600),
        audiences: Vec::new(),
        mapping: preset.mapping(),
        introspection: None,
        bound_only: false,
        ca_file: None,
        plain_hosts: Vec::new(),
        for_actors: false,
    }
}

pub(super) fn settings(issuers: Vec<IssuerSettings>) -> Settings {
    use crate::domain::{Actor, AgentId, Caller};
    let mut settings = Settings::configured(Caller::new(AgentId::new("nobody"), Actor::Unattended));
    settings.accept.configured = None;
    settings.accept.oauth = issuers.iter().any(|issuer| issuer.kind == IssuerKind::OAuth);
    settings.accept.kubernetes = issuers.iter().any(|issuer| issuer.kind == IssuerKind::Kubernetes);
    settings.resource = Some(Resource { base: Arc::from("https://mcp.example.com"), scopes: vec![], documentation: None });
    settings.issuers = issuers;
    settings
}
