//! The caller's own token, where the server is the very resource that it is for.

use super::{Era, House, Mcp, ask, json, sentence, showing, values};
use crate::support::{Home, TestKey, cedarpost};

const KEYS: &str = "credential = 'same-resource'\ncredential_resource = 'https://mcp.example.com/lab'\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_token_goes_on_as_it_is_and_only_with_the_callers_own_requests() {
    let house = House::open(KEYS).await;
    let token = house.idp.token(json!({}));
    for era in [Era::Modern, Era::Legacy] {
        let mut client = house.client(era, &token).await;
        assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    }
    let expected = format!("Bearer {token}");
    let posts = house.ear.requests("POST");
    assert!(posts.len() > 4 && posts.iter().all(|seen| values(seen, "authorization") == expected), "{posts:#?}");
    let own = |seen: &&super::Seen| String::from_utf8_lossy(&seen.body).contains("\"cedarpost-");
    assert_eq!(posts.iter().filter(own).count(), 0, "there is nothing to ask in our own name with");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_served_with_the_token_of_each_request_and_not_of_its_first() {
    let house = House::open(KEYS).await;
    let (first, second) = (house.idp.token(json!({ "jti": "1" })), house.idp.token(json!({ "jti": "2" })));
    let mut client = house.client(Era::Legacy, &first).await;
    client.shows = showing(&[("authorization", &format!("Bearer {second}"))]);
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    assert_eq!(house.shown("authorization"), [format!("Bearer {second}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_bound_to_its_bearer_goes_nowhere() {
    let house = House::open(KEYS).await;
    let key = TestKey::new("c");
    let token = house.idp.token(json!({ "cnf": { "jkt": key.thumbprint() } }));
    let proof = |id: &str| key.proof(&token, "POST", "https://mcp.example.com/lab", id);
    let shows = |id: &str| showing(&[("authorization", &format!("DPoP {token}")), ("dpop", &proof(id))]);
    let mut client = Mcp::connect_showing(house.sidecar.address, Era::Modern, shows("1")).await.unwrap();
    client.shows = shows("2");
    let expected = "Not forwarded: the MCP server is reached on behalf of a user, and no token that allows this was shown.";
    assert_eq!(sentence(&ask(&mut client).await), expected);
    assert!(house.ear.requests("POST").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_us_is_not_passed_on_to_somebody_else() {
    let idp = "http://127.0.0.1:9/";
    let section = format!("accept = ['oauth']\nresource = 'https://mcp.example.com'\n[[identity.issuer]]\nissuer = '{idp}'\n");
    for (keys, text) in [
        (KEYS.replace("/lab'", "/other'"), "a token for us is not for it"),
        ("credential = 'same-resource'\n".to_owned(), "needs the server's own resource"),
        ("credential = 'passthrough'\n".to_owned(), "is not one of none, static"),
    ] {
        let home = Home::new("127.0.0.1:9".parse().unwrap(), super::POLICY).with_identity(&section).with_server(&keys);
        let config = home.path("cedarpost.toml");
        let refused = cedarpost(&["config", "show", "--config", config.to_str().unwrap()]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.split_whitespace().collect::<Vec<_>>().join(" ").contains(text), "{said}");
    }
}
