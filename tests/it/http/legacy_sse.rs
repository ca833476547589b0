//! The deprecated HTTP+SSE transport.

use http::{HeaderMap, Method};
use tokio::sync::mpsc::UnboundedSender;

use super::{Answer, ECHO, Era, Lab, Value, done, event, json, once_listened};
use crate::support::{Connection, PATH, Reply, Stream};

const ON: [(&str, &str); 1] = [("CEDARPOST_LISTEN_LEGACY_SSE", "true")];

fn headers(json: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", "localhost".parse().unwrap());
    if json {
        headers.insert("content-type", "application/json".parse().unwrap());
    } else {
        headers.insert("accept", "text/event-stream".parse().unwrap());
    }
    headers
}

async fn post(lab: &Lab, target: &str, message: &Value) -> Reply {
    let mut connection = Connection::open(lab.sidecar.address).await.unwrap();
    connection.send(Method::POST, target, &headers(true), message.to_string().as_bytes()).await.unwrap()
}

fn call(id: &str, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
}

/// A sidecar in front of a server of that transport, the client's stream, and the server's end of it.
async fn open(endpoint: &str) -> (Lab, Stream, UnboundedSender<bytes::Bytes>) {
    let (events, stream) = Answer::events();
    events.send(format!("event: endpoint\ndata: {endpoint}\n\n").into()).unwrap();
    let mut listened = once_listened(stream);
    let lab = Lab::with(ECHO, &ON, move |seen, message| {
        let own = message["id"].as_str().is_some_and(|id| id.starts_with("cedarpost-"));
        listened(seen, message)
            .or_else(|| (!own && seen.method == "POST").then(|| Answer::Bytes(202, "text/plain", String::new())))
    })
    .await;
    let stream = Stream::open(lab.sidecar.address, Method::GET, PATH, &headers(false), b"").await;
    (lab, stream, events)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_to_an_address_of_the_sidecars_and_answers_come_on_the_stream() {
    let (lab, mut stream, events) = open("/messages?sessionId=of-the-server").await;
    let told = stream.next().await.unwrap();
    let target = told.strip_prefix("event: endpoint\ndata: ").unwrap_or_else(|| panic!("{told}")).trim_end().to_owned();
    assert!(target.starts_with("/lab/message?sessionId=") && !target.contains("of-the-server"), "{target}");

    assert_eq!(post(&lab, &target, &call("1", "echo")).await.status, 202);
    lab.ear.message(|message| message["id"] == "1").await;
    events.send(event(&done("1")).into()).unwrap();
    assert_eq!(stream.message().await, Some(done("1")));

    assert_eq!(post(&lab, &target, &call("2", "destroy")).await.status, 202);
    let denied = stream.message().await.unwrap();
    assert_eq!((denied["id"].as_str(), denied["result"]["isError"].as_bool()), (Some("2"), Some(true)));

    let list = json!({"jsonrpc": "2.0", "id": "3", "method": "tools/list"});
    assert_eq!(post(&lab, &target, &list).await.status, 202);
    lab.ear.message(|message| message["id"] == "3").await;
    let tools = json!([{"name": "echo", "inputSchema": {}}, {"name": "destroy", "inputSchema": {}}]);
    events.send(event(&json!({"jsonrpc": "2.0", "id": "3", "result": {"tools": tools}})).into()).unwrap();
    let seen = stream.message().await.unwrap().to_string();
    assert!(seen.contains("echo") && !seen.contains("destroy"), "{seen}");

    let question = json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "m"}});
    events.send(event(&question).into()).unwrap();
    let refusal = lab.ear.message(|message| message["id"] == "q").await;
    assert_eq!(refusal["result"]["action"], "decline");

    drop(events);
    assert_eq!(stream.next().await, None);
    assert_eq!(post(&lab, &target, &call("4", "echo")).await.status, 404, "the session ended with its stream");
    assert_eq!(lab.called(), ["echo"]);
    assert_eq!(lab.log().await, ["tools/call echo allow ok", "tools/call destroy deny", "elicitation/create deny"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_cannot_have_messages_sent_elsewhere() {
    for endpoint in ["http://evil.example/messages", "https://evil.example", "evil", "file:///etc", "http://127.0.0.1:1/messages"]
    {
        let (_lab, mut stream, events) = open(endpoint).await;
        events.send(": after\n\n".into()).unwrap();
        assert_eq!(stream.next().await.as_deref(), Some(": after\n\n"), "{endpoint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_address_counts_and_strangers_have_none() {
    let (lab, mut stream, events) = open("/messages").await;
    assert!(stream.next().await.is_some());
    events.send("event: endpoint\ndata: /others\n\n: after\n\n".into()).unwrap();
    assert_eq!(stream.next().await.as_deref(), Some(": after\n\n"));
    for target in ["/lab/message", "/lab/message?sessionId=", "/lab/message?sessionId=0", "/lab/message?session=scripted"] {
        let reply = post(&lab, target, &call("1", "echo")).await;
        assert_eq!((reply.status, reply.code()), (404, Some(-32001)), "{target}");
    }
    assert!(lab.called().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transport_is_off_unless_it_is_turned_on() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let mut connection = Connection::open(lab.sidecar.address).await.unwrap();
    assert_eq!(connection.send(Method::GET, PATH, &headers(false), b"").await.unwrap().status, 405);
    assert_eq!(post(&lab, "/lab/message?sessionId=x", &call("1", "echo")).await.status, 404);
    assert!(lab.ear.requests("GET").is_empty() && lab.called().is_empty());
    assert!(lab.client(Era::Legacy).await.call("c", "echo", json!({})).await.unwrap().is_good());
}
