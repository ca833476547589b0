//! Over standard input and output: the same questions, as messages of their own between all others.

use super::*;
use crate::support::{Desk, Talk, until};

const STDIO: &str = super::POLICIES;

fn executed(desk: &Desk) -> usize {
    desk.seen().lines().filter(|line| line.contains("\"destroy\"") && line.contains("tools/call")).count()
}

/// Shakes hands as a client that says this about elicitation.
async fn greet(talk: &mut Talk, elicitation: Value) {
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": elicitation}, "clientInfo": {"name": "lab", "version": "1"}});
    assert!(talk.ask("hello", "initialize", hello).await["result"].is_object());
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
}

fn call(id: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "destroy", "arguments": arguments}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_asked_while_everything_else_goes_on() {
    let desk = Desk::new(STDIO);
    let mut talk = desk.spawn();
    greet(&mut talk, json!({})).await;
    talk.ask("tools", "tools/list", json!({})).await;
    talk.say(&call("1", &json!({"n": 1}))).await;
    let asked = talk.hear().await;
    assert_eq!((&asked["method"], &asked["params"]["mode"]), (&json!("elicitation/create"), &json!("form")), "{asked}");
    assert!(talk.call("2", "echo").await["result"].is_object());
    assert_eq!(executed(&desk), 0);
    talk.say(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"approve": true}}})).await;
    let done = talk.hear().await;
    assert_eq!((&done["id"], &done["result"]["isError"]), (&json!("1"), &Value::Null), "{done}");
    assert_eq!(executed(&desk), 1);
    assert!(!desk.seen().contains("cedarpost-apr_"), "{}", desk.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled_is_not_carried_out_when_it_is_approved() {
    let desk = Desk::new(STDIO);
    let mut talk = desk.spawn();
    greet(&mut talk, Value::Null).await;
    talk.ask("tools", "tools/list", json!({})).await;
    talk.say(&call("1", &json!({}))).await;
    let ticket = waiting(&desk.audit(1)).await;
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "1"}})).await;
    assert_eq!(talk.hear().await["error"]["code"], -32603);
    rule(&desk.audit(1), &ticket, "approve").await;
    assert!(talk.call("2", "echo").await["result"].is_object());
    assert_eq!(executed(&desk), 0);
    talk.say(&call("3", &json!({}))).await;
    assert_eq!(talk.hear().await["result"]["isError"], Value::Null);
    until("the call is on paper", || executed(&desk) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_a_url_is_no_different() {
    let server = Scripted::start(|_, message| agreed(message)).await;
    let (ear, desk) = (server.ear(), Desk::new(STDIO));
    let mut talk = desk.spawn_with(&["--upstream", &format!("http://{}/mcp", server.address)]);
    greet(&mut talk, json!({})).await;
    talk.ask("tools", "tools/list", json!({})).await;
    talk.say(&call("1", &json!({}))).await;
    let asked = talk.hear().await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let ticket = waiting(&desk.audit(1)).await;
    rule(&desk.audit(1), &ticket, "approve").await;
    assert_eq!(talk.hear().await["method"], "notifications/cancelled", "nobody needs the form any more");
    assert!(is_done(&talk.hear().await));
    talk.say(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "decline"}})).await;
    assert!(talk.call("2", "echo").await["result"].is_object());
    let reached: Vec<String> = ear.messages().iter().map(Value::to_string).collect();
    assert_eq!(reached.iter().filter(|text| text.contains("\"destroy\"") && text.contains("tools/call")).count(), 1);
    assert!(reached.iter().all(|text| !text.contains("cedarpost-apr_")), "{reached:?}");
}
