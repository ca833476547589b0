//! Answers of those who are asked about tokens.

use serde_json::json;

use super::introspection::read as introspected;
use super::review::read as reviewed;
use super::*;
use crate::identity::fixture::{ISSUER, NOW, NOW_SECONDS};

const TTL: Duration = Duration::from_secs(60);

#[test]
fn an_answer_about_a_token_is_believed_for_a_bounded_time() {
    let read = |body: Value| introspected(body.to_string().as_bytes(), ISSUER, NOW, TTL).map_err(|error| error.to_string());
    for (body, expires) in [
        (json!({ "active": true, "exp": NOW_SECONDS + 10 }), Some(NOW_SECONDS + 10)),
        (json!({ "active": true, "exp": NOW_SECONDS + 3_600 }), Some(NOW_SECONDS + 60)),
        (json!({ "active": true }), Some(NOW_SECONDS + 60)),
        (json!({ "active": true, "iss": ISSUER }), Some(NOW_SECONDS + 60)),
        (json!({ "active": true, "iss": "https://evil.example" }), None),
        (json!({ "active": false, "exp": NOW_SECONDS + 10 }), None),
    ] {
        let seen = read(body.clone()).unwrap().map(|claims| claims["exp"].as_i64().unwrap());
        assert_eq!(seen, expires, "{body}");
    }
    for body in [json!({}), json!({ "active": "true" }), json!([]), json!({ "active": true, "exp": "soon" })] {
        assert!(read(body.clone()).is_err(), "{body}");
    }
    assert!(introspected(br#"{"active":true,"active":false}"#, ISSUER, NOW, TTL).is_err());
}

#[test]
fn a_cluster_tells_of_service_accounts_and_nobody_else() {
    let review = |status: Value| {
        let body = json!({ "kind": "TokenReview", "status": status });
        reviewed(body.to_string().as_bytes(), ISSUER, NOW).map_err(|error| error.to_string())
    };
    let user = |name: &str| {
        json!({
            "username": name, "uid": "u", "groups": ["system:serviceaccounts"],
            "extra": {
                "authentication.kubernetes.io/pod-name": ["bot-1"], "authentication.kubernetes.io/pod-uid": ["p-1"],
                "authentication.kubernetes.io/node-name": ["n-1"], "authentication.kubernetes.io/credential-id": ["JTI=j-1"],
            },
        })
    };
    let account = user("system:serviceaccount:shop:bot");
    let good = review(json!({ "authenticated": true, "audiences": ["cedarpost"], "user": account })).unwrap().unwrap();
    let expected = json!({
        "iss": ISSUER, "sub": "system:serviceaccount:shop:bot", "aud": ["cedarpost"], "exp": NOW_SECONDS + 60, "jti": "j-1",
        "kubernetes.io": {
            "namespace": "shop", "serviceaccount": { "name": "bot" }, "pod": { "name": "bot-1", "uid": "p-1" }, "node": { "name": "n-1" },
        },
    });
    assert_eq!(good, expected);
    for status in [
        json!({ "authenticated": false, "error": "no" }),
        json!({}),
        json!({ "authenticated": "true", "user": user("system:serviceaccount:shop:bot") }),
        json!({ "authenticated": true, "user": user("alice") }),
        json!({ "authenticated": true, "user": user("system:node:n-1") }),
    ] {
        assert_eq!(review(status.clone()).unwrap(), None, "{status}");
    }
    let nobodys = review(json!({ "authenticated": true, "user": user("system:serviceaccount:shop:bot") })).unwrap().unwrap();
    assert_eq!(nobodys["aud"], json!([]), "a cluster that does not look at audiences says nothing of them");
    assert!(review(json!({ "authenticated": true })).is_err());
    assert!(reviewed(b"{}", ISSUER, NOW).is_err());
}
