//! Tokens against the issuer that they claim to be from.

use serde_json::{Value, json};

use super::*;
use crate::identity::fixture::{ISSUER, NOW, NOW_SECONDS, SKEW, claims, issuer, key, key_set};
use crate::identity::jwt::{Algorithm, Signer, TokenType};
use crate::identity::mapping::Preset;

fn look(token: &str, issuer: &IssuerSettings, keys: &KeySet) -> Result<Verified, String> {
    let token = Compact::parse(token).map_err(|flaw| flaw.word().to_owned())?;
    let prefixes = Prefixes::of(std::slice::from_ref(issuer));
    let with = Circumstances { now: NOW, skew_micros: SKEW, prefixes: &prefixes };
    verify(&token, issuer, keys, &with, &mut Trace::default()).map_err(|unverified| match unverified {
        Unverified::Flaw(flaw) => flaw.word().to_owned(),
        Unverified::UnknownKey => "unknown_key".to_owned(),
    })
}

fn word(token: &str, issuer: &IssuerSettings, keys: &KeySet) -> String {
    look(token, issuer, keys).map_or_else(|word| word, |verified| verified::words(&verified.caller))
}

#[test]
fn a_token_of_each_algorithm_tells_who_calls() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let signer = key(algorithm, "k");
        let token = signer.sign(&claims(json!({}))).unwrap();
        let seen = look(&token, &issuer(Preset::Rfc9068), &key_set(&[&signer])).unwrap();
        assert_eq!(verified::words(&seen.caller), "agent `helper` for `alice`");
        assert_eq!(seen.expires.as_micros(), (NOW_SECONDS + 300) * 1_000_000);
    }
}

/// Signs what somebody says with the text of a public key as the secret of an HMAC: what a verifier would accept that takes the
/// algorithm from the token and the key from the issuer.
fn hmac_with_public_key(public: &[u8], claims: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT", "kid": "k" })), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes())))
}

#[test]
fn what_the_issuer_has_not_signed_is_not_believed() {
    let (own, foreign) = (key(Algorithm::Es256, "k"), Signer::generate("k"));
    let (keys, settings) = (key_set(&[&own]), issuer(Preset::Rfc9068));
    let good = own.sign(&claims(json!({}))).unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = |header: Value| own.sign_parts(&header, &claims(json!({}))).unwrap();
    let injected = |name: &str| {
        // The attacker's key, offered with the token.
        let mut header = json!({ "alg": "ES256", "typ": "JWT", "kid": "evil" });
        header[name] = if name == "jwk" { foreign.jwk() } else { "https://evil.example/keys".into() };
        foreign.sign_parts(&header, &claims(json!({}))).unwrap()
    };
    let payload = |change: Value| {
        let other = own.sign(&claims(change)).unwrap();
        format!("{}.{signature}", other.rsplit_once('.').unwrap().0)
    };
    let jwk_text = own.jwk().to_string();
    let cases = [
        (foreign.sign(&claims(json!({}))).unwrap(), "signature"),
        (payload(json!({ "sub": "root" })), "signature"),
        (format!("{signed}."), "signature"),
        (format!("{signed}.{}", signature.split_at(20).0), "signature"),
        (hmac_with_public_key(jwk_text.as_bytes(), &claims(json!({}))), "algorithm"),
        (hmac_with_public_key(include_bytes!("vectors/p256.pem"), &claims(json!({}))), "algorithm"),
        (injected("jwk"), "unknown_key"),
        (injected("jku"), "unknown_key"),
        (injected("x5u"), "unknown_key"),
        (header(json!({ "alg": "none", "typ": "JWT" })), "algorithm"),
        (header(json!({ "alg": "ES384", "typ": "JWT", "kid": "k" })), "unknown_key"),
        (header(json!({ "alg": "RS256", "typ": "JWT", "kid": "k" })), "unknown_key"),
        (header(json!({ "alg": "ES256", "typ": "JWT", "kid": "../../k" })), "unknown_key"),
        (header(json!({ "alg": "ES256", "typ": "JWT", "kid": "' OR 1=1 --" })), "unknown_key"),
        (header(json!({ "alg": "ES256", "typ": "JWT", "kid": "k", "crit": ["kid"] })), "critical_header"),
        (header(json!({ "alg": "ES256", "typ": "dpop+jwt", "kid": "k" })), "type"),
        (header(json!({ "alg": "ES256", "typ": "logout+jwt", "kid": "k" })), "type"),
        (header(json!({ "alg": "ES256", "kid": "k" })), "type"),
        (own.sign(&claims(json!({ "iss": "https://evil.example" }))).unwrap(), "issuer"),
        (own.sign(&claims(json!({ "iss": format!("{ISSUER}/") }))).unwrap(), "issuer"),
        (own.sign(&claims(json!({ "iss": [ISSUER] }))).unwrap(), "issuer"),
        (own.sign(&claims(json!({ "iss": null }))).unwrap(), "issuer"),
        (own.sign(&claims(json!({ "exp": NOW_SECONDS - 31, "iat": null }))).unwrap(), "expired"),
        (own.sign(&claims(json!({ "exp": null }))).unwrap(), "no_expiry"),
        (own.sign(&claims(json!({ "nbf": NOW_SECONDS + 60 }))).unwrap(), "not_yet"),
        (own.sign(&claims(json!({ "aud": null }))).unwrap(), "audience"),
        (own.sign(&claims(json!({ "aud": 7 }))).unwrap(), "audience"),
        (own.sign(&claims(json!({ "aud": [7] }))).unwrap(), "audience"),
    ];
    assert_eq!(word(&good, &settings, &keys), "agent `helper` for `alice`");
    for (token, expected) in cases {
        assert_eq!(word(&token, &settings, &keys), expected, "{token}");
    }
}

