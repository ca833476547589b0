//! An agent with an identity of its own, and the person behind it by a second token.

use super::{Era, HeaderMap, House, RESOURCE, Value, json, showing};
use crate::support::Mcp;

/// What a client gets that shows both tokens.
async fn both(house: &House, agent: Value, person: Option<Value>) -> (u16, bool) {
    let mut shows: HeaderMap = super::bearer(&house.idp.token(agent));
    if let Some(person) = person {
        shows.extend(showing(&[("cedarpost-actor-token", &house.idp.token(person))]));
    }
    let mut client = Mcp::connect_showing(house.sidecar.address, Era::Modern, shows).await.unwrap();
    let reply = client.call("1", "echo", json!({})).await.unwrap();
    (reply.status, reply.is_good())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_behind_an_agent_is_believed_only_with_a_token_for_this_agent() {
    let house = House::with("actor_token = 'required'", "actors = true", |_, _| None).await;
    let agent = || json!({ "sub": "helper" });
    let refused = (401, false);
    for (what, person, expected) in [
        ("for the agent", Some(json!({ "aud": "helper", "client_id": "portal" })), (200, true)),
        ("act", Some(json!({ "client_id": "portal", "act": { "sub": "helper" } })), (200, true)),
        ("may_act", Some(json!({ "client_id": "portal", "may_act": { "sub": "helper" } })), (200, true)),
        ("nobody", None, refused),
        ("for another agent", Some(json!({ "aud": "other", "client_id": "portal" })), refused),
        ("act of another", Some(json!({ "client_id": "portal", "act": { "sub": "other" } })), refused),
        ("may_act of another", Some(json!({ "client_id": "portal", "may_act": { "sub": "other" } })), refused),
        ("only for us", Some(json!({ "client_id": "portal" })), refused),
        ("act, but for another resource", Some(json!({ "aud": "https://x", "act": { "sub": "helper" } })), refused),
        ("a client's", Some(json!({ "aud": "helper", "sub": "portal", "client_id": "portal" })), refused),
        ("expired", Some(json!({ "aud": "helper", "exp": crate::support::now() - 60, "iat": null })), refused),
        ("by somebody else", Some(json!({ "aud": "helper", "iss": "https://evil.example" })), refused),
    ] {
        assert_eq!(both(&house, agent(), person).await, expected, "{what}");
    }
    // The agent's own token tells of somebody too: it must be the same person.
    assert_eq!(both(&house, json!({}), Some(json!({ "aud": "helper", "client_id": "portal" }))).await, (200, true));
    let other = json!({ "aud": "helper", "client_id": "portal", "sub": "bob" });
    assert_eq!(both(&house, json!({}), Some(other)).await, refused);
    let seen: Vec<String> = house.ear.requests("POST").iter().map(|seen| format!("{seen:?}").to_lowercase()).collect();
    assert!(seen.iter().all(|seen| !seen.contains("actor-token")), "neither token goes on");
    assert!(!RESOURCE.is_empty());
}
