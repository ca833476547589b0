//! Tokens beside certificates: tokens bound to one (RFC 8705), and the person behind an agent that has one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::*;
use crate::support::Idp;

fn bearer(name: &'static str, token: &str) -> HeaderMap {
    let value = if name == "authorization" { format!("Bearer {token}") } else { token.to_owned() };
    HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
}

/// The status of a call, and whether it did what it should.
async fn call(house: &House, shows: Option<&Issued>, headers: HeaderMap) -> (u16, bool) {
    let mut client = house.client_showing(Era::Modern, shows, headers).await.unwrap();
    let reply = client.call("1", "echo", json!({})).await.unwrap();
    (reply.status, reply.is_good())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_certificate_is_good_only_over_its_connection() {
    let idp = Idp::start().await;
    let issuer = format!("[[identity.issuer]]\nissuer = '{}'", idp.issuer());
    let accept = "accept = ['oauth']\nresource = 'https://mcp.example.com'";
    let house = House::with(accept, &issuer, |_, _| None).await;
    // Certificates only bind tokens here, so one without a name will do.
    let (bound_to, other) = (house.sign(&[]), house.sign(&[ID]));
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &bound_to.der));
    let token = idp.token(json!({ "cnf": { "x5t#S256": thumbprint } }));
    assert_eq!(call(&house, Some(&bound_to), bearer("authorization", &token)).await, (200, true));
    for (what, shown) in [("none", None), ("another", Some(&other))] {
        assert_eq!(call(&house, shown, bearer("authorization", &token)).await.0, 401, "{what}");
    }
    // A certificate alone is nobody where only tokens count; a token that is not bound needs none.
    assert_eq!(call(&house, Some(&other), HeaderMap::new()).await.0, 401);
    assert_eq!(call(&house, None, bearer("authorization", &idp.token(json!({})))).await, (200, true));
    let short = house.prod.sign(&Wish { valid: (-60, 3), ..Wish::client(&[]) });
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &short.der));
    let token = idp.token(json!({ "cnf": { "x5t#S256": thumbprint } }));
    let mut client = house.client_showing(Era::Modern, Some(&short), bearer("authorization", &token)).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    tokio::time::sleep(Duration::from_millis(5100)).await;
    assert_eq!(client.call("2", "echo", json!({})).await.unwrap().status, 401, "the certificate has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_ways_a_token_counts_before_a_certificate() {
    let idp = Idp::start().await;
    let issuer = format!("[[identity.issuer]]\nissuer = '{}'", idp.issuer());
    let accept = "accept = ['mtls', 'oauth']\nresource = 'https://mcp.example.com'";
    let house = House::with(accept, &issuer, |_, _| None).await;
    let (web, other) = (house.sign(&[ID]), house.sign(&["spiffe://prod.example/other"]));
    let token = bearer("authorization", &idp.token(json!({})));
    assert_eq!(call(&house, Some(&web), HeaderMap::new()).await, (200, true), "the certificate");
    assert_eq!(call(&house, Some(&other), HeaderMap::new()).await, (200, false), "another one");
    assert_eq!(call(&house, Some(&other), token.clone()).await, (200, true), "the token");
    assert_eq!(call(&house, None, token).await, (200, true), "a certificate is not needed then");
    assert_eq!(call(&house, None, HeaderMap::new()).await.0, 401, "nothing");
    assert_eq!(call(&house, Some(&web), bearer("authorization", "bad")).await.0, 401, "a bad token beside a good certificate");
    assert!(house.client(Era::Modern, Some(&house.sign(&[]))).await.is_err(), "one that tells of nobody ends the handshake");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_behind_a_workload_comes_by_a_token_for_this_workload() {
    let idp = Idp::start().await;
    let issuer = format!("[[identity.issuer]]\nissuer = '{}'\nactors = true\naudiences = ['x']", idp.issuer());
    let house = House::with("accept = ['mtls']\nactor_token = 'required'", &issuer, |_, _| None).await;
    let web = house.sign(&[ID]);
    let person = |change: Value| bearer("cedarpost-actor-token", &idp.token(change));
    assert_eq!(call(&house, Some(&web), person(json!({ "aud": ID, "client_id": "portal" }))).await, (200, true));
    assert_eq!(call(&house, Some(&web), HeaderMap::new()).await.0, 401, "nobody");
    let other = json!({ "aud": "spiffe://prod.example/other", "client_id": "portal" });
    assert_eq!(call(&house, Some(&web), person(other)).await.0, 401, "for another workload");
    // Bob may do nothing, so neither may the agent for him.
    let bob = json!({ "aud": ID, "client_id": "portal", "sub": "bob" });
    assert_eq!(call(&house, Some(&web), person(bob)).await, (200, false));
}
