//! What those are told who are not let in.

use serde_json::Value;

use super::*;
use crate::identity::fixture::{ISSUER, issuer, settings};
use crate::identity::mapping::Preset;
use crate::identity::settings::Resource;

fn protected(base: &str, path: &str, wanted: &[&str], needed: &[&str]) -> Protected {
    let mut settings = settings(vec![issuer(Preset::Rfc9068)]);
    let scopes = wanted.iter().map(ToString::to_string).collect();
    settings.resource = Some(Resource { base: base.into(), scopes, documentation: None });
    Protected::new(&settings, path, needed.iter().map(ToString::to_string).collect())
}

#[test]
fn the_metadata_of_a_server_is_where_clients_look_and_says_what_it_is() {
    for (base, path, place, resource, url) in [
        (
            "https://mcp.example.com",
            "/shop",
            "/.well-known/oauth-protected-resource/shop",
            "https://mcp.example.com/shop",
            "https://mcp.example.com/.well-known/oauth-protected-resource/shop",
        ),
        (
            "https://mcp.example.com",
            "/",
            "/.well-known/oauth-protected-resource",
            "https://mcp.example.com",
            "https://mcp.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://example.com:8443/mcp",
            "/shop",
            "/.well-known/oauth-protected-resource/mcp/shop",
            "https://example.com:8443/mcp/shop",
            "https://example.com:8443/.well-known/oauth-protected-resource/mcp/shop",
        ),
    ] {
        let protected = protected(base, path, &["mcp"], &[]);
        let (found, metadata) = protected.metadata().unwrap();
        let metadata: Value = serde_json::from_slice(metadata).unwrap();
        assert_eq!((found, &metadata["resource"]), (place, &Value::from(resource)));
        assert_eq!(metadata["authorization_servers"], serde_json::json!([ISSUER]));
        assert_eq!(metadata["bearer_methods_supported"], serde_json::json!(["header"]));
        assert_eq!(metadata["scopes_supported"], serde_json::json!(["mcp"]));
        let refusal = protected.refusal(&Unidentified::Missing, None);
        assert_eq!(refusal.challenges, [format!(r#"Bearer scope="mcp", resource_metadata="{url}""#)]);
    }
}

#[test]
fn a_refusal_says_what_was_wrong_and_how_to_do_better() {
    let metadata = r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/shop""#;
    let algorithms = r#"algs="RS256 PS256 ES256 ES384 EdDSA""#;
    let proof = |error: &str, sentence: &str| {
        let head = format!(r#"DPoP error="{error}", error_description="{sentence}""#);
        format!(r#"{head}, scope="a b", {metadata}, {algorithms} | Bearer scope="a b", {metadata}"#)
    };
    let why = "the proof that the bearer has the tokens key does not hold: it was used before".replace("tokens", "token's");
    for (why, status, expected) in [
        (Unidentified::Missing, 401, format!(r#"Bearer scope="a b", {metadata}"#)),
        (
            Unidentified::Flawed(Flaw::Expired),
            401,
            format!(r#"Bearer error="invalid_token", error_description="the token has expired", scope="a b", {metadata}"#),
        ),
        (
            Unidentified::Scopes,
            403,
            format!(
                r#"Bearer error="insufficient_scope", error_description="the token lacks a scope that is needed here", scope="a b", {metadata}"#
            ),
        ),
        (Unidentified::Flawed(Flaw::Proof(ProofFlaw::Replay)), 401, proof("invalid_dpop_proof", &why)),
        (Unidentified::Unavailable, 503, String::new()),
    ] {
        let refusal = protected("https://mcp.example.com", "/shop", &["z"], &["a", "b"]).refusal(&why, Some("n".to_owned()));
        let challenges: Vec<&str> = refusal.challenges.iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!((refusal.status.as_u16(), challenges.join(" | ")), (status, expected), "{why:?}");
        assert_eq!(refusal.nonce.unwrap(), "n");
    }
}

#[test]
fn what_a_token_says_cannot_break_out_of_a_challenge() {
    let claim = Unidentified::Flawed(Flaw::Claim("/a\", error=\"x\r\n\u{e4}\\".into()));
    let refusal = protected("https://mcp.example.com", "/shop", &[], &[]).refusal(&claim, None);
    let challenge = refusal.challenges[0].to_str().unwrap();
    assert!(challenge.contains(r#"error_description="the token's claim `/a, error=x` is missing"#), "{challenge}");
    assert_eq!(challenge.matches('"').count(), 6, "{challenge}");
}

#[test]
fn where_nobody_needs_a_token_there_is_nothing_to_say() {
    let mut settings = settings(vec![]);
    settings.accept.oauth = false;
    let protected = Protected::new(&settings, "/shop", vec![]);
    assert_eq!(protected.metadata(), None);
}
