//! Tasks belong to the caller whose call made them.

use super::{Answer, ECHO, Era, Lab, json};
use crate::support::LEGACY;

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_nobody_does_not_exist() {
    let lab = Lab::open(ECHO, |_, message| {
        let capabilities = json!({"tools": {}, "tasks": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
        let welcome =
            json!({"protocolVersion": LEGACY, "capabilities": capabilities, "serverInfo": {"name": "s", "version": "1"}});
        (message["method"] == "initialize")
            .then(|| Answer::Headed(vec![("mcp-session-id", "scripted")], Box::new(Answer::result(message, welcome))))
    })
    .await;
    for era in [Era::Legacy, Era::Modern] {
        let mut client = lab.client(era).await;
        let methods: &[&str] = if era == Era::Legacy {
            &["tasks/get", "tasks/result", "tasks/cancel"]
        } else {
            &["tasks/get", "tasks/update", "tasks/cancel"]
        };
        for method in methods {
            let reply = client.request("t", method, None, json!({"taskId": "stolen"})).await.unwrap();
            assert_eq!((reply.status, reply.code()), (200, Some(-32602)), "{method} {reply:?}");
            assert_eq!(reply.json()["error"]["message"], "Task not found");
        }
    }
    assert!(lab.ear.messages().iter().all(|message| !message.to_string().contains("stolen")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tasks_does_not_know_their_methods() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let reply = lab.client(Era::Legacy).await.request("t", "tasks/get", None, json!({"taskId": "stolen"})).await.unwrap();
    assert_eq!((reply.status, reply.code()), (200, Some(-32601)));
    assert!(lab.ear.messages().iter().all(|message| message["id"] != "t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_shown_to_whoever_made_it() {
    let lab = Lab::open(ECHO, |_, message| match message["method"].as_str() {
        Some("tools/call") => Some(Answer::result(message, json!({"task": {"taskId": "mine", "status": "working"}}))),
        Some("tasks/list") => {
            Some(Answer::result(message, json!({"tasks": [{"taskId": "mine"}, {"taskId": "another's"}], "nextCursor": "n"})))
        }
        Some("tasks/get") => Some(Answer::result(message, json!({"taskId": "mine", "status": "working"}))),
        _ => None,
    })
    .await;
    let mut client = lab.client(Era::Legacy).await;
    let call = json!({"name": "echo", "task": {"ttl": 1}});
    assert!(client.request("c", "tools/call", None, call).await.unwrap().is_good());
    assert!(client.request("g", "tasks/get", None, json!({"taskId": "mine"})).await.unwrap().is_good());
    let list = client.request("l", "tasks/list", None, json!({})).await.unwrap();
    assert_eq!(list.json()["result"], json!({"tasks": [{"taskId": "mine"}], "nextCursor": "n"}));

    let denied = client.request("d", "tools/call", None, json!({"name": "destroy", "task": {"ttl": 1}})).await.unwrap();
    assert_eq!((denied.status, denied.code()), (200, Some(-31403)), "whoever wants a task cannot read a result");
}
