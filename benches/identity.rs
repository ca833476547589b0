//! What it costs to know who is calling: by a token that was verified a moment ago, and by one that is verified now (ES256). Nothing is
//! asked over a network: the keys are in a file.
#![expect(clippy::expect_used, reason = "a benchmark that cannot set itself up stops")]

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cedarpost::clock::Clock;
use cedarpost::identity::{
    Algorithm, Credentials, Identity, IssuerKind, IssuerSettings, KeySource, Metrics, Preset, Protected, Resource, Scheme,
    Settings,
};
use cedarpost::lifecycle::Stop;
use criterion::{Criterion, criterion_group, criterion_main};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const ISSUER: &str = "https://idp.example";

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of the size that they have in practice, about 1 KiB.
fn token(pair: &EcdsaKeyPair) -> String {
    #[expect(clippy::disallowed_methods, reason = "the token must hold while this runs")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let groups: Vec<String> = (0..16).map(|number| format!("department-{number}")).collect();
    let claims = json!({
        "iss": ISSUER, "sub": "248289761001", "client_id": "assistant", "aud": "https://mcp.example.com/shop", "exp": now + 3_600,
        "iat": now, "jti": "6f1b2a3c4d5e6f70", "scope": "openid profile mcp tools:read tools:call", "groups": groups, "roles": ["support"],
    });
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" });
    let signed = format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", text(signature.as_ref()))
}

fn key_set(pair: &EcdsaKeyPair) -> Value {
    let (x, y) = pair.public_key().as_ref().split_at(33);
    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": text(x.get(1..).expect("a point")), "y": text(y) }] })
}

fn settings(keys: KeySource, remembered: usize) -> Settings {
    use cedarpost::domain::{Actor, AgentId, Caller};
    let mut settings = Settings::configured(Caller::new(AgentId::new("nobody"), Actor::Unattended));
    settings.accept.configured = None;
    settings.accept.oauth = true;
    settings.remembered = remembered;
    settings.resource = Some(Resource { base: Arc::from("https://mcp.example.com"), scopes: vec![], documentation: None });
    settings.issuers = vec![IssuerSettings {
        name: "idp".into(),
        issuer: ISSUER.into(),
        kind: IssuerKind::OAuth,
        algorithms: Algorithm::DEFAULT.to_vec(),
        types: Preset::Rfc9068.token_types(),
        keys,
        refresh: Duration::from_secs(300),
        stale: Duration::from_secs(3_600),
        audiences: vec![],
        mapping: Preset::Rfc9068.mapping(),
        introspection: None,
        bound_only: false,
        ca_file: None,
        plain_hosts: vec![],
        for_actors: false,
    }];
    settings
}

/// How long many calls took, from the fastest to the slowest.
fn spread(runtime: &Runtime, identity: &Identity, server: &Protected, token: &str) -> Vec<Duration> {
    let credentials = Credentials { token: Some((Scheme::Bearer, token)), ..Credentials::default() };
    let mut took: Vec<Duration> = runtime.block_on(async {
        let mut took = Vec::with_capacity(20_000);
        for _ in 0..20_000 {
            let begun = std::time::Instant::now();
            black_box(identity.identify(black_box(&credentials), server).await).expect("somebody");
            took.push(begun.elapsed());
        }
        took
    });
    took.sort_unstable();
    took
}

fn identify(criterion: &mut Criterion) {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &SystemRandom::new()).expect("a key");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), key_set(&pair).to_string()).expect("keys in the file");
    let (token, runtime) = (token(&pair), Runtime::new().expect("a runtime"));
    let credentials = Credentials { token: Some((Scheme::Bearer, &token)), ..Credentials::default() };
    for (name, remembered) in [("remembered", 10_000), ("verified", 0)] {
        let settings = settings(KeySource::File(file.path().to_owned()), remembered);
        let (identity, upkeep) = Identity::open(settings, Clock::System, Metrics::default()).expect("a room");
        let stop = Stop::new();
        runtime.spawn(upkeep.run(stop.clone()));
        let server = identity.protect("/shop", vec![]);
        runtime.block_on(identity.identify(&credentials, &server)).expect("somebody");
        criterion.bench_function(name, |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| async { black_box(identity.identify(black_box(&credentials), &server).await).is_ok() });
        });
        let took = spread(&runtime, &identity, &server, &token);
        let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default();
        let _ = writeln!(std::io::stdout(), "{name}: p50 {:?}, p99 {:?} of {} calls", at(50), at(99), took.len());
        stop.request();
    }
}

criterion_group!(benches, identify);
criterion_main!(benches);
