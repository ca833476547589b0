//! What clients show is for us: none of it reaches a server, on whichever way.

use http::Method;

use super::{Era, House, Mcp, PATH, json, showing};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_what_a_client_shows_reaches_the_server_on_any_path() {
    let house = House::with("actor_token = 'optional'", "actors = true", "", |_, _| None).await;
    let access = house.idp.token(json!({ "jti": "the-access-token" }));
    let actor = house.idp.token(json!({ "jti": "the-actor-token", "aud": "helper", "client_id": "portal" }));
    let secrets = [
        ("authorization", format!("Bearer {access}")),
        ("cedarpost-actor-token", actor.clone()),
        ("dpop", "the-proof".to_owned()),
        ("cookie", "session=the-cookie".to_owned()),
        ("proxy-authorization", "Basic the-proxy".to_owned()),
        ("x-forwarded-access-token", "the-forwarded".to_owned()),
        ("x-forwarded-client-cert", "Hash=the-certificate".to_owned()),
    ];
    let shows = showing(&secrets.each_ref().map(|(name, value)| (*name, value.as_str())));
    for era in [Era::Legacy, Era::Modern] {
        let mut client = Mcp::connect_showing(house.sidecar.address, era, shows.clone()).await.unwrap();
        // A token in the query is one too, and nobody looks there.
        let headers = client.headers("tools/call", Some("echo"));
        let params = json!({"name": "echo", "arguments": {}, "_meta": crate::support::modern_meta()});
        let body = json!({"jsonrpc": "2.0", "id": "7", "method": "tools/call", "params": params}).to_string();
        if era == Era::Modern {
            let path = format!("{PATH}?access_token=the-query");
            let reply = client.connection.send(Method::POST, &path, &headers, body.as_bytes()).await.unwrap();
            assert!(reply.is_good(), "{reply:?}");
        }
        assert!(client.call("1", "echo", json!({})).await.unwrap().is_good());
        if era == Era::Legacy {
            drop(client.listen(house.sidecar.address, None).await);
            let headers = client.headers("", None);
            client.connection.send(Method::DELETE, PATH, &headers, b"").await.unwrap();
        }
    }
    let seen: Vec<_> = ["GET", "POST", "DELETE"].into_iter().flat_map(|method| house.ear.requests(method)).collect();
    let own = |seen: &&super::Seen| String::from_utf8_lossy(&seen.body).contains("\"cedarpost-");
    assert!(seen.iter().any(|seen| own(&seen)), "the sidecar has asked for the tools by itself");
    assert!(["GET", "DELETE"].into_iter().all(|method| !house.ear.requests(method).is_empty()));
    for request in seen {
        let text = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
        let secret = ["the-", access.as_str(), actor.as_str(), "eyJ"].into_iter().find(|secret| text.contains(secret));
        assert_eq!(secret, None, "{text}");
        for (name, _) in &secrets {
            assert!(!request.headers.contains_key(*name), "{name}: {text}");
        }
    }
}