#[test]
fn algorithms_and_types_are_what_the_settings_say() {
    let own = key(Algorithm::Es256, "k");
    let (keys, mut settings) = (key_set(&[&own]), issuer(Preset::Rfc9068));
    let token = own.sign(&claims(json!({}))).unwrap();
    settings.algorithms = vec![Algorithm::Rs256];
    assert_eq!(word(&token, &settings, &keys), "algorithm");
    settings.algorithms = vec![Algorithm::Es256];
    settings.types = vec![TokenType::named("at+jwt")];
    assert_eq!(word(&token, &settings, &keys), "type");
    let typed = own.sign_parts(&json!({ "alg": "ES256", "typ": "AT+jwt", "kid": "k" }), &claims(json!({}))).unwrap();
    assert_eq!(word(&typed, &settings, &keys), "agent `helper` for `alice`");
}

#[test]
fn a_token_that_is_bound_to_a_key_says_so_in_a_known_way() {
    let own = key(Algorithm::Es256, "k");
    let (keys, mut settings) = (key_set(&[&own]), issuer(Preset::Rfc9068));
    let bound = |confirmation: Value| own.sign(&claims(json!({ "cnf": confirmation }))).unwrap();
    let seen = look(&bound(json!({ "jkt": "x" })), &settings, &keys).unwrap();
    assert_eq!(seen.bound, Some(Binding::Proof("x".into())));
    let seen = look(&bound(json!({ "x5t#S256": "y" })), &settings, &keys).unwrap();
    assert_eq!(seen.bound, Some(Binding::Certificate("y".into())));
    for unknown in [json!({}), json!([]), json!({ "jwk": {} }), json!({ "jkt": "x", "x5t#S256": "y" }), json!({ "jkt": 1 })] {
        assert_eq!(word(&bound(unknown.clone()), &settings, &keys), "unbound", "{unknown}");
    }
    settings.bound_only = true;
    assert_eq!(word(&own.sign(&claims(json!({}))).unwrap(), &settings, &keys), "unbound");
}

#[test]
fn a_service_account_is_who_the_cluster_says_and_its_pod_is_kept() {
    let own = key(Algorithm::Rs256, "k");
    let (keys, mut settings) = (key_set(&[&own]), issuer(Preset::Kubernetes));
    let account = |change: Value| {
        let mut claims = json!({
            "iss": ISSUER, "sub": "system:serviceaccount:shop:bot", "aud": ["cedarpost"], "exp": NOW_SECONDS + 600, "jti": "j",
            "kubernetes.io": {
                "namespace": "shop", "serviceaccount": { "name": "bot", "uid": "u-1" }, "pod": { "name": "bot-1", "uid": "p-1" },
                "node": { "name": "n-1", "uid": "n" },
            },
        });
        crate::identity::fixture::merge(&mut claims, change);
        own.sign_parts(&json!({ "alg": "RS256", "kid": "k" }), &claims).unwrap()
    };
    let seen = look(&account(json!({})), &settings, &keys).unwrap();
    assert_eq!(verified::words(&seen.caller), "agent `system:serviceaccount:shop:bot` for nobody");
    let attributes = &seen.caller.token.as_ref().unwrap().attributes;
    let shown: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    assert_eq!(
        shown,
        [
            r#"namespace=Text("shop")"#,
            r#"node=Text("n-1")"#,
            r#"pod=Text("bot-1")"#,
            r#"pod_uid=Text("p-1")"#,
            r#"service_account=Text("bot")"#
        ]
    );
    for (change, expected) in [
        (json!({ "sub": "system:serviceaccount:shop:root" }), "claim"),
        (json!({ "sub": "system:serviceaccount:kube-system:bot" }), "claim"),
        (json!({ "sub": "system:node:n-1" }), "foreign"),
        (json!({ "sub": "alice" }), "foreign"),
        (json!({ "kubernetes.io": {} }), "claim"),
        (json!({ "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "bot" }, "pod": { "uid": 7 } } }), "claim"),
        (json!({ "exp": null }), "no_expiry"),
    ] {
        assert_eq!(word(&account(change.clone()), &settings, &keys), expected, "{change}");
    }
    settings.mapping.prefix = "east/".into();
    assert_eq!(word(&account(json!({})), &settings, &keys), "agent `east/system:serviceaccount:shop:bot` for nobody");
}
