//! Answers in events.

use super::{Answer, ECHO, Era, Lab, Value, done, event, json, once, once_listened};

fn tools(id: &str) -> Value {
    let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [tool("echo"), tool("destroy")]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_one_by_one_and_byte_for_byte() {
    for era in [Era::Legacy, Era::Modern] {
        let (events, stream) = Answer::events();
        let lab = Lab::open(ECHO, once("tools/call", stream)).await;
        let client = lab.client(era).await;
        let mut stream = client.stream(lab.sidecar.address, "c", "tools/call", Some("echo"), json!({"name": "echo"})).await;
        assert_eq!(stream.headers["x-accel-buffering"], "no");
        assert!(stream.headers.contains_key("cedarpost-decision-id"));
        let progress = r#"{ "jsonrpc":"2.0", "method":"notifications/progress","params":{"progressToken":1,"progress":1.0e0}}"#;
        let written = [
            ": hello\n\n".to_owned(),
            "id: 1\nretry: 500\ndata:\n\n".to_owned(),
            "id\n\n".to_owned(),
            format!("event:message\nid:2\nvendor: x\ndata:{progress}\n\n"),
            format!("data: {}\nid: 3\n\n", done("c")),
        ];
        for written in &written {
            // The next one is only sent once this one has arrived.
            events.send(written.clone().into()).unwrap();
            assert_eq!(stream.next().await.as_ref(), Some(written), "{era:?}");
        }
        drop(events);
        assert_eq!(stream.next().await, None);
        assert_eq!(lab.log().await, ["tools/call echo allow ok"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nobody_waits_for_is_filtered_whatever_else_it_holds() {
    let mut replay = tools("of a stream that broke");
    replay["result"]["prompts"] = json!([{"name": "secret"}]);
    replay["result"]["resources"] = json!([{"uri": "file:///secret"}]);
    let written = format!("id: 9\nevent: message\n{}", event(&replay));
    let lab = Lab::open(ECHO, once_listened(Answer::stream(&[&written]))).await;
    let mut stream = lab.client(Era::Legacy).await.listen(lab.sidecar.address, Some("8")).await;
    let seen = stream.next().await.unwrap();
    assert!(seen.starts_with("id: 9\nevent: message\ndata: ") && seen.contains("echo"), "{seen}");
    assert!(!seen.contains("destroy") && !seen.contains("secret"), "{seen}");
    assert_eq!(lab.ear.requests("GET")[0].headers["last-event-id"], "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_looked_into_is_withheld() {
    let spaced = || tools("list").to_string().replace("\"result\"", "\n\n\"result\"") + "\n\n";
    let named = |headers: &[(&'static str, &'static str)], answer| Answer::Headed(headers.to_vec(), Box::new(answer));
    let stream = || Answer::stream(&[&event(&tools("list"))]);
    let elsewhere = ("location", "http://elsewhere.example/mcp");
    let table = [
        ("compressed stream", named(&[("content-encoding", "gzip")], Answer::stream(&["destroy\n\ndestroy\n\n"]))),
        ("compressed JSON", named(&[("content-encoding", "br")], Answer::Json(tools("list")))),
        ("JSON called a stream", Answer::Bytes(200, "text/event-stream", spaced())),
        ("two types, the stream first", named(&[("content-type", "application/json")], stream())),
        ("redirection", named(&[("status", "307"), elsewhere], Answer::Json(tools("list")))),
        ("redirection of a stream", named(&[("status", "302"), elsewhere], stream())),
        ("an unterminated event", Answer::stream(&[event(&tools("list")).trim_end()])),
    ];
    for (name, answer) in table {
        let mut answer = Some(answer);
        let mine = move |_: &_, message: &Value| if message["id"] == "list" { answer.take() } else { None };
        let lab = Lab::open(ECHO, mine).await;
        let mut client = lab.client(Era::Modern).await;
        let reply = client.request("list", "tools/list", None, json!({})).await.unwrap();
        assert_eq!((reply.status, reply.code()), (200, Some(-32603)), "{name} {reply:?}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("destroy"), "{name} {reply:?}");
        assert!(reply.header("location").is_none() && reply.header("content-encoding").is_none(), "{name} {reply:?}");
        assert!(client.call("after", "echo", json!({})).await.unwrap().is_good(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_without_an_answer_is_answered_unless_it_can_be_resumed() {
    let lab = Lab::open(ECHO, once("tools/call", Answer::stream(&[": nothing\n\n"]))).await;
    let mut client = lab.client(Era::Legacy).await;
    let reply = client.call("c", "echo", json!({})).await.unwrap();
    assert_eq!((reply.json()["id"].as_str(), reply.code()), (Some("c"), Some(-32603)));
    assert!(client.call("c", "echo", json!({})).await.unwrap().is_good(), "the id is free again, the session lives");
    assert_eq!(lab.log().await, ["tools/call echo allow failed: the stream ended", "tools/call echo allow ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_a_resumed_stream_ends_the_call() {
    let (mut first, mut second) = (Some(Answer::stream(&["id: 1\ndata:\n\n"])), Some(Answer::stream(&[&event(&done("c"))])));
    let lab = Lab::open(ECHO, move |seen, message| match message["method"].as_str() {
        Some("tools/call") => first.take(),
        _ if seen.method == "GET" => second.take(),
        _ => None,
    })
    .await;
    let client = lab.client(Era::Legacy).await;
    let mut broken = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    assert_eq!(broken.next().await.as_deref(), Some("id: 1\ndata:\n\n"));
    assert_eq!(broken.next().await, None, "the client is to resume it");
    let mut resumed = client.listen(lab.sidecar.address, Some("1")).await;
    assert_eq!(resumed.message().await, Some(done("c")));
    assert_eq!(lab.log().await, ["tools/call echo allow ok"]);
}
