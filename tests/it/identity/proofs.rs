//! Tokens that are bound to a key: good with a proof, once, and not without.

use super::{Era, House, RESOURCE, json, showing};
use crate::support::{Connection, Mcp, PATH, TestKey};

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_good_with_a_proof_for_this_request_and_each_proof_is_good_once() {
    let house = House::open().await;
    let key = TestKey::new("client");
    let token = house.idp.token(json!({ "cnf": { "jkt": key.thumbprint() } }));
    let shows = |proof: &str| showing(&[("authorization", &format!("DPoP {token}")), ("dpop", proof)]);
    // A client that makes a proof for each request, as its library would.
    let proof = |id: &str| key.proof(&token, "POST", RESOURCE, id);
    let first = shows(&proof("1"));
    let mut client = Mcp::connect_showing(house.sidecar.address, Era::Modern, first).await.unwrap();
    client.shows = shows(&proof("2"));
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    let before = house.reached();
    for (what, proof) in [
        ("replayed", proof("2")),
        ("for another method", key.proof(&token, "GET", RESOURCE, "3")),
        ("for another URL", key.proof(&token, "POST", "https://mcp.example.com/other", "4")),
        ("for the address behind the name", key.proof(&token, "POST", &format!("http://{}{PATH}", house.sidecar.address), "5")),
        ("for another token", key.proof(&house.idp.token(json!({})), "POST", RESOURCE, "6")),
        ("by another key", TestKey::new("x").proof(&token, "POST", RESOURCE, "7")),
        ("no proof", "x".to_owned()),
    ] {
        client.shows = shows(&proof);
        let reply = client.call("2", "echo", json!({})).await.unwrap();
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
        assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\""), "{what}: {challenge}");
    }
    client.shows = showing(&[("authorization", &format!("Bearer {token}")), ("dpop", &proof("8"))]);
    assert_eq!(client.call("3", "echo", json!({})).await.unwrap().status, 401, "it is no bearer token");
    let unbound = house.idp.token(json!({}));
    client.shows =
        showing(&[("authorization", &format!("DPoP {unbound}")), ("dpop", &key.proof(&unbound, "POST", RESOURCE, "9"))]);
    assert_eq!(client.call("4", "echo", json!({})).await.unwrap().status, 401);
    assert_eq!(house.reached(), before);
    let seen: Vec<String> = house.ear.requests("POST").iter().map(|seen| format!("{seen:?}").to_lowercase()).collect();
    assert!(seen.iter().all(|seen| !seen.contains("dpop")), "proofs do not go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_is_asked_for_is_handed_out_with_the_refusal() {
    let house = House::with("dpop_nonce = true", "bound_only = true", |_, _| None).await;
    let key = TestKey::new("client");
    let token = house.idp.token(json!({ "cnf": { "jkt": key.thumbprint() } }));
    let mut headers = showing(&[("host", &house.sidecar.address.to_string()), ("content-type", "application/json")]);
    headers.extend(showing(&[("authorization", &format!("DPoP {token}")), ("dpop", &key.proof(&token, "POST", RESOURCE, "1"))]));
    let mut connection = Connection::open(house.sidecar.address).await.unwrap();
    let reply = connection.send(http::Method::POST, PATH, &headers, b"{}").await.unwrap();
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").unwrap().starts_with("DPoP error=\"use_dpop_nonce\""), "{reply:?}");
    assert!(reply.header("dpop-nonce").is_some_and(|nonce| nonce.len() > 20));
    let unbound = house.idp.token(json!({}));
    headers.insert("authorization", format!("Bearer {unbound}").parse().unwrap());
    assert_eq!(connection.send(http::Method::POST, PATH, &headers, b"{}").await.unwrap().status, 401, "only bound tokens");
}
