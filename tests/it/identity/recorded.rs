//! What the log says of who was let in, and of those who were not.

use std::collections::BTreeMap;

use super::{Era, HeaderMap, House, Mcp, Value, bearer, json};
use crate::support::{Home, cedarpost, now};

pub(super) async fn records(home: &Home) -> Vec<Value> {
    let directory = home.audit();
    let shown = cedarpost(&["audit", "show", "--audit-dir", directory.to_str().unwrap(), "--json", "--limit", "1000"]).await;
    String::from_utf8(shown.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_says_by_what_its_caller_was_identified_but_never_the_token() {
    let house = House::with("actor_token = 'optional'", "actors = true", |_, _| None).await;
    let plain = house.idp.token(json!({ "act": { "sub": "planner", "act": { "sub": "portal" } } }));
    let nameless = house.idp.token(json!({ "jti": null }));
    for token in [&plain, &nameless] {
        let mut client = house.client(Era::Modern, token).await;
        assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
    }
    let person = house.idp.token(json!({ "jti": "p-1", "aud": "helper", "client_id": "portal" }));
    let mut shows = bearer(&house.idp.token(json!({ "sub": "helper" })));
    shows.insert("cedarpost-actor-token", person.parse().unwrap());
    let mut client = Mcp::connect_showing(house.sidecar.address, Era::Modern, shows).await.unwrap();
    assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());

    let found: Vec<Value> = records(&house.home).await.into_iter().filter(|record| record["t"] == "decision").collect();
    let issuer = house.idp.issuer();
    let token = json!({ "issuer": issuer, "jti": "t-1" });
    assert_eq!(found[0]["identity"], json!({ "chain": ["portal"], "token": token, "way": "oauth" }));
    let digest = ring::digest::digest(&ring::digest::SHA256, nameless.as_bytes());
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found[1]["identity"], json!({ "token": { "issuer": issuer, "sha256": digest }, "way": "oauth" }));
    let actor = json!({ "issuer": issuer, "jti": "p-1" });
    assert_eq!(found[2]["identity"], json!({ "actor": actor, "token": token, "way": "oauth" }));
    assert!(!format!("{found:?}").contains("eyJ"), "no token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_turned_away_are_counted_in_the_log_and_cannot_fill_it() {
    let house = House::open().await;
    let expired = house.idp.token(json!({ "iat": now() - 900, "exp": now() - 600 }));
    let mut turned_away = BTreeMap::new();
    for (reason, shows, times) in [("missing", HeaderMap::new(), 40), ("expired", bearer(&expired), 25)] {
        let mut client = Mcp::shake_hands(house.sidecar.address, Era::Modern).await.unwrap();
        client.shows = shows;
        for _ in 0..times {
            assert_eq!(client.call("1", "echo", json!({})).await.unwrap().status, 401);
        }
        turned_away.insert(reason.to_owned(), times);
    }
    let House { home, sidecar, ear, .. } = house;
    sidecar.stop().await;
    let called = ear.messages().iter().filter(|message| message["method"] == "tools/call").count();
    assert_eq!(called, 0, "nothing is forwarded");

    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let found: Vec<Value> = records(&home).await.into_iter().filter(|record| record["t"] == "unidentified").collect();
    for record in &found {
        *counted.entry(record["reason"].as_str().unwrap().to_owned()).or_default() += record["count"].as_u64().unwrap();
        assert_eq!(
            (&record["listener"], &record["server"], &record["source"]["ip"]),
            (&json!("mcp"), &json!("lab"), &json!("127.0.0.1"))
        );
    }
    assert_eq!(counted, turned_away);
    assert!(found.len() <= 4, "the first of each, and the rest of each: {found:#?}");
    let directory = home.audit();
    let rows = cedarpost(&["audit", "show", "--audit-dir", directory.to_str().unwrap()]).await;
    assert!(String::from_utf8_lossy(&rows.stdout).contains("unidentified  lab  expired x 24"), "{rows:?}");
    let verified = cedarpost(&["audit", "verify", "--audit-dir", directory.to_str().unwrap()]).await;
    assert!(verified.status.success(), "{verified:?}");
}
