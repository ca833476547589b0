//! Every kind of request with every kind of bad identity: turned away, counted, recorded, and nothing of it reaches the server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use ring::hmac;

use super::recorded::records;
use super::{Duration, Era, HeaderMap, House, Value, bearer, json, showing};
use crate::support::{Connection, MODERN, PATH, TestKey, modern_meta, now};

/// The bad identities, by name: what is shown, and the word for it.
fn bad_identities(house: &House) -> Vec<(&'static str, HeaderMap, &'static str)> {
    let idp = &house.idp;
    let foreign = TestKey::new("k1");
    let claims = |change: Value| idp.claims(change);
    let foreign_header = |more: Value| {
        let mut header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        foreign.sign(&header, &claims(json!({})))
    };
    let good = idp.token(json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#), signed.split_once('.').unwrap().1);
    let hmac = {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#);
        let signed = format!("{head}.{}", signed.split_once('.').unwrap().1);
        let key = hmac::Key::new(hmac::HMAC_SHA256, idp.public_key().to_string().as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
    };
    let tampered = format!("{}.{signature}", idp.token(json!({ "sub": "root" })).rsplit_once('.').unwrap().0);
    let duplicated = {
        let payload = format!(r#"{{"sub":"root",{}"#, claims(json!({})).to_string().trim_start_matches('{'));
        format!("{}.{}.{signature}", signed.split_once('.').unwrap().0, URL_SAFE_NO_PAD.encode(payload))
    };
    let spoofed = showing(&[
        ("x-forwarded-user", "alice"),
        ("x-forwarded-email", "alice@example.com"),
        ("x-user", "alice"),
        ("x-agent", "helper"),
        ("remote-user", "alice"),
        ("x-client-cert", "CN=helper"),
        ("x-forwarded-access-token", &good),
    ]);
    let token = |word, token: String| (word, bearer(&token), word);
    vec![
        ("none", HeaderMap::new(), "missing"),
        ("spoofed headers", spoofed, "missing"),
        ("a cookie", showing(&[("cookie", &format!("access_token={good}"))]), "missing"),
        ("basic", showing(&[("authorization", "Basic aGVscGVyOng=")]), "not_accepted"),
        ("two tokens", showing(&[("authorization", &format!("Bearer {good}")), ("authorization", "Bearer x")]), "malformed"),
        (
            "an actor's token",
            showing(&[("authorization", &format!("Bearer {good}")), ("cedarpost-actor-token", &good)]),
            "not_accepted",
        ),
        token("expired", idp.token(json!({ "exp": now() - 60, "iat": now() - 600 }))),
        token("not_yet", idp.token(json!({ "nbf": now() + 600 }))),
        token("no_expiry", idp.token(json!({ "exp": null }))),
        ("wrong audience", bearer(&idp.token(json!({ "aud": "https://mcp.example.com/other" }))), "audience"),
        ("audience of the whole host", bearer(&idp.token(json!({ "aud": "https://mcp.example.com" }))), "audience"),
        ("wrong issuer", bearer(&idp.token(json!({ "iss": "https://evil.example" }))), "issuer"),
        ("alg none", bearer(&none), "algorithm"),
        ("HMAC with the public key", bearer(&hmac), "algorithm"),
        ("another key under a known name", bearer(&foreign_header(json!({}))), "signature"),
        ("kid injection", bearer(&foreign_header(json!({ "kid": "../../dev/null", "jwk": foreign.jwk() }))), "unknown_key"),
        ("crit", bearer(&idp.token_with(json!({ "crit": ["exp"] }), json!({}))), "critical_header"),
        ("an ID token", bearer(&idp.token_with(json!({ "typ": "id+jwt" }), json!({}))), "type"),
        ("tampered", bearer(&tampered), "signature"),
        ("a claim twice", bearer(&duplicated), "not_strict_json"),
        ("oversized", bearer(&"x".repeat(17 * 1024)), "too_long"),
        ("opaque", bearer("opaque"), "not_a_jwt"),
        ("bound to a key, without a proof", bearer(&idp.token(json!({ "cnf": { "jkt": foreign.thumbprint() } }))), "unbound"),
        ("nobody's", bearer(&idp.token(json!({ "sub": null }))), "claim"),
    ]
}

/// Every kind of request: HTTP method, path, headers and body.
fn requests() -> Vec<(String, Method, String, HeaderMap, String)> {
    let legacy = [
        (
            "initialize",
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } }),
        ),
        ("ping", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "echo", "arguments": {} })),
        ("resources/list", json!({})),
        ("resources/read", json!({ "uri": "file:///a" })),
        ("resources/subscribe", json!({ "uri": "file:///a" })),
        ("prompts/get", json!({ "name": "p" })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "p" }, "argument": { "name": "a", "value": "" } }),
        ),
        ("logging/setLevel", json!({ "level": "debug" })),
        ("tasks/get", json!({ "taskId": "t" })),
        ("tasks/result", json!({ "taskId": "t" })),
        ("no/such", json!({})),
    ];
    let modern = [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "echo", "arguments": {} })),
        ("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })),
    ];
    let json_headers = || showing(&[("content-type", "application/json"), ("accept", "application/json, text/event-stream")]);
    let mut all = Vec::new();
    for (method, params) in legacy {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        all.push((method.to_owned(), Method::POST, PATH.to_owned(), json_headers(), body));
    }
    for (method, mut params) in modern {
        params["_meta"] = modern_meta();
        let mut headers = json_headers();
        headers.extend(showing(&[("mcp-protocol-version", MODERN), ("mcp-method", method)]));
        if method == "tools/call" {
            headers.extend(showing(&[("mcp-name", "echo")]));
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        all.push((format!("modern {method}"), Method::POST, PATH.to_owned(), headers, body));
    }
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let response = json!({ "jsonrpc": "2.0", "id": "q", "result": {} }).to_string();
    let session = showing(&[("mcp-session-id", "scripted"), ("accept", "text/event-stream")]);
    all.push(("notification".to_owned(), Method::POST, PATH.to_owned(), json_headers(), notification));
    all.push(("response".to_owned(), Method::POST, PATH.to_owned(), json_headers(), response));
    all.push(("garbage".to_owned(), Method::POST, PATH.to_owned(), json_headers(), "{".to_owned()));
    all.push(("GET".to_owned(), Method::GET, PATH.to_owned(), session.clone(), String::new()));
    all.push(("GET below".to_owned(), Method::GET, format!("{PATH}/message"), session.clone(), String::new()));
    all.push(("DELETE".to_owned(), Method::DELETE, PATH.to_owned(), session, String::new()));
    all.push(("PUT".to_owned(), Method::PUT, PATH.to_owned(), HeaderMap::new(), String::new()));
    all.push(("OPTIONS".to_owned(), Method::OPTIONS, PATH.to_owned(), HeaderMap::new(), String::new()));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_with_every_bad_identity_is_turned_away_and_nothing_reaches_the_server() {
    let house = House::open().await;
    let address = house.sidecar.address;
    let mut connection = Connection::open(address).await.unwrap();
    let (identities, requests) = (bad_identities(&house), requests());
    let before = house.reached();
    let mut tried = 0_u64;
    for (name, shown, _) in &identities {
        // One look at the issuer's keys is enough; those who lack one would wait for more.
        let requests: Vec<_> =
            if *name == "kid injection" { requests.iter().take(2).collect() } else { requests.iter().collect() };
        for (what, method, path, headers, body) in requests {
            let mut headers = headers.clone();
            headers.extend(showing(&[("host", &address.to_string())]));
            for (name, value) in shown {
                headers.append(name, value.clone());
            }
            let path = format!("{path}?access_token={}", house.idp.token(json!({})));
            let reply = connection.send(method.clone(), &path, &headers, body.as_bytes()).await.unwrap();
            assert_eq!(reply.status, 401, "{name}: {what}: {reply:?}");
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(
                challenge.contains(r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/lab""#)
                    && challenge.contains(r#"scope="mcp""#),
                "{name}: {what}: {challenge}"
            );
            assert!(!String::from_utf8_lossy(&reply.body).contains("alice"), "{reply:?}");
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
    assert_eq!(house.reached(), before, "nothing reached the server");
    assert_eq!(house.decisions().await, Vec::<String>::new(), "there was nothing to decide");
    let House { home, sidecar, .. } = house;
    sidecar.stop().await;
    let counts = records(&home).await.into_iter().filter(|record| record["t"] == "unidentified");
    let recorded: u64 = counts.map(|record| record["count"].as_u64().unwrap()).sum();
    assert_eq!(recorded, tried, "each is recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_identity_is_counted_for_what_it_is() {
    let house = House::open().await;
    for (name, shown, word) in bad_identities(&house) {
        let mut headers = showing(&[("host", &house.sidecar.address.to_string()), ("content-type", "application/json")]);
        headers.extend(shown.iter().fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value.clone());
            all
        }));
        let before = house.sidecar.metric(&format!("cedarpost_identity_refusals_total{{reason=\"{word}\"}}")).await;
        let mut connection = Connection::open(house.sidecar.address).await.unwrap();
        connection.send(Method::POST, PATH, &headers, b"{}").await.unwrap();
        let after = house.sidecar.metric(&format!("cedarpost_identity_refusals_total{{reason=\"{word}\"}}")).await;
        assert_eq!(after, before + 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_gets_in_by_both_eras_and_never_reaches_the_server() {
    let house = House::open().await;
    let token = house.idp.token(json!({}));
    for era in [Era::Legacy, Era::Modern] {
        let mut client = house.client(era, &token).await;
        let reply = client.call("1", "echo", json!({})).await.unwrap();
        assert!(reply.is_good(), "{reply:?}");
    }
    let seen: Vec<String> = house.ear.requests("POST").iter().map(|seen| format!("{seen:?}")).collect();
    assert!(!seen.is_empty() && seen.iter().all(|seen| !seen.contains("Bearer") && !seen.contains(&token)), "{seen:?}");
    assert_eq!(house.decisions().await, ["tools/call echo allow ok"; 2]);
    assert_eq!(house.idp.count("/keys"), 1, "the keys were fetched once");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_for_everybody_where_clients_look_for_it() {
    let house = House::open().await;
    let host = showing(&[("host", &house.sidecar.address.to_string())]);
    for path in ["/.well-known/oauth-protected-resource/lab", "/.well-known/oauth-protected-resource"] {
        let mut connection = Connection::open(house.sidecar.address).await.unwrap();
        let reply = connection.send(Method::GET, path, &host, b"").await.unwrap();
        let metadata: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &metadata["resource"]), (200, &json!(super::RESOURCE)), "{path}");
        assert_eq!(metadata["authorization_servers"], json!([house.idp.issuer()]));
        let post = connection.send(Method::POST, path, &host, b"").await.unwrap();
        assert_eq!(post.status, 405);
    }
    // By the name that clients know.
    let mut connection = Connection::open(house.sidecar.address).await.unwrap();
    let named = showing(&[("host", "mcp.example.com")]);
    let reply = connection.send(Method::GET, "/.well-known/oauth-protected-resource/lab", &named, b"").await.unwrap();
    assert_eq!(reply.status, 200);
    tokio::time::sleep(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_a_server_asks_of_everybody_is_asked_for_with_403() {
    let house = House::open().await;
    // The scope is a key of the server's table, which stands last in the file.
    let home = house.home.with_server("scopes = ['mcp', 'lab']\n");
    let sidecar =
        crate::support::Sidecar::start_with(&home, &[("CEDARPOST_AUDIT_DIRECTORY", home.path("audit-2").to_str().unwrap())])
            .await;
    let ask = |token: String| async move {
        let mut headers = showing(&[("host", &sidecar.address.to_string()), ("content-type", "application/json")]);
        headers.extend(bearer(&token));
        let reply = Connection::open(sidecar.address).await.unwrap().send(Method::POST, PATH, &headers, b"{}").await.unwrap();
        drop(sidecar);
        reply
    };
    let reply = ask(house.idp.token(json!({ "scope": "mcp" }))).await;
    let challenge = reply.header("www-authenticate").unwrap();
    assert_eq!(reply.status, 403, "{reply:?}");
    assert!(challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(r#"scope="mcp lab""#), "{challenge}");
}
