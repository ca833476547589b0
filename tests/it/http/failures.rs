//! Servers that are gone, silent, torn, or that answer what nobody can read.

use super::{Answer, ECHO, Entry, Era, Lab, done, entries, event, json, once};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_answer_is_an_error_to_the_client_and_a_failure_in_the_log() {
    let twice = r#"{"jsonrpc":"2.0","id":"c","result":{"isError":false,"isError":true}}"#;
    let body = |status, kind, text: &str| Answer::Bytes(status, kind, text.to_owned());
    let good = done("c").to_string();
    let table = [
        ("HTML with a good status", body(200, "text/html", "<p>destroy</p>"), 200, "failed: unreadable answer"),
        ("HTML with a bad one", body(502, "text/html", "<p>destroy</p>"), 502, "failed: http error"),
        ("nothing", body(202, "application/json", ""), 200, "failed: no answer to the request"),
        ("no JSON", body(200, "application/json", "{"), 200, "failed: no answer to the request"),
        ("a batch", body(200, "application/json", &format!("[{good}]")), 200, "failed: no answer to the request"),
        ("two answers in one", body(200, "application/json", &format!("{good}{good}")), 200, "failed: no answer to the request"),
        ("UTF-16 by name", body(200, "application/json; charset=utf-16", &good), 200, "failed: unreadable answer"),
        (
            "no type",
            Answer::Headed(vec![("content-type", "text/plain")], Box::new(Answer::Json(done("c")))),
            200,
            "failed: unreadable answer",
        ),
        ("a key twice in the result", body(200, "application/json", twice), 200, "failed: withheld"),
        ("a torn body", Answer::Torn("application/json", "{\"jsonrpc\":\"2.0\",".to_owned()), 200, "failed: unreadable answer"),
        ("a torn stream", Answer::Torn("text/event-stream", ": hello\n\n".to_owned()), 200, "failed: the stream ended"),
        ("an event that is no message", Answer::stream(&["data: destroy\n\n"]), 200, "failed: the stream ended"),
        ("a batch in an event", Answer::stream(&[&event(&json!([done("c")]))]), 200, "failed: the stream ended"),
    ];
    for (name, answer, status, outcome) in table {
        let lab = Lab::open(ECHO, once("tools/call", answer)).await;
        let mut client = lab.client(Era::Legacy).await;
        let reply = client.call("c", "echo", json!({})).await.unwrap();
        assert_eq!((reply.status, reply.code()), (status, Some(-32603)), "{name} {reply:?}");
        assert_eq!(reply.json()["id"], "c", "{name}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("destroy"), "{name} {reply:?}");
        assert!(client.call("c", "echo", json!({})).await.unwrap().is_good(), "{name}: the session lives on");
        assert_eq!(lab.log().await, [&format!("tools/call echo allow {outcome}"), "tools/call echo allow ok"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_request_is_no_answer_to_this_one() {
    let lab = Lab::open(ECHO, once("tools/call", Answer::Json(done("other")))).await;
    let mut client = lab.client(Era::Legacy).await;
    assert_ne!(client.call("c", "echo", json!({})).await.unwrap().json()["id"], "c");
    assert!(client.call("c", "echo", json!({})).await.unwrap().is_good(), "the id is free again");
    assert_eq!(lab.log().await, ["tools/call echo allow failed: no answer to the request", "tools/call echo allow ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_tools_and_servers_pass_and_are_recorded_as_such() {
    let failed = json!({"isError": true, "content": []});
    let mut answers = vec![
        Answer::Json(json!({"jsonrpc": "2.0", "id": "c", "error": {"code": -32602, "message": "unknown tool"}})),
        Answer::Json(json!({"jsonrpc": "2.0", "id": "c", "result": failed})),
    ];
    let lab = Lab::open(ECHO, move |_, message| if message["method"] == "tools/call" { answers.pop() } else { None }).await;
    let mut client = lab.client(Era::Legacy).await;
    assert_eq!(client.call("c", "echo", json!({})).await.unwrap().json()["result"], failed);
    assert_eq!(client.call("c", "echo", json!({})).await.unwrap().code(), Some(-32602));
    assert_eq!(lab.log().await, ["tools/call echo allow tool_error", "tools/call echo allow rpc_error"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_in_time_fails_the_call_and_nothing_else() {
    let settings = [("CEDARPOST_LIMITS_UPSTREAM_RESPONSE_TIMEOUT", "500ms")];
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::with(ECHO, &settings, once("tools/call", Answer::Silence)).await;
        let mut client = lab.client(era).await;
        let reply = client.call("c", "echo", json!({})).await.unwrap();
        assert_eq!((reply.status, reply.code()), (200, Some(-32603)), "{reply:?}");
        assert!(client.call("c", "echo", json!({})).await.unwrap().is_good());
        assert_eq!(lab.log().await, ["tools/call echo allow failed: no answer in time", "tools/call echo allow ok"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_fails_the_call_and_policy_is_still_decided() {
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::open(ECHO, |_, _| None).await;
        let mut client = lab.client(era).await;
        let Lab { server, ear: _, home, sidecar } = lab;
        drop(server);
        let reply = client.call("c", "echo", json!({})).await.unwrap();
        assert_eq!((reply.status, reply.code()), (200, Some(-32603)), "{reply:?}");
        assert!(client.call("c", "destroy", json!({})).await.unwrap().denial().is_some());
        let log: Vec<_> = entries(&home).await.iter().map(Entry::line).collect();
        assert_eq!(log, ["tools/call echo allow failed: unreachable", "tools/call destroy deny"]);
        sidecar.stop().await;
    }
}
