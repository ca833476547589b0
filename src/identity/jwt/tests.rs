//! Tokens and keys as the standards show them, and as an attacker would write them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::*;
use crate::domain::Timestamp;
use crate::identity::fixture::{NOW, NOW_SECONDS, SKEW, claims, key, key_set};
use crate::identity::flaw::Flaw;

fn jwk(value: &Value) -> Option<Key> {
    Key::parse(value.as_object().unwrap())
}

fn token(header: &str, claims: &str) -> String {
    format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

fn flaw(token: &str) -> String {
    Compact::parse(token).map_or_else(|flaw| flaw.word().to_owned(), |_| "fine".to_owned())
}

#[test]
fn signatures_of_the_standards_hold_and_no_others() {
    // RFC 7515, appendix A.3, and RFC 8037, appendix A.4.
    let p256 = json!({
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    });
    let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let cases = [
        (
            p256,
            Algorithm::Es256,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            ed25519,
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (key, algorithm, signed, signature) in cases {
        let (key, signature) = (jwk(&key).unwrap(), URL_SAFE_NO_PAD.decode(signature).unwrap());
        assert!(key.verify(algorithm, signed.as_bytes(), &signature), "{algorithm}");
        assert!(!key.verify(algorithm, format!("{signed}x").as_bytes(), &signature), "{algorithm}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(!key.verify(other, signed.as_bytes(), &signature), "{other}");
        }
    }
}

#[test]
fn thumbprints_are_those_of_the_standards() {
    // RFC 7638, section 3.1, and RFC 9449, section 6.1.
    let rsa = json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    });
    assert_eq!(jwk(&rsa).unwrap().thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let p256 = json!({
        "kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    });
    assert_eq!(jwk(&p256).unwrap().thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn what_we_sign_can_be_verified_with_the_public_half() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let signer = key(algorithm, "k");
        let token = signer.sign(&claims(json!({}))).unwrap();
        let token = Compact::parse(&token).unwrap();
        assert_eq!((token.algorithm, token.kid.as_deref()), (Some(algorithm), Some("k")));
        let keys = key_set(&[&signer]);
        assert!(keys.find(Some("k"), algorithm).unwrap().verify(algorithm, token.signed, &token.signature));
        assert!(!format!("{signer:?}").contains("BEGIN"));
    }
    assert_eq!(Signer::parse(b"-----BEGIN PUBLIC KEY-----\n", None).unwrap_err(), BadSigner::Pem);
}

#[test]
fn only_one_form_of_a_token_is_read() {
    let (header, claims) = (r#"{"alg":"ES256"}"#, r#"{"iss":"x"}"#);
    let good = token(header, claims);
    assert_eq!(flaw(&good), "fine");
    let padded = format!("{}=.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    for (bad, expected) in [
        ("", "not_a_jwt"),
        ("a", "not_a_jwt"),
        ("a.b", "not_a_jwt"),
        (&format!("{good}.x"), "not_a_jwt"),
        (&format!("{good}.x.y"), "not_a_jwt"),
        (&padded, "not_a_jwt"),
        (&good.replace("c2ln", "c2lm=="), "not_a_jwt"),
        // Bits that mean nothing: one text for one value.
        (&good.replace("c2ln", "c2k"), "fine"),
        (&good.replace("c2ln", "c2l"), "not_a_jwt"),
        (&good.replace("c2ln", "c2l+"), "not_a_jwt"),
        (&format!(" {good}"), "not_a_jwt"),
        (&"x".repeat(16 * 1024 + 1), "too_long"),
        (&token("[]", claims), "not_strict_json"),
        (&token(r#"{"alg":"ES256","alg":"none"}"#, claims), "not_strict_json"),
        (&token(r#"{"alg":"ES256","\u0061lg":"none"}"#, claims), "not_strict_json"),
        (&token(header, r#"{"iss":"x","iss":"y"}"#), "not_strict_json"),
        (&token(header, r#"{"act":{"sub":"x","sub":"y"}}"#), "not_strict_json"),
        (&token(header, "x"), "not_strict_json"),
        (&token(header, &format!("{}1{}", "[".repeat(40), "]".repeat(40))), "not_strict_json"),
        (&token(r#"{"alg":1}"#, claims), "not_strict_json"),
        (&token(r#"{"alg":"ES256","kid":7}"#, claims), "not_strict_json"),
        (&token("{}", claims), "algorithm"),
        (&token(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, claims), "critical_header"),
        (&token(r#"{"alg":"ES256","crit":[]}"#, claims), "critical_header"),
        (&token(r#"{"alg":"ES256","b64":false}"#, claims), "critical_header"),
        (&token(r#"{"alg":"ES256","enc":"A128GCM"}"#, claims), "critical_header"),
        (&token(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(513)), claims), "unknown_key"),
    ] {
        assert_eq!(flaw(bad), expected, "{bad}");
    }
}

#[test]
fn no_name_leads_to_an_algorithm_without_a_public_key() {
    for name in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "hs256", "rs256", "RS1", "ES256K", "ES512", "dir", ""]
    {
        assert_eq!(Algorithm::named(name), None, "{name}");
        let text = token(&format!(r#"{{"alg":"{name}"}}"#), "{}");
        assert_eq!(Compact::parse(&text).unwrap().algorithm, None, "{name}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
    }
    assert_eq!(Algorithm::named("Ed25519"), Some(Algorithm::EdDsa));
}

#[test]
fn types_are_compared_as_the_standard_says() {
    for (header, expected) in [
        (r#"{"alg":"ES256"}"#, TokenType::Absent),
        (r#"{"alg":"ES256","typ":"at+jwt"}"#, TokenType::named("at+jwt")),
        (r#"{"alg":"ES256","typ":"application/AT+JWT"}"#, TokenType::named("at+jwt")),
        (r#"{"alg":"ES256","typ":"JWT"}"#, TokenType::named("jwt")),
    ] {
        assert_eq!(Compact::parse(&token(header, "{}")).unwrap().token_type, expected, "{header}");
    }
}

#[test]
fn keys_are_found_by_name_and_purpose() {
    let (rsa, p256) = (key(Algorithm::Rs256, "r"), key(Algorithm::Es256, "p"));
    let keys = key_set(&[&rsa, &p256]);
    let found = |keys: &KeySet, kid: Option<&str>, algorithm| match keys.find(kid, algorithm) {
        Ok(_) => "found",
        Err(NoKey::Unknown) => "unknown",
        Err(NoKey::Unfit) => "unfit",
    };
    for (kid, algorithm, expected) in [
        (Some("r"), Algorithm::Rs256, "found"),
        (Some("r"), Algorithm::Ps256, "found"),
        (Some("r"), Algorithm::Es256, "unfit"),
        (Some("p"), Algorithm::Rs256, "unfit"),
        (Some("x"), Algorithm::Rs256, "unknown"),
        (None, Algorithm::Rs256, "found"),
        (None, Algorithm::EdDsa, "unknown"),
    ] {
        assert_eq!(found(&keys, kid, algorithm), expected, "{kid:?} {algorithm}");
    }
    let twice = key_set(&[&key(Algorithm::Rs256, "a"), &key(Algorithm::Rs256, "b")]);
    assert_eq!(found(&twice, None, Algorithm::Rs256), "unfit", "which one is meant nobody knows");
    let same_name = key_set(&[&key(Algorithm::Rs256, "a"), &Signer::generate("a")]);
    assert_eq!(found(&same_name, Some("a"), Algorithm::Rs256), "found", "names are unique for a kind of key");
}

#[test]
fn keys_that_cannot_verify_signatures_do_not_count() {
    let rsa = key(Algorithm::Rs256, "r").jwk();
    let changed = |name: &str, value: Value| {
        let mut jwk = rsa.clone();
        jwk[name] = value;
        jwk
    };
    let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
    for bad in [
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({}),
        json!({ "kty": "EC", "crv": "P-521", "x": "", "y": "" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([1; 32]) }),
        changed("use", "enc".into()),
        changed("key_ops", json!(["encrypt"])),
        changed("alg", "RSA-OAEP".into()),
        changed("alg", "HS256".into()),
        changed("alg", "ES256".into()),
        changed("n", short.into()),
        changed("n", "+/==".into()),
    ] {
        assert_eq!(jwk(&bad), None, "{bad}");
    }
    let only_pss = jwk(&changed("alg", "PS256".into())).unwrap();
    assert!(only_pss.fits(Algorithm::Ps256) && !only_pss.fits(Algorithm::Rs256));
    assert!(jwk(&changed("key_ops", json!(["verify"]))).is_some());
}

#[test]
fn a_set_without_a_usable_key_is_none() {
    for (text, expected) in [
        ("", BadKeySet::Malformed),
        ("[]", BadKeySet::Malformed),
        (r#"{"keys":{}}"#, BadKeySet::Malformed),
        (r#"{"keys":[],"keys":[]}"#, BadKeySet::Malformed),
        (r#"{"keys":[]}"#, BadKeySet::Empty),
        (r#"{"keys":[1,{"kty":"oct","k":"AA"}]}"#, BadKeySet::Empty),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()), Err(expected), "{text}");
    }
    let many: Vec<Value> = (0..100).map(|index| key(Algorithm::EdDsa, &index.to_string()).jwk()).collect();
    assert_eq!(KeySet::parse(json!({ "keys": many }).to_string().as_bytes()).unwrap().len(), 64);
}

#[test]
fn a_token_holds_between_its_times_give_or_take_the_skew() {
    let check = |claims: Value| {
        let members: Map<String, Value> = claims.as_object().unwrap().clone();
        Times::check(&members, NOW, SKEW).map_or_else(|flaw: Flaw| flaw.word(), |_| "holds")
    };
    let at = |seconds: i64| json!(NOW_SECONDS + seconds);
    for (claims, expected) in [
        (json!({ "exp": at(1) }), "holds"),
        (json!({ "exp": at(-29) }), "holds"),
        (json!({ "exp": at(-30) }), "expired"),
        (json!({ "exp": NOW_SECONDS as f64 + 0.5 }), "holds"),
        (json!({}), "no_expiry"),
        (json!({ "exp": "1772447700" }), "no_expiry"),
        (json!({ "exp": null }), "no_expiry"),
        (json!({ "exp": -1 }), "no_expiry"),
        (json!({ "exp": 1e300 }), "no_expiry"),
        (json!({ "exp": 9_223_372_036_854_775_807_i64 }), "no_expiry"),
        (json!({ "exp": at(60), "nbf": at(30) }), "holds"),
        (json!({ "exp": at(60), "nbf": at(31) }), "not_yet"),
        (json!({ "exp": at(60), "nbf": "x" }), "times"),
        (json!({ "exp": at(60), "iat": at(31) }), "times"),
        (json!({ "exp": at(10), "iat": at(20) }), "times"),
        (json!({ "exp": at(60), "iat": at(-10_000) }), "holds"),
    ] {
        assert_eq!(check(claims.clone()), expected, "{claims}");
    }
    assert_eq!(timestamp(&json!(1.5)), Some(Timestamp::from_micros(1_000_000)));
}
