//! Being told of changes: of resources, and of what policy lets a client see.

use super::{Answer, ECHO, Era, Lab, Value, event, json, once, once_listened};

const RESOURCE: &str = r#"
@id("a")
permit (principal, action in [Mcp::Action::"resources/subscribe", Mcp::Action::"resources/read"], resource == Mcp::Resource::"lab/file:///a");
"#;

fn updated(uri: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_to_what_is_allowed_and_tells_of_new_policies() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(RESOURCE, once("subscriptions/listen", stream)).await;
    let client = lab.client(Era::Modern).await;
    let filter =
        json!({"toolsListChanged": true, "resourceSubscriptions": ["file:///b", "file:///a"], "taskIds": ["of another"]});
    let mut stream =
        client.stream(lab.sidecar.address, "sub", "subscriptions/listen", None, json!({"notifications": filter})).await;
    let asked = lab.ear.message(|message| message["method"] == "subscriptions/listen").await;
    let kept = json!({"toolsListChanged": true, "resourceSubscriptions": ["file:///a"], "taskIds": []});
    assert_eq!(asked["params"]["notifications"], kept);

    for uri in ["file:///b", "file:///a"] {
        events.send(event(&updated(uri)).into()).unwrap();
    }
    assert_eq!(stream.message().await, Some(updated("file:///a")), "the other is not for this client");

    lab.home.write_policies(ECHO);
    let changed = stream.message().await.unwrap();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "sub");
    events.send(event(&updated("file:///a")).into()).unwrap();
    let end = json!({"jsonrpc": "2.0", "id": "sub", "result": {"resultType": "complete"}});
    events.send(event(&end).into()).unwrap();
    assert_eq!(stream.message().await, Some(end), "the new policies count at once");
    let mut log = lab.log().await;
    log.sort();
    assert_eq!(log, ["resources/subscribe file:///a allow ok", "resources/subscribe file:///b deny"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_policies_are_told_on_listening_streams_of_sessions_whose_server_does_so() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(ECHO, once_listened(stream)).await;
    let mut stream = lab.client(Era::Legacy).await.listen(lab.sidecar.address, None).await;
    lab.home.write_policies(RESOURCE);
    assert_eq!(stream.message().await, Some(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})));
    drop(events);
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_is_not_for_the_client_never_reaches_it() {
    let task = |extra: Value| {
        let mut params = json!({"taskId": "of nobody", "status": "input_required"});
        params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        params
    };
    let hidden = [
        updated("file:///b"),
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated"}),
        json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": task(json!({}))}),
        json!({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": task(json!({}))}),
        json!({"jsonrpc": "2.0", "method": "notifications/message",
            "params": {"inputRequests": {"k": {"method": "elicitation/create", "params": {"mode": "url", "url": "https://phish.example"}}}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/vendor"}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ];
    let shown = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "end"}});
    let written: Vec<String> = hidden.iter().chain([&shown]).map(event).collect();
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    let lab = Lab::open(RESOURCE, once_listened(Answer::stream(&written))).await;
    let mut stream = lab.client(Era::Legacy).await.listen(lab.sidecar.address, None).await;
    assert_eq!(stream.message().await, Some(shown));
}
