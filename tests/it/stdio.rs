//! The sidecar in the place of a server that a client spawns.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Desk, cedarpost, shown, until};

const POLICIES: &str = r#"
@id("some")
permit (principal, action in Mcp::Action::"tools/call", resource)
unless { resource == Mcp::Tool::"lab/destroy" };
"#;

fn is_denied(answer: &serde_json::Value) -> bool {
    answer["result"]["isError"] == true && !answer["result"]["_meta"]["dev.cedarpost/decision"]["id"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_what_it_may_call_and_no_more() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    let list = talk.ask("list", "tools/list", json!({})).await;
    let names: Vec<_> = list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names, ["echo", "ask", "exit", "die", "complain", "slow", "pid"]);
    let good = talk.call("good", "echo").await;
    assert_eq!(good["result"]["content"][0]["text"], "done");
    assert!(is_denied(&talk.call("bad", "destroy").await));
    let unknown = talk.ask("unknown", "server/shell", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32601);
    talk.call("noisy", "complain").await;
    let log = talk.log();
    let (status, rest) = talk.close().await;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""), "{log}");
    assert!(log.contains("oh dear\n"), "standard error passes: {log}");
    let seen = desk.seen();
    assert!(seen.contains("\"good\"") && !seen.contains("\"bad\"") && !seen.contains("shell"), "{seen}");

    let log = desk.audit(1);
    let verified = cedarpost(&["audit", "verify", "--audit-dir", log.to_str().unwrap()]).await;
    assert!(verified.status.success(), "{verified:?}");
    let records = shown(&log).await;
    assert_eq!(records.last().unwrap()["t"], "stop", "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_known_without_the_client_ever_asking_for_a_list() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    assert_eq!(talk.call("1", "echo").await["result"]["content"][0]["text"], "done");
    let unknown = talk.call("2", "no-such-tool").await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert!(!desk.seen().contains("no-such-tool"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_may_not_ask_is_answered_by_the_sidecar() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    // The client hears the answer to its call next: the question has not reached it.
    talk.say(&json!({"jsonrpc": "2.0", "id": "1", "method": "tools/call", "params": {"name": "ask"}})).await;
    let heard = talk.hear().await;
    assert_eq!((&heard["id"], heard["method"].is_null()), (&json!("1"), true), "{heard}");
    until("the refusal reaches the server", || desk.seen().contains(r#""id":"question","error""#)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_can_be_read_in_two_ways_is_answered_and_goes_nowhere() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    let evil = [
        r#"[{"jsonrpc":"2.0","id":"evil","method":"ping"}]"#,
        r#"{"jsonrpc":"2.0","id":"evil","method":"ping","method":"tools/call","params":{"name":"echo"}}"#,
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":\"evil\",\"method\":\"ping\"}",
        r#"{"jsonrpc":"2.0","id":"evil","method":"tools/call","params":{"name":"destroy","n\u0061me":"echo"}}"#,
        r#"{"jsonrpc":"1.0","id":"evil","method":"ping"}"#,
        "evil",
        r#"{"jsonrpc":"2.0","id":"evil","method":"ping"} {"#,
    ];
    for line in evil {
        talk.write(format!("{line}\n").as_bytes()).await;
        let answer = talk.hear().await;
        assert!(answer["error"]["code"].as_i64().is_some_and(|code| code <= -32600), "{line:?}: {answer}");
    }
    // A carriage return between tokens is JSON, but some readers end a line there.
    talk.write(b"{\"jsonrpc\":\"2.0\",\"id\":\"evil\",\r\"method\":\"ping\"}\n").await;
    let answer = talk.hear().await;
    assert!(answer["error"].is_object() || answer["result"].is_object(), "{answer}");
    assert!(!desk.seen().contains('\r'), "{}", desk.seen());
    assert_eq!(talk.call("after", "echo").await["result"]["content"][0]["text"], "done");
    assert!(desk.seen().matches("evil").count() <= 1, "{}", desk.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_long_ends_the_talk() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    let long = vec![b' '; 5 << 20];
    // The sidecar stops reading on the way.
    let _ = tokio::time::timeout(Duration::from_secs(2), talk.try_write(&long)).await;
    let (status, _) = talk.close().await;
    assert_eq!(status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_that_of_the_server() {
    for (tool, code) in [("exit", 7), ("die", 128 + 9)] {
        let desk = Desk::new(POLICIES);
        let mut talk = desk.spawn();
        talk.greet().await;
        talk.say(&json!({"jsonrpc": "2.0", "id": "1", "method": "tools/call", "params": {"name": tool}})).await;
        let (status, _) = talk.end().await;
        assert_eq!(status.code(), Some(code), "{tool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_start_is_named_and_the_log_is_closed_in_order() {
    let desk = Desk::new(POLICIES);
    let talk = desk.spawn_server(&["/no/such/program"]);
    let log = std::sync::Arc::clone(talk.shared_log());
    let (status, rest) = talk.end().await;
    assert_eq!((status.code(), rest.as_str()), (Some(1), ""));
    until("it says what is wrong", || log.lock().contains("failed to start `/no/such/program`")).await;
    assert_eq!(shown(&desk.audit(1)).await.last().unwrap()["t"], "stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_everything_is_killed_in_time() {
    let desk = Desk::new(POLICIES);
    let talk = desk.spawn_server(&["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
    until("it runs", || talk.log().contains("decisions are recorded")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let (status, _) = talk.close().await;
    assert_eq!(status.code(), Some(128 + 9));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_the_sidecar_ends_the_server_and_is_recorded() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    talk.signal(Signal::TERM);
    let (status, _) = talk.end().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(shown(&desk.audit(1)).await.last().unwrap()["t"], "stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_that_change_meanwhile_are_in_force_and_the_client_is_told() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    assert!(!is_denied(&talk.call("1", "echo").await));
    desk.write_policies("");
    let news = talk.hear().await;
    assert_eq!(news["method"], "notifications/tools/list_changed");
    assert!(is_denied(&talk.call("2", "echo").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_directory_write_logs_of_their_own_and_places_are_taken_again() {
    let desk = Desk::new(POLICIES);
    let mut talks = vec![desk.spawn(), desk.spawn(), desk.spawn()];
    for talk in &mut talks {
        talk.greet().await;
        assert!(!is_denied(&talk.call("1", "echo").await), "{}", talk.log());
    }
    for number in 1..=3 {
        let directory = desk.audit(number);
        let writer = talks.iter().filter(|talk| talk.log().contains(&format!("{}\"", directory.display()))).count();
        assert_eq!(writer, 1, "{}", directory.display());
        let verified = cedarpost(&["audit", "verify", "--audit-dir", directory.to_str().unwrap()]).await;
        assert!(verified.status.success(), "while it is written: {verified:?}");
        let text = String::from_utf8(verified.stdout).unwrap();
        assert!(text.contains(&format!("`{}`", directory.display())), "{text}");
    }
    for talk in talks.drain(..) {
        assert_eq!(talk.close().await.0.code(), Some(0));
    }
    let before = shown(&desk.audit(1)).await.len();
    let mut talk = desk.spawn();
    talk.greet().await;
    assert_eq!(talk.close().await.0.code(), Some(0));
    assert!(shown(&desk.audit(1)).await.len() > before, "the first place is taken again");
    assert!(!desk.audit(4).exists());
    let verified = cedarpost(&["audit", "verify", "--audit-dir", desk.audit(1).to_str().unwrap()]).await;
    let text = String::from_utf8(verified.stderr).unwrap();
    assert!(text.contains("audit.2`") && text.contains("audit.3`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cancelled_is_not_answered_twice() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    talk.say(&json!({"jsonrpc": "2.0", "id": "1", "method": "tools/call", "params": {"name": "echo"}})).await;
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "1"}})).await;
    talk.say(&json!({"jsonrpc": "2.0", "id": "2", "method": "ping"})).await;
    let mut answers = Vec::new();
    while answers.last() != Some(&json!("2")) {
        answers.push(talk.hear().await["id"].clone());
    }
    let (_, rest) = talk.close().await;
    let again = rest.lines().filter(|line| line.contains(r#""id":"1""#)).count();
    assert!(answers.iter().filter(|id| **id == "1").count() + again <= 1, "{answers:?} {rest}");
    // Whether the server heard of it or not, it heard of the call before it heard that it is off.
    let seen = desk.seen();
    let (call, off) = (seen.find("tools/call"), seen.find("notifications/cancelled"));
    assert!(off.is_none() || call.is_some_and(|call| Some(call) < off), "{seen}");
}
