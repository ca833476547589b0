//! Proofs that hold, once; and proofs of another request, another token, another key and another time.

use http::Method;
use serde_json::json;

use super::*;
use crate::identity::fixture::{NOW, NOW_SECONDS, SKEW, key, merge};
use crate::identity::jwt::Signer;

const TOKEN: &str = "access.token.value";
const BASE: &str = "https://mcp.example.com";

fn proofs(nonce: bool, remembered: usize) -> Proofs {
    Proofs::new(ProofSettings { max_age: std::time::Duration::from_secs(60), remembered, nonce }, SKEW)
}

/// A proof by this key, changed.
fn proof(signer: &Signer, header: Value, change: Value) -> String {
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let algorithm = if jwk["kty"] == "EC" { "ES256" } else { "EdDSA" };
    let mut head = json!({ "typ": "dpop+jwt", "alg": algorithm, "jwk": jwk });
    merge(&mut head, header);
    let mut claims = json!({
        "jti": "p-1", "htm": "POST", "htu": "https://mcp.example.com/shop", "iat": NOW_SECONDS,
        "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, TOKEN.as_bytes())),
    });
    merge(&mut claims, change);
    signer.sign_parts(&head, &claims).unwrap()
}

fn spend(proofs: &Proofs, jwt: &str, signer: &Signer) -> String {
    let jwk = signer.jwk();
    let thumbprint = Key::parse(jwk.as_object().unwrap()).unwrap().thumbprint();
    let about = About { token: TOKEN, thumbprint: &thumbprint, base: BASE };
    let proof = Proof { jwt, method: &Method::POST, path: "/shop" };
    proofs.spend(&proof, about, NOW).map_or_else(|flaw| format!("{flaw:?}"), |()| "holds".to_owned())
}

#[test]
fn a_proof_holds_for_its_request_its_token_and_its_key_only() {
    let (own, other) = (key(Algorithm::Es256, "k"), Signer::generate("k"));
    let good = |change: Value| proof(&own, json!({}), change);
    for (jwt, expected) in [
        (good(json!({})), "holds"),
        (good(json!({ "htu": "https://MCP.example.com:443/shop?x=1#y" })), "holds"),
        (good(json!({ "htu": "https://mcp.example.com/shop/" })), "Request"),
        (good(json!({ "htu": "https://mcp.example.com/Shop" })), "Request"),
        (good(json!({ "htu": "http://mcp.example.com/shop" })), "Request"),
        (good(json!({ "htu": "https://evil.example/shop" })), "Request"),
        (good(json!({ "htu": "/shop" })), "Request"),
        (good(json!({ "htm": "GET" })), "Request"),
        (good(json!({ "htm": "post" })), "Request"),
        (good(json!({ "htm": null })), "Request"),
        (good(json!({ "ath": "x" })), "Token"),
        (good(json!({ "ath": null })), "Token"),
        (good(json!({ "iat": NOW_SECONDS - 90 })), "holds"),
        (good(json!({ "iat": NOW_SECONDS - 91 })), "Age"),
        (good(json!({ "iat": NOW_SECONDS + 30 })), "holds"),
        (good(json!({ "iat": NOW_SECONDS + 31 })), "Age"),
        (good(json!({ "iat": null })), "Malformed"),
        (good(json!({ "jti": null })), "Malformed"),
        (good(json!({ "jti": "" })), "Malformed"),
        (good(json!({ "jti": "x".repeat(257) })), "Malformed"),
        (proof(&own, json!({ "typ": "JWT" }), json!({})), "Malformed"),
        (proof(&own, json!({ "typ": null }), json!({})), "Malformed"),
        (proof(&own, json!({ "jwk": null }), json!({})), "Malformed"),
        (proof(&own, json!({ "jwk": { "kty": "oct", "k": "AA" } }), json!({})), "Malformed"),
        (proof(&own, json!({ "alg": "none" }), json!({})), "Malformed"),
        (proof(&own, json!({ "alg": "HS256" }), json!({})), "Malformed"),
        (proof(&own, json!({ "alg": "RS256" }), json!({})), "Signature"),
        (proof(&own, json!({ "crit": ["jwk"] }), json!({})), "Malformed"),
        (proof(&own, json!({ "jwk": other.jwk() }), json!({})), "Signature"),
        (proof(&other, json!({}), json!({})), "Key"),
        ("x".to_owned(), "Malformed"),
    ] {
        assert_eq!(spend(&proofs(false, 8), &jwt, &own), expected, "{jwt}");
    }
    let mut private = own.jwk();
    private["d"] = "AAAA".into();
    assert_eq!(spend(&proofs(false, 8), &proof(&own, json!({ "jwk": private }), json!({})), &own), "Malformed");
}

#[test]
fn a_proof_is_good_once_and_nothing_is_forgotten_to_make_room() {
    let own = key(Algorithm::EdDsa, "k");
    let proofs = proofs(false, 2);
    let jwt = |id: &str| proof(&own, json!({}), json!({ "jti": id }));
    assert_eq!(spend(&proofs, &jwt("a"), &own), "holds");
    assert_eq!(spend(&proofs, &jwt("a"), &own), "Replay");
    assert_eq!(spend(&proofs, &jwt("b"), &own), "holds");
    assert_eq!(spend(&proofs, &jwt("c"), &own), "Replay", "there is no room");
    assert_eq!(spend(&proofs, &jwt("a"), &own), "Replay");
}

#[test]
fn a_proof_is_remembered_for_as_long_as_it_could_be_used() {
    let spent = Spent::new(8);
    let at = |seconds: i64| Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000);
    assert!(spent.spend("k", "a", at(120), NOW));
    assert!(!spent.spend("k", "a", at(120), at(120)));
    assert!(spent.spend("k", "a", at(240), at(121)));
    assert!(spent.spend("other", "a", at(240), at(121)), "each key has its own ids");
}

#[test]
fn a_nonce_is_ours_and_fresh() {
    let own = key(Algorithm::EdDsa, "k");
    let proofs = proofs(true, 8);
    let nonce = |seconds: i64| proofs.nonce(Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)).unwrap();
    for (nonce, expected) in [
        (json!(null), "Nonce"),
        (json!("made-up"), "Nonce"),
        (json!(nonce(0)), "holds"),
        (json!(nonce(-60)), "holds"),
        (json!(nonce(-120)), "Nonce"),
        (json!(nonce(60)), "Nonce"),
    ] {
        let jwt = proof(&own, json!({}), json!({ "nonce": nonce, "jti": nonce.to_string() }));
        assert_eq!(spend(&proofs, &jwt, &own), expected, "{nonce}");
    }
    assert_eq!(super::tests::proofs(false, 8).nonce(NOW), None);
}
