//! A server whose tools are called through another tool: policy decides about the tool that is meant, and the bytes stay as they were.

use super::{Answer, ECHO, Era, Lab, Value, json};
use crate::support::{Home, Scripted, Sidecar};

const META_TOOLS: &str = r#"meta_tools = [{ tool = "call_tool", name = "/tool_name", arguments = "/arguments" }]"#;

async fn lab(policies: &str) -> Lab {
    let server = Scripted::start(|_, message| {
        let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
        let tools = json!({"tools": [tool("call_tool"), tool("echo"), tool("destroy")]});
        (message["method"] == "tools/list").then(|| Answer::result(message, tools))
    })
    .await;
    let home = Home::new(server.address, policies).with_server(META_TOOLS);
    let sidecar = Sidecar::start(&home).await;
    Lab { ear: server.ear(), server, home, sidecar }
}

fn rows() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"tool_name": "echo", "arguments": {"message": "hi"}}), "tools/call echo via call_tool allow ok"),
        (json!({"arguments": {}, "mode": {"fast": [1.50]}, "tool_name": "echo"}), "tools/call echo via call_tool allow ok"),
        (json!({"tool_name": "destroy", "arguments": {}}), "tools/call destroy via call_tool deny"),
        (json!({"tool_name": "hidden"}), "tools/call hidden via call_tool deny"),
        (json!({"tool_name": "call_tool", "arguments": {"tool_name": "echo"}}), "tools/call call_tool deny"),
        (json!({"arguments": {}}), "tools/call call_tool deny"),
        (json!({"tool_name": ["echo"]}), "tools/call call_tool deny"),
        (json!({"tool_name": "echo", "arguments": "{}"}), "tools/call call_tool deny"),
        (json!({"tool_name": "echo", "arguments": null}), "tools/call call_tool deny"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_through_a_meta_tool_is_decided_recorded_and_forwarded() {
    let lab = lab(ECHO).await;
    let mut client = lab.client(Era::Modern).await;
    for (arguments, line) in rows() {
        let reply = client.call("c", "call_tool", arguments.clone()).await.unwrap();
        assert_eq!(reply.is_good(), line.ends_with("ok"), "{arguments} {reply:?}");
    }
    assert!(client.call("c", "echo", json!({})).await.unwrap().is_good());
    let mut expected: Vec<_> = rows().into_iter().map(|(_, line)| line).collect();
    expected.push("tools/call echo allow ok");
    assert_eq!(lab.log().await, expected);

    assert_eq!(lab.called(), ["call_tool", "call_tool", "echo"]);
    let forwarded: Vec<Value> = lab.ear.messages().into_iter().filter(|message| message["method"] == "tools/call").collect();
    let sent: Vec<Value> = rows().into_iter().take(2).map(|(arguments, _)| arguments).collect();
    assert_eq!(forwarded.iter().take(2).map(|message| message["params"]["arguments"].clone()).collect::<Vec<_>>(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_tool_is_listed_for_whom_some_tool_behind_it_is() {
    for (policies, expected) in [
        (ECHO, &["call_tool", "echo"][..]),
        ("permit (principal, action, resource == Mcp::Tool::\"lab/call_tool\");", &[]),
        ("permit (principal, action, resource);", &["call_tool", "echo", "destroy"]),
    ] {
        let lab = lab(policies).await;
        let mut client = lab.client(Era::Legacy).await;
        let reply = client.request("l", "tools/list", None, json!({})).await.unwrap().json();
        let tools = reply["result"]["tools"].as_array().unwrap();
        assert_eq!(tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>(), expected, "{policies}");
    }
}
