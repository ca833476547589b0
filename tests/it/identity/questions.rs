//! Tokens that only their issuer can look into, and the command that says what a token becomes.

use super::{Era, Home, House, Idp, Mcp, Scripted, Sidecar, Value, bearer, json};
use crate::support::cedarpost;

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_is_what_its_issuer_says_and_is_asked_about_once() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cret\n").unwrap();
    let issuer = format!("introspection = true\nclient_id = 'cedar post'\nclient_secret_file = '{}'", secret.path().display());
    let house = House::with("", &issuer, |_, _| None).await;
    let claims = |change: Value| {
        let mut claims = house.idp.claims(change);
        claims["active"] = true.into();
        claims
    };
    house.idp.knows("opaque-1", claims(json!({})));
    house.idp.knows("opaque-2", claims(json!({ "aud": "https://elsewhere" })));
    let mut client = house.client(Era::Modern, "opaque-1").await;
    for call in ["1", "2", "3"] {
        assert!(client.call(call, "echo", json!({})).await.unwrap().is_good());
    }
    let asked = house.idp.asked("/introspect");
    assert_eq!(asked.len(), 1);
    // base64 of `cedar+post:s3cret`
    assert_eq!(asked[0].0["authorization"], "Basic Y2VkYXIrcG9zdDpzM2NyZXQ=");
    assert_eq!(asked[0].1, "token=opaque-1&token_type_hint=access_token");
    for (token, status) in [("opaque-2", 401), ("unknown", 401)] {
        client.shows = bearer(token);
        assert_eq!(client.call("4", "echo", json!({})).await.unwrap().status, status, "{token}");
    }
    house.idp.set_down(true);
    client.shows = bearer("opaque-3");
    assert_eq!(client.call("5", "echo", json!({})).await.unwrap().status, 503);
    let mut known = Mcp::connect_showing(house.sidecar.address, Era::Modern, bearer("opaque-1")).await.unwrap();
    assert!(known.call("6", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_wants_it_gets_a_signed_word_about_who_asks() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/src/identity/vectors/ed25519.pem");
    let issuer = format!("introspection = true\nclient_id = 'cedarpost'\nclient_key_file = '{key}'\nclient_key_id = 'own'");
    let house = House::with("", &issuer, |_, _| None).await;
    let mut claims = house.idp.claims(json!({}));
    claims["active"] = true.into();
    house.idp.knows("opaque-1", claims);
    let mut client = house.client(Era::Modern, "opaque-1").await;
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let (headers, body) = house.idp.asked("/introspect").remove(0);
    assert!(!headers.contains_key("authorization"));
    let assertion = body.split("client_assertion=").nth(1).unwrap();
    let part = |index: usize| {
        use base64::Engine as _;
        let text = assertion.split('.').nth(index).unwrap();
        serde_json::from_slice::<Value>(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({ "alg": "EdDSA", "typ": "JWT", "kid": "own" }));
    let said = part(1);
    assert_eq!(
        (&said["iss"], &said["sub"], &said["aud"]),
        (&json!("cedarpost"), &json!("cedarpost"), &json!(house.idp.issuer()))
    );
    assert!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap() <= 60 && said["jti"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_asked_about_each_token_of_a_service_account() {
    let own = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(own.path(), "our-own-token\n").unwrap();
    let (idp, server) = (Idp::start().await, Scripted::start(|_, _| None).await);
    let policy = r#"permit (principal == Mcp::Agent::"system:serviceaccount:shop:bot", action in Mcp::Action::"tools/call", resource)
        when { context has token.claims.pod_uid && context.token.claims.pod_uid == "p-1" };"#;
    let home = Home::new(server.address, policy).with_identity(&format!(
        "accept = ['kubernetes']\n[[identity.issuer]]\nissuer = '{issuer}'\npreset = 'kubernetes'\naudiences = ['cedarpost']\n\
         review_url = '{issuer}/tokenreviews'\nreview_token_file = '{}'\n",
        own.path().display(),
        issuer = idp.issuer(),
    ));
    let sidecar = Sidecar::start(&home).await;
    let account = |name: &str| idp.token_with(json!({ "typ": null }), json!({ "sub": name, "aud": ["cedarpost"], "jti": name }));
    let status = |name: &str, audiences: Value| {
        json!({
            "authenticated": true, "audiences": audiences,
            "user": { "username": name, "extra": {
                "authentication.kubernetes.io/pod-name": ["bot-1"], "authentication.kubernetes.io/pod-uid": ["p-1"],
            } },
        })
    };
    let (bot, other, person) = ("system:serviceaccount:shop:bot", "system:serviceaccount:shop:other", "alice");
    let tokens = [bot, other, person, "system:serviceaccount:shop:gone"].map(account);
    idp.knows(&tokens[0], status(bot, json!(["cedarpost"])));
    idp.knows(&tokens[1], status(other, json!([])));
    idp.knows(&tokens[2], status(person, json!(["cedarpost"])));
    let mut client = Mcp::connect_showing(sidecar.address, Era::Modern, bearer(&tokens[0])).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let (headers, body) = idp.asked("/tokenreviews").remove(0);
    let review: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&headers["authorization"], &review["spec"]["audiences"]),
        (&http::HeaderValue::from_static("Bearer our-own-token"), &json!(["cedarpost"]))
    );
    assert_eq!(idp.count("/tokenreviews"), 1, "once, for all calls with it");
    for token in &tokens[1..] {
        client.shows = bearer(token);
        assert_eq!(client.call("2", "echo", json!({})).await.unwrap().status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_explained_step_by_step_with_an_exit_code() {
    let attributes = "attributes = [{ name = 'department', claim = '/dept', type = 'string' }]";
    let house = House::with("", attributes, |_, _| None).await;
    let config = house.home.path("cedarpost.toml");
    let test = |token: String, more: &'static [&'static str]| {
        let config = config.to_str().unwrap().to_owned();
        async move {
            let mut words = vec!["identity", "test", "--config", &config, &token];
            words.extend(more);
            let run = cedarpost(&words).await;
            (run.status.code().unwrap(), String::from_utf8(run.stdout).unwrap())
        }
    };
    let good = house.idp.token(json!({ "roles": ["support"], "dept": "sales", "act": { "sub": "b", "act": { "sub": "a" } } }));
    let (code, text) = test(good.clone(), &[]).await;
    assert_eq!(code, 0, "{text}");
    for part in [
        "ok  signature",
        "ok  audience",
        "agent        b",
        "person       alice",
        "support",
        "through      a",
        "department",
        "sales",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text) = test(good, &["--format", "json"]).await;
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["accepted"], &told["caller"]["agent"]), (0, &json!(true), &json!("b")), "{told}");
    assert_eq!(told["caller"]["token"]["claims"]["department"], "sales");
    let (code, text) = test(house.idp.token(json!({ "aud": "https://elsewhere" })), &[]).await;
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("ok  signature") && text.contains("no  audience     the token is not for this resource"), "{text}");
    let (code, text) = test("garbage".to_owned(), &["--format", "json"]).await;
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["accepted"], &told["reason"]), (3, &json!(false), &json!("not_a_jwt")), "{told}");
}
