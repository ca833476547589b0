//! Clients that change their minds, in the era where hanging up means that, and in the one where it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Answer, ECHO, Era, Lab, Value, done, event, json, once};

fn is_call(message: &Value) -> bool {
    message["method"] == "tools/call"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_client_that_hangs_up_cancels_its_call_at_the_server() {
    let half = || {
        let (events, answer) = Answer::events();
        events.send("{\"jsonrpc\":".into()).unwrap();
        std::mem::forget(events);
        Answer::Headed(vec![("x-half", "1")], Box::new(answer))
    };
    for (name, answer) in [("before the answer", Answer::Silence), ("in the middle of it", half())] {
        let lab = Lab::open(ECHO, once("tools/call", answer)).await;
        let mut client = lab.client(Era::Modern).await;
        tokio::select! {
            reply = client.call("c", "echo", json!({})) => panic!("{name}: {reply:?}"),
            _ = lab.ear.message(is_call) => {}
        }
        drop(client);
        lab.ear.abandoned(1).await;
        assert_eq!(lab.log().await, ["tools/call echo allow cancelled"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_client_that_leaves_a_stream_cancels_its_call_at_the_server() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once("tools/call", stream)).await;
    let client = lab.client(Era::Modern).await;
    let mut stream = client.stream(lab.sidecar.address, "c", "tools/call", Some("echo"), json!({"name": "echo"})).await;
    events.send(": here\n\n".into()).unwrap();
    assert!(stream.next().await.is_some());
    drop(stream);
    lab.ear.abandoned(1).await;
    assert_eq!(lab.log().await, ["tools/call echo allow cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_client_that_hangs_up_cancels_nothing() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once("tools/call", stream)).await;
    let client = lab.client(Era::Legacy).await;
    let mut stream = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    events.send("id: 1\ndata:\n\n".into()).unwrap();
    assert!(stream.next().await.is_some());
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    events.send(event(&done("c")).into()).unwrap();
    drop(events);
    assert_eq!(lab.log().await, ["tools/call echo allow ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modern_message_takes_no_session_with_it() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let client = lab.client(Era::Modern).await;
    let mut headers = client.headers("tools/list", None);
    headers.insert("mcp-session-id", "session-of-another".parse().unwrap());
    headers.insert("last-event-id", "7".parse().unwrap());
    let meta = crate::support::modern_meta();
    let body = json!({"jsonrpc": "2.0", "id": "x", "method": "tools/list", "params": {"_meta": meta}}).to_string();
    let mut connection = crate::support::Connection::open(lab.sidecar.address).await.unwrap();
    let reply = connection.send(http::Method::POST, crate::support::PATH, &headers, body.as_bytes()).await.unwrap();
    assert!(reply.is_good(), "{reply:?}");
    let seen = lab.ear.requests("POST");
    assert!(seen.iter().all(|seen| seen.headers.get("mcp-session-id").is_none_or(|id| id != "session-of-another")));
    assert!(seen.iter().all(|seen| !seen.headers.contains_key("last-event-id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_that_a_header_repeats_must_say_the_same_there() {
    let schema = json!({"type": "object", "properties": {"to": {"type": "string", "x-mcp-header": "To"}}});
    let tools = json!({"tools": [{"name": "echo", "inputSchema": schema}]});
    let lab =
        Lab::open(ECHO, move |_, message| (message["method"] == "tools/list").then(|| Answer::result(message, tools.clone())))
            .await;
    let client = lab.client(Era::Modern).await;
    let meta = crate::support::modern_meta();
    let params = json!({"name": "echo", "arguments": {"to": "alice"}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": params}).to_string();
    // The sidecar learns the schema a moment after it passed the list on.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (header, code) in [(Some("alice"), None), (Some("mallory"), Some(-32020)), (None, Some(-32020))] {
        let mut headers = client.headers("tools/call", Some("echo"));
        if let Some(value) = header {
            headers.insert("mcp-param-to", value.parse().unwrap());
        }
        let mut connection = crate::support::Connection::open(lab.sidecar.address).await.unwrap();
        let reply = connection.send(http::Method::POST, crate::support::PATH, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(reply.code(), code, "{header:?} {reply:?}");
    }
    assert_eq!(lab.called().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled_before_it_is_decided_never_reaches_the_server() {
    // A call of a tool that nobody knows waits for the server's list, and that can be made to take its time.
    let (slow, held) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_slow, is_held) = (Arc::clone(&slow), Arc::clone(&held));
    let lab = Lab::open(r#"@id("all") permit (principal, action in Mcp::Action::"tools/call", resource);"#, move |_, message| {
        if message["method"] != "tools/list" || !is_slow.load(Ordering::Relaxed) {
            return None;
        }
        is_held.store(true, Ordering::Relaxed);
        let (events, answer) = Answer::events();
        let list = json!({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": [{"name": "later", "inputSchema": {}}]}});
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let _ = events.send(event(&list).into());
        });
        Some(answer)
    })
    .await;
    let mut client = lab.client(Era::Legacy).await;
    assert!(client.call("first", "echo", json!({})).await.unwrap().is_good());
    slow.store(true, Ordering::Relaxed);
    let params = json!({"name": "later"});
    let call = client.stream(lab.sidecar.address, "c", "tools/call", None, params);
    let cancel = async {
        while !held.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut other = crate::support::Connection::open(lab.sidecar.address).await.unwrap();
        let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}}).to_string();
        let headers = client.headers("", None);
        other.send(http::Method::POST, crate::support::PATH, &headers, cancelled.as_bytes()).await.unwrap()
    };
    let (answer, cancelled) = tokio::join!(call, cancel);
    assert_eq!((answer.status, cancelled.status), (200, 202));
    assert_eq!(lab.called(), ["echo"]);
    assert!(lab.ear.messages().iter().all(|message| message["method"] != "notifications/cancelled"));
    assert_eq!(lab.log().await, ["tools/call echo allow ok", "tools/call later allow cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_what_the_server_has_reaches_it_and_the_end_is_recorded() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once("tools/call", stream)).await;
    let mut client = lab.client(Era::Legacy).await;
    let _stream = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}});
    assert_eq!(client.say(&cancelled).await.unwrap().status, 202);
    lab.ear.message(|message| *message == cancelled).await;
    drop(events);
    assert_eq!(lab.log().await, ["tools/call echo allow cancelled"]);
}
