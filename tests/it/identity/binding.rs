//! Sessions, streams and tasks belong to the caller who made them: for anybody else they do not exist.

use http::Method;

use super::{Answer, Era, House, bearer, json};
use crate::support::{Connection, LEGACY, PATH};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_somebody_else_does_not_exist() {
    let house = House::open().await;
    let mut alice = house.client(Era::Legacy, &house.idp.token(json!({}))).await;
    for (other, change) in [
        ("another person", json!({ "sub": "mallory" })),
        ("another agent", json!({ "client_id": "other" })),
        ("another agent for the same person", json!({ "act": { "sub": "other" } })),
        ("nobody's agent", json!({ "sub": "helper" })),
        ("other scopes", json!({ "scope": "mcp admin" })),
        ("other roles", json!({ "roles": ["admin"] })),
    ] {
        let before = house.reached();
        alice.shows = bearer(&house.idp.token(change));
        let call = alice.call("1", "echo", json!({})).await.unwrap();
        assert_eq!((call.status, call.code()), (404, Some(-32001)), "{other}: {call:?}");
        for method in [Method::GET, Method::DELETE] {
            let headers = alice.headers("", None);
            let mut connection = Connection::open(house.sidecar.address).await.unwrap();
            let reply = connection.send(method.clone(), PATH, &headers, b"").await.unwrap();
            assert_eq!((reply.status, reply.code()), (404, Some(-32001)), "{other}: {method} {reply:?}");
        }
        // An id that never was is answered in the same words.
        let mut unknown = bearer(&house.idp.token(json!({})));
        unknown.extend(super::showing(&[("host", &house.sidecar.address.to_string()), ("mcp-session-id", "never-was")]));
        let never =
            Connection::open(house.sidecar.address).await.unwrap().send(Method::DELETE, PATH, &unknown, b"").await.unwrap();
        assert_eq!((never.status, never.code()), (404, Some(-32001)));
        assert_eq!(house.reached(), before, "{other}");
    }
    // A renewed token of the same caller is as good as the old one.
    alice.shows = bearer(&house.idp.token(json!({ "jti": "t-2" })));
    assert!(alice.call("2", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_somebody_else_does_not_exist() {
    let house = House::with("", "", |_, message| {
        let capabilities = json!({"tools": {}, "tasks": {}});
        let welcome =
            json!({"protocolVersion": LEGACY, "capabilities": capabilities, "serverInfo": {"name": "s", "version": "1"}});
        let task = json!({"taskId": "task-1", "status": "working", "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z", "ttl": 60000});
        match message["method"].as_str() {
            Some("initialize") => {
                let session = message["params"]["clientInfo"]["name"].as_str().map(|_| "scripted").unwrap_or_default();
                Some(Answer::Headed(vec![("mcp-session-id", session)], Box::new(Answer::result(message, welcome))))
            }
            Some("tools/call") => Some(Answer::result(message, json!({ "task": task }))),
            Some("tasks/get") => Some(Answer::result(message, task)),
            _ => None,
        }
    })
    .await;
    let mut alice = house.client(Era::Legacy, &house.idp.token(json!({}))).await;
    let made = alice.request("1", "tools/call", None, json!({ "name": "echo", "arguments": {}, "task": { "ttl": 60000 } })).await;
    assert!(made.unwrap().json()["result"]["task"].is_object());
    assert!(alice.request("2", "tasks/get", None, json!({ "taskId": "task-1" })).await.unwrap().is_good());

    let mut mallory = house.client(Era::Modern, &house.idp.token(json!({ "sub": "mallory" }))).await;
    let before = house.reached();
    let foreign = mallory.request("3", "tasks/get", None, json!({ "taskId": "task-1" })).await.unwrap();
    let unknown = mallory.request("3", "tasks/get", None, json!({ "taskId": "never-was" })).await.unwrap();
    assert_eq!((foreign.status, foreign.code()), (200, Some(-32602)), "{foreign:?}");
    assert_eq!(foreign.body, unknown.body, "both are unknown, in the same words");
    assert_eq!(house.reached(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_somebody_listens_to_ends_with_their_token() {
    let (events, stream) = Answer::events();
    let mut stream = Some(stream);
    let house =
        House::with("clock_skew = '0ms'", "", move |seen, _| if seen.method == "GET" { stream.take() } else { None }).await;
    let token = house.idp.token(json!({ "exp": crate::support::now() + 4 }));
    let client = house.client(Era::Legacy, &token).await;
    let mut listening = client.listen(house.sidecar.address, None).await;
    assert_eq!(listening.status, 200);
    events.send("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n".into()).unwrap();
    assert!(listening.next().await.is_some());
    assert_eq!(listening.next().await, None, "it ends although the server goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_state_of_somebody_else_or_of_nobody_is_unknown() {
    let house = House::with("", "", |_, message| {
        let first = message["method"] == "tools/call" && message["params"]["inputResponses"].is_null();
        let more = json!({ "resultType": "input_required", "requestState": "the-state", "inputRequests": {} });
        first.then(|| Answer::result(message, more))
    })
    .await;
    let mut alice = house.client(Era::Modern, &house.idp.token(json!({}))).await;
    let asked = alice.call("1", "echo", json!({})).await.unwrap();
    let sealed = asked.json()["result"]["requestState"].as_str().unwrap().to_owned();
    assert!(!asked.json().to_string().contains("the-state"));
    let retry = |state: &str| json!({ "name": "echo", "requestState": state, "inputResponses": { "k": {} } });
    let bob = house.client(Era::Modern, &house.idp.token(json!({ "sub": "bob" }))).await;
    let other = house.client(Era::Modern, &house.idp.token(json!({ "client_id": "other" }))).await;
    for (mut client, state) in
        [(bob, sealed.as_str()), (other, &sealed), (house.client(Era::Modern, &house.idp.token(json!({}))).await, "the-state")]
    {
        let before = house.reached();
        let reply = client.request("2", "tools/call", Some("echo"), retry(state)).await.unwrap();
        assert_eq!((reply.status, reply.code()), (200, Some(-32602)), "{reply:?}");
        assert_eq!(house.reached(), before, "nothing reaches the server");
    }
    // A renewed token of the same caller brings it back.
    alice.shows = bearer(&house.idp.token(json!({ "jti": "t-2" })));
    assert!(alice.request("3", "tools/call", Some("echo"), retry(&sealed)).await.unwrap().is_good());
    let lines = house.decisions().await;
    let unknown = "tools/call echo allow failed: unknown request state";
    assert_eq!(lines.iter().filter(|line| *line == unknown).count(), 3, "{lines:#?}");
}
