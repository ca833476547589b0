//! The revisions with sessions: questions on the call's own stream, where the revision has them and the client says that it takes them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_opens_pages_is_asked_on_the_stream_and_gets_its_answer_there() {
    let lab = Lab::with_console("20s").await;
    let client = lab.session("2025-11-25", json!({"url": {}})).await;
    let mut stream = lab.calls(&client, "1", json!({"n": 1})).await;
    let asked = stream.message().await.unwrap();
    let ticket = lab.waiting().await;
    let params = &asked["params"];
    assert_eq!((&asked["method"], &params["mode"]), (&json!("elicitation/create"), &json!("url")), "{asked}");
    assert_eq!(params["url"], format!("{CONSOLE}/approvals/{ticket}"));
    assert!(asked["id"].as_str().unwrap().starts_with("cedarpost-") && params["elicitationId"].is_string(), "{asked}");
    // The client says more than it was asked, and goes on with other things.
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"approve": true}}});
    let mut beside = lab.beside(&client).await;
    assert_eq!(beside.say(&answer).await.unwrap().status, 202);
    assert!(beside.call("2", "echo", json!({})).await.unwrap().is_good());
    assert_eq!(lab.executed("destroy").len(), 0);
    lab.rule(&ticket, "approve").await;
    let complete = stream.message().await.unwrap();
    assert_eq!(
        (&complete["method"], &complete["params"]["elicitationId"]),
        (&json!("notifications/elicitation/complete"), &params["elicitationId"])
    );
    let done = stream.message().await.unwrap();
    assert!(done["id"] == "1" && is_done(&done), "{done}");
    assert_eq!(stream.next().await, None);
    assert_eq!(lab.executed("destroy").len(), 1);
    assert_eq!(beside.say(&answer).await.unwrap().status, 202, "an answer that nobody waits for");
    lab.knows_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_revision_is_asked_in_the_ways_that_it_has() {
    let lab = Lab::with_console("300ms").await;
    let (both, form, url) = (json!({"form": {}, "url": {}}), json!({}), json!({"url": {}}));
    for (n, (version, elicitation, mode)) in [
        ("2025-11-25", &both, json!("url")),
        ("2025-11-25", &url, json!("url")),
        ("2025-11-25", &form, json!("form")),
        ("2025-11-25", &Value::Null, json!("none")),
        ("2025-06-18", &both, Value::Null),
        ("2025-06-18", &form, Value::Null),
        ("2025-06-18", &url, json!("none")),
        ("2025-03-26", &both, json!("none")),
        ("2024-11-05", &both, json!("none")),
    ]
    .into_iter()
    .enumerate()
    {
        let client = lab.session(version, elicitation.clone()).await;
        let mut stream = lab.calls(&client, "1", json!({ "n": n })).await;
        if mode == "none" {
            assert_eq!(stream.headers["content-type"], "application/json", "{version} {elicitation}");
            continue;
        }
        let asked = stream.message().await.unwrap();
        assert_eq!(
            (&asked["method"], &asked["params"]["mode"]),
            (&json!("elicitation/create"), &mode),
            "{version} {elicitation}"
        );
        // Nobody answers: the question is taken back, and the client hears how to go on.
        let withdrawn = stream.message().await.unwrap();
        assert_eq!((&withdrawn["method"], &withdrawn["params"]["requestId"]), (&json!("notifications/cancelled"), &asked["id"]));
        let mut last = stream.message().await.unwrap();
        if last["method"] == "notifications/elicitation/complete" {
            last = stream.message().await.unwrap();
        }
        assert!(text(&last).contains("make the same call again with identical arguments"), "{last}");
    }
    assert_eq!(lab.executed("destroy").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_declines_the_page_ends_the_call_and_not_the_ticket() {
    let lab = Lab::with_console("20s").await;
    let client = lab.session("2025-11-25", json!({"url": {}})).await;
    for (action, told) in [
        ("decline", "Not executed: the user of this client declined."),
        ("cancel", "Not executed: a person has to approve this call first."),
    ] {
        let mut stream = lab.calls(&client, "1", json!({})).await;
        let asked = stream.message().await.unwrap();
        let said = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": action}});
        lab.beside(&client).await.say(&said).await.unwrap();
        assert_eq!(stream.message().await.unwrap()["method"], "notifications/elicitation/complete");
        let ended = stream.message().await.unwrap();
        assert!(text(&ended).starts_with(told), "{ended}");
    }
    let mut stream = lab.calls(&client, "1", json!({})).await;
    let asked = stream.message().await.unwrap();
    let failed = json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}});
    lab.beside(&client).await.say(&failed).await.unwrap();
    lab.rule(&lab.waiting().await, "approve").await;
    assert_eq!(stream.message().await.unwrap()["method"], "notifications/elicitation/complete");
    assert!(is_done(&stream.message().await.unwrap()), "a client that fails to ask waits all the same");
    assert_eq!(lab.executed("destroy").len(), 1);
    lab.knows_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_session_that_was_asked_answers() {
    let lab = Lab::open("1500ms").await;
    let client = lab.session("2025-11-25", json!({})).await;
    let mut stream = lab.calls(&client, "1", json!({})).await;
    let asked = stream.message().await.unwrap();
    let yes = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"approve": true}}});
    let mut other = lab.session("2025-11-25", json!({})).await;
    assert_eq!(other.say(&yes).await.unwrap().status, 202);
    other.session = None;
    assert_eq!(other.say(&yes).await.unwrap().status, 202);
    assert_eq!(stream.message().await.unwrap()["method"], "notifications/cancelled", "nobody answered who was asked");
    assert_eq!(lab.executed("destroy").len(), 0);
    lab.knows_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_expects_something_else_than_a_result_gets_an_error_that_says_how_to_go_on() {
    let lab = Lab::with_console("100ms").await;
    let mut client = lab.session("2025-11-25", json!({"url": {}})).await;
    for (id, method, params) in [
        ("1", "tools/call", json!({"name": "destroy", "arguments": {}, "task": {"ttl": 1000}})),
        ("2", "resources/read", json!({"uri": "file:///etc/motd"})),
    ] {
        let reply = client.request(id, method, None, params).await.unwrap().json();
        assert_eq!(reply["error"]["code"], -31403, "{reply}");
        assert!(reply["error"]["message"].as_str().unwrap().contains("make the same call again"), "{reply}");
    }
    for ticket in lab.all_waiting().await {
        lab.rule(&ticket, "approve").await;
    }
    assert!(client.request("3", "resources/read", None, json!({"uri": "file:///etc/motd"})).await.unwrap().is_good());
}
