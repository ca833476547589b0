//! The deprecated HTTP+SSE transport: the answer comes on the session's one stream, later, and the stream is the session.

use http::HeaderMap;

use super::*;

fn headers(kind: (&'static str, &'static str)) -> HeaderMap {
    let all = [("host", "localhost"), kind];
    all.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

async fn post(lab: &Lab, target: &str, message: &Value) {
    let mut connection = Connection::open(lab.sidecar.address).await.unwrap();
    let headers = headers(("content-type", "application/json"));
    let reply = connection.send(Method::POST, target, &headers, message.to_string().as_bytes()).await.unwrap();
    assert_eq!(reply.status, 202);
}

fn call(id: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "destroy", "arguments": {}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_and_its_answer_comes_on_the_stream() {
    let (events, stream) = Answer::events();
    events.send("event: endpoint\ndata: /messages\n\n".into()).unwrap();
    let mut stream = Some(stream);
    let settings = [("CEDARPOST_APPROVALS_HOLD", "2s"), ("CEDARPOST_LISTEN_LEGACY_SSE", "true")];
    let lab = Lab::with(&settings, move |seen, message| {
        // What the sidecar asks by itself is answered as ever.
        let own = message["id"].as_str().is_some_and(|id| id.starts_with("cedarpost-") || id == "tools");
        match seen.method {
            Method::GET => stream.take(),
            Method::POST if !own => Some(Answer::Bytes(202, "text/plain", String::new())),
            _ => None,
        }
    })
    .await;
    let mut heard = Stream::open(lab.sidecar.address, Method::GET, PATH, &headers(("accept", "text/event-stream")), b"").await;
    let told = heard.next().await.unwrap();
    let target = told.strip_prefix("event: endpoint\ndata: ").unwrap_or_else(|| panic!("{told}")).trim_end().to_owned();

    post(&lab, &target, &call("1")).await;
    let ticket = lab.waiting().await;
    let pending = heard.message().await.unwrap();
    assert!(pending["id"] == "1" && text(&pending).contains(&format!("Ticket {ticket}. Once it is approved")), "{pending}");

    post(&lab, &target, &call("2")).await;
    lab.rule(&ticket, "approve").await;
    lab.ear.message(|message| message["id"] == "2").await;
    let done = json!({"jsonrpc": "2.0", "id": "2", "result": {"content": []}});
    events.send(format!("data: {done}\n\n").into()).unwrap();
    assert_eq!(heard.message().await, Some(done));

    post(&lab, &target, &call("3")).await;
    let ticket = lab.waiting().await;
    drop(heard);
    tokio::time::sleep(Duration::from_millis(300)).await;
    lab.rule(&ticket, "approve").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(lab.executed("destroy").len(), 1, "whoever left gets nothing executed");
}
