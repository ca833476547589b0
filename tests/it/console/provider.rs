//! Logging in at an OpenID provider, and everything with which somebody else could be taken for a person.

use serde_json::{Value, json};

use super::{Run, text};
use crate::support::{Idp, Reply, TestKey, Upstream, now};

async fn run(idp: &Idp) -> Run {
    let more = format!(
        "console.url = 'http://127.0.0.1:{{port}}'\nconsole.oidc = {{ issuer = '{}', client_id = 'console', roles = '/groups', label = 'Test' }}",
        idp.issuer()
    );
    Run::start(&Upstream::start().await, &more).await
}

/// A member of a query.
fn query(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').unwrap();
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// Goes to the provider and back with an ID token that is changed so; `state` may be changed on the way.
async fn login(run: &Run, idp: &Idp, header: Value, change: Value, state: impl Fn(String) -> String) -> (super::Browser, Reply) {
    let mut browser = run.browser();
    let sent = browser.get("/login/oidc?next=%2Fpolicies").await;
    let address = sent.header("location").unwrap();
    assert!(address.starts_with(&format!("{}/authorize?response_type=code", idp.issuer())), "{address}");
    assert!(sent.header("set-cookie").unwrap().contains("SameSite=Lax"));
    let mut claims = json!({
        "aud": "console", "sub": "olga", "groups": ["owners"], "nonce": query(&address, "nonce"), "client_id": null, "scope": null,
        "iat": now(), "exp": now() + 300,
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let mut head = json!({ "typ": "JWT" });
    for (name, value) in header.as_object().unwrap() {
        head[name] = value.clone();
    }
    let token = idp.token_with(head, claims);
    idp.grants(move |_| (200, json!({ "access_token": "a", "token_type": "Bearer", "id_token": token }).to_string()));
    let back = browser.get(&format!("/login/callback?code=c&state={}", state(query(&address, "state")))).await;
    (browser, back)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_provider_vouches_for_is_let_in_as_themselves() {
    let idp = Idp::start().await;
    let run = run(&idp).await;
    let (mut browser, back) = login(&run, &idp, json!({}), json!({}), |state| state).await;
    assert_eq!((back.status, back.header("refresh").as_deref()), (200, Some("0; url=/policies")), "{}", text(&back));
    assert!(text(&browser.get("/policies").await).contains("olga"));
    let form = idp.forms().pop().unwrap();
    assert_eq!((form["grant_type"].as_str(), form["code"].as_str()), ("authorization_code", "c"));
    assert_eq!(form["code_verifier"].len(), 43);
    // The way back is good once.
    assert_eq!(browser.get("/login/callback?code=c&state=x").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_with_a_token_of_another_login_client_issuer_or_key() {
    let idp = Idp::start().await;
    let run = run(&idp).await;
    let good = |state: String| state;
    let cases: [(&str, Value, Value); 9] = [
        ("nonce", json!({}), json!({ "nonce": "other" })),
        ("no nonce", json!({}), json!({ "nonce": null })),
        ("audience", json!({}), json!({ "aud": "another-client" })),
        ("several audiences", json!({}), json!({ "aud": ["console", "another"] })),
        ("authorized party", json!({}), json!({ "azp": "another" })),
        ("issuer", json!({}), json!({ "iss": "https://evil.example" })),
        ("too old", json!({}), json!({ "exp": now() - 3_600 })),
        ("an access token", json!({ "typ": "at+jwt" }), json!({})),
        ("unknown key", json!({ "kid": "other" }), json!({})),
    ];
    for (name, header, change) in cases {
        // The limit on logins is for addresses: there are fewer of these than tries.
        let (mut browser, back) = login(&run, &idp, header, change, good).await;
        assert!(back.status == 403, "{name}: {}", text(&back));
        assert_eq!(browser.get("/policies").await.status, 303, "{name}");
        assert!(back.header("set-cookie").is_none(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_tied_to_the_browser_that_began() {
    let idp = Idp::start().await;
    let run = run(&idp).await;
    let (_, back) = login(&run, &idp, json!({}), json!({}), |_| "other".to_owned()).await;
    assert_eq!(back.status, 403);
    // A code and state of somebody else's login, in a browser that began none.
    let mut attacker = run.browser();
    let begun = attacker.get("/login/oidc").await;
    let state = query(&begun.header("location").unwrap(), "state");
    let mut victim = run.browser();
    assert_eq!(victim.get(&format!("/login/callback?code=c&state={state}")).await.status, 403);
    // A forged token, signed with a key that the provider does not publish.
    let forged = TestKey::new("k1");
    let nonce = query(&begun.header("location").unwrap(), "nonce");
    let claims =
        json!({ "iss": idp.issuer(), "aud": "console", "sub": "olga", "nonce": nonce, "iat": now(), "exp": now() + 300 });
    let token = forged.sign(&json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" }), &claims);
    idp.grants(move |_| (200, json!({ "id_token": token }).to_string()));
    assert_eq!(attacker.get(&format!("/login/callback?code=c&state={state}")).await.status, 403);
}
