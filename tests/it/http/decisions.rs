//! Every kind of request that policy decides, allowed and denied, and those that are never let through.

use super::{Era, Lab, Value, json};

/// Permits one thing of every kind.
const ONE_OF_EACH: &str = r#"
@id("resource")
permit (principal, action, resource == Mcp::Resource::"lab/file:///a");
@id("prompt")
permit (principal, action, resource == Mcp::Prompt::"lab/a");
@id("logging")
permit (principal, action == Mcp::Action::"logging/setLevel", resource);
@id("extension")
permit (principal, action == Mcp::Action::"extension", resource) when { context.method == "vendor/a" };
"#;

fn rows() -> Vec<(&'static str, Value, &'static str)> {
    let complete = |reference: Value| json!({"ref": reference, "argument": {"name": "n", "value": "v"}});
    vec![
        ("resources/read", json!({"uri": "file:///a"}), "resources/read file:///a allow ok"),
        ("resources/read", json!({"uri": "file:///b"}), "resources/read file:///b deny"),
        ("resources/subscribe", json!({"uri": "file:///a"}), "resources/subscribe file:///a allow ok"),
        ("resources/subscribe", json!({"uri": "file:///b"}), "resources/subscribe file:///b deny"),
        ("prompts/get", json!({"name": "a"}), "prompts/get a allow ok"),
        ("prompts/get", json!({"name": "b"}), "prompts/get b deny"),
        ("completion/complete", complete(json!({"type": "ref/prompt", "name": "a"})), "completion/complete a allow ok"),
        ("completion/complete", complete(json!({"type": "ref/prompt", "name": "b"})), "completion/complete b deny"),
        (
            "completion/complete",
            complete(json!({"type": "ref/resource", "uri": "file:///b"})),
            "completion/complete file:///b deny",
        ),
        ("logging/setLevel", json!({"level": "debug"}), "logging/setLevel allow ok"),
        ("vendor/a", json!({}), "extension vendor/a allow ok"),
        ("vendor/b", json!({}), "extension vendor/b deny"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_request_is_decided_and_recorded() {
    let server = crate::support::Scripted::start(|_, _| None).await;
    let home = crate::support::Home::new(server.address, ONE_OF_EACH).with_server("extensions = [\"vendor/a\", \"vendor/b\"]\n");
    let sidecar = crate::support::Sidecar::start(&home).await;
    let lab = Lab { ear: server.ear(), server, home, sidecar };
    let mut client = lab.client(Era::Legacy).await;
    let mut expected = Vec::new();
    for (method, params, line) in rows() {
        let reply = client.request("r", method, None, params.clone()).await.unwrap();
        let denied = line.ends_with("deny");
        assert_eq!((reply.status, reply.code()), (200, denied.then_some(-31403)), "{method} {params} {reply:?}");
        assert!(!denied || reply.json()["error"]["data"]["dev.cedarpost/decision"]["id"].is_string(), "{reply:?}");
        expected.push(line);
    }
    assert_eq!(lab.log().await, expected);
    let reached: Vec<_> = lab.ear.messages().into_iter().filter(|message| message["id"] == "r").collect();
    assert_eq!(reached.len(), expected.iter().filter(|line| line.ends_with("ok")).count());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_table_is_refused_and_never_sent() {
    let lab = Lab::open("@id(\"all\") permit (principal, action, resource);", |_, _| None).await;
    for (era, status) in [(Era::Legacy, 200), (Era::Modern, 404)] {
        let mut client = lab.client(era).await;
        // The last is a question of servers, and no business of a client's.
        for method in ["vendor/a", "tools/Call", "tools/call ", "resources/directory/read", "sampling/createMessage"] {
            let reply = client.request("refused", method, None, json!({})).await.unwrap();
            let answers = [(status, Some(-32601)), (400, Some(-32020)), (400, Some(-32600))];
            assert!(answers.contains(&(reply.status, reply.code())), "{method} {reply:?}");
        }
    }
    assert!(lab.ear.messages().iter().all(|message| message["id"] != "refused"));
}
