//! Clients that are slow, greedy or many.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, ECHO, Era, Lab, Value, json, once};
use crate::support::{Connection, Mcp, PATH};

fn is_call(message: &Value) -> bool {
    message["method"] == "tools/call"
}

/// Sends bytes and reads what comes back until the connection ends.
async fn raw(lab: &Lab, text: &str) -> String {
    let mut stream = TcpStream::connect(lab.sidecar.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut heard)).await.expect("the connection ends");
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_finish_what_it_says_is_not_waited_for() {
    let settings = [("CEDARPOST_LIMITS_BODY_TIMEOUT", "300ms"), ("CEDARPOST_LIMITS_HEADER_TIMEOUT", "300ms")];
    let lab = Lab::with(ECHO, &settings, |_, _| None).await;
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n");
    let slow_body = raw(&lab, &format!("{head}Connection: close\r\n\r\n{{")).await;
    assert!(slow_body.starts_with("HTTP/1.1 408 "), "{slow_body}");
    let slow_head = raw(&lab, &head).await;
    assert!(slow_head.is_empty() || slow_head.starts_with("HTTP/1.1 408 "), "{slow_head}");
    assert!(lab.client(Era::Modern).await.call("c", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let client = lab.client(Era::Legacy).await;
    let large = json!({"jsonrpc": "2.0", "id": "large", "method": "ping", "params": {"pad": "x".repeat(65 * 1024)}}).to_string();
    let mut connection = Connection::open(lab.sidecar.address).await.unwrap();
    let reply = connection.send(Method::POST, PATH, &client.headers("", None), large.as_bytes()).await.unwrap();
    assert_eq!(reply.status, 413);
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    assert!(raw(&lab, &chunked).await.starts_with("HTTP/1.1 413 "));
    assert!(lab.ear.messages().iter().all(|message| message["id"] != "large"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lengths_and_smuggled_requests_are_refused() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    let smuggled = json!({"jsonrpc": "2.0", "id": "smuggled", "method": "tools/list"}).to_string();
    for lengths in [
        format!("Content-Length: 2\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        "Content-Length: 4\r\nTransfer-Encoding: chunked, identity\r\n\r\n".to_owned(),
        format!("Content-Length: +{}\r\n\r\n", smuggled.len()),
    ] {
        let heard = raw(&lab, &format!("{head}{lengths}{smuggled}")).await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 400 "), "{lengths} {heard}");
    }
    assert!(lab.ear.messages().iter().all(|message| message["id"] != "smuggled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_bounded() {
    let lab = Lab::with(ECHO, &[("CEDARPOST_LIMITS_MAX_INFLIGHT", "1")], once("tools/call", Answer::Silence)).await;
    let shake = || Mcp::shake_hands(lab.sidecar.address, Era::Modern);
    let (mut first, mut second) = (shake().await.unwrap(), shake().await.unwrap());
    let overloaded = async {
        lab.ear.message(is_call).await;
        second.call("2", "echo", json!({})).await.unwrap()
    };
    let reply = tokio::select! {
        reply = first.call("1", "echo", json!({})) => panic!("{reply:?}"),
        reply = overloaded => reply,
    };
    assert_eq!((reply.status, reply.header("retry-after").as_deref()), (503, Some("1")));
    drop(first);
    lab.ear.abandoned(1).await;
    let served = async {
        while second.call("3", "echo", json!({})).await.unwrap().status == 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), served).await.expect("the place is free again");
    assert_eq!(
        lab.log().await,
        ["tools/call echo allow cancelled", "tools/call echo allow ok"],
        "who had no place was not decided"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_bounded_and_those_that_are_open_go_on() {
    let mut sessions = 0;
    let lab = Lab::with(ECHO, &[("CEDARPOST_LIMITS_MAX_SESSIONS", "1")], move |_, message| {
        let own = message["id"].as_str().is_some_and(|id| id.starts_with("cedarpost-"));
        (message["method"] == "initialize" && !own).then(|| {
            sessions += 1;
            let session = if sessions == 1 { "one" } else { "another" };
            let welcome = json!({"protocolVersion": crate::support::LEGACY, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}});
            Answer::Headed(vec![("mcp-session-id", session)], Box::new(Answer::result(message, welcome)))
        })
    })
    .await;
    let mut first = lab.client(Era::Legacy).await;
    let mut second = Mcp::shake_hands(lab.sidecar.address, Era::Legacy).await.unwrap();
    assert!(second.headers("", None).get("mcp-session-id").is_none());
    let hello =
        json!({"protocolVersion": crate::support::LEGACY, "capabilities": {}, "clientInfo": {"name": "n", "version": "1"}});
    let refused = second.request("again", "initialize", None, hello).await.unwrap();
    assert_eq!((refused.status, refused.code()), (200, Some(-32603)));
    assert!(first.call("c", "echo", json!({})).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_stream_holds_up_nobody_else() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once("tools/call", stream)).await;
    let reader = lab.client(Era::Modern).await;
    let _unread = reader.stream(lab.sidecar.address, "c", "tools/call", Some("echo"), json!({"name": "echo"})).await;
    let filler = format!(": {}\n\n", "x".repeat(60 * 1024));
    for _ in 0..200 {
        events.send(filler.clone().into()).unwrap();
    }
    let mut other = lab.client(Era::Modern).await;
    for _ in 0..5 {
        assert!(other.call("d", "echo", json!({})).await.unwrap().is_good());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_use_is_refused_and_the_first_request_keeps_it() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once("tools/call", stream)).await;
    let mut client = lab.client(Era::Legacy).await;
    let mut first = client.stream(lab.sidecar.address, "same", "tools/call", None, json!({"name": "echo"})).await;
    let second = client.request("same", "tools/list", None, json!({})).await.unwrap();
    assert_eq!((second.status, second.code()), (200, Some(-32600)));
    events.send(super::event(&super::done("same")).into()).unwrap();
    assert_eq!(first.message().await, Some(super::done("same")));
    assert_eq!(lab.log().await, ["tools/call echo allow ok"]);
}
