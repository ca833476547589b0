//! How a wait ends without a ruling: the client leaves, the ticket expires, the sidecar stops, or too many wait.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_takes_its_calls_with_it() {
    let lab = Lab::open("20s").await;
    let client = lab.session("2025-11-25", Value::Null).await;
    let (address, held) = (lab.sidecar.address, client.session.clone());
    let call = tokio::spawn(async move {
        let params = json!({"name": "destroy", "arguments": {}});
        client.stream(address, "1", "tools/call", Some("destroy"), params).await.body().await
    });
    let ticket = lab.waiting().await;
    let mut other = lab.session("2025-11-25", Value::Null).await;
    other.session = held;
    let headers = other.headers("", None);
    assert_eq!(other.connection.send(Method::DELETE, PATH, &headers, b"").await.unwrap().status, 202);
    let answer = tokio::time::timeout(Duration::from_secs(10), call).await.expect("it does not wait any more").unwrap();
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    lab.rule(&ticket, "approve").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(lab.executed("destroy").len(), 0);
    let client = lab.session("2025-11-25", Value::Null).await;
    assert!(is_done(&lab.calls(&client, "2", json!({})).await.body().await));
    assert_eq!(lab.executed("destroy").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_stream_on_which_it_was_asked_gets_nothing_executed() {
    let lab = Lab::with_console("20s").await;
    let client = lab.session("2025-11-25", json!({"url": {}})).await;
    let mut stream = lab.calls(&client, "1", json!({})).await;
    stream.message().await.unwrap();
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    lab.rule(&lab.waiting().await, "approve").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(lab.executed("destroy").len(), 0);
    assert!(is_done(&lab.calls(&client, "2", json!({})).await.body().await), "the approval is there for who comes back");
    assert_eq!(lab.executed("destroy").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_expires_ends_the_wait_and_the_same_call_asks_anew() {
    let settings = [("CEDARPOST_APPROVALS_HOLD", "20s"), ("CEDARPOST_APPROVALS_LIFETIME", "1s")];
    let lab = Lab::with(&settings, |_, _| None).await;
    let client = lab.session("2025-11-25", Value::Null).await;
    let first = lab.calls(&client, "1", json!({})).await.body().await;
    assert!(text(&first).starts_with("Not executed: the approval is not good any more."), "{first}");
    let modern = lab.leg(&Value::Null, &json!({}), json!({})).await;
    assert!(text(&modern).starts_with("Not executed: the approval is not good any more."), "{modern}");
    let (one, two) = (ticket_in(&first), ticket_in(&modern));
    assert!(one.is_some() && two.is_some() && one != two, "{one:?} {two:?}");
    assert_eq!(lab.executed("destroy").len(), 0);
}

fn ticket_in(message: &Value) -> Option<&str> {
    message["result"]["_meta"]["dev.cedarpost/decision"]["ticket"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_stops_holds_nobody_up_and_says_how_to_go_on() {
    let lab = Lab::open("20s").await;
    let client = lab.session("2025-11-25", Value::Null).await;
    let address = lab.sidecar.address;
    let call = tokio::spawn(async move {
        let params = json!({"name": "destroy", "arguments": {}});
        client.stream(address, "1", "tools/call", Some("destroy"), params).await.body().await
    });
    let ticket = lab.waiting().await;
    let Lab { _server: server, ear, home, sidecar } = lab;
    let begun = tokio::time::Instant::now();
    sidecar.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let answer = call.await.unwrap();
    assert!(text(&answer).contains(&ticket), "{answer}");
    let sidecar = Sidecar::start_with(&home, &[]).await;
    let lab = Lab { _server: server, ear, home, sidecar };
    let client = lab.session("2025-11-25", Value::Null).await;
    assert_eq!(lab.waiting().await, ticket, "the ticket is there after a restart");
    lab.rule(&ticket, "approve").await;
    assert!(is_done(&lab.calls(&client, "2", json!({})).await.body().await));
    assert_eq!(lab.executed("destroy").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_repeats_a_call_that_waits_does_not_take_all_places() {
    let lab = Lab::open("20s").await;
    let mut held = Vec::new();
    for n in 0..8 {
        let client = lab.session("2025-11-25", Value::Null).await;
        let address = lab.sidecar.address;
        held.push(tokio::spawn(async move {
            let params = json!({"name": "destroy", "arguments": {}});
            client.stream(address, &n.to_string(), "tools/call", Some("destroy"), params).await.body().await
        }));
    }
    let ticket = lab.waiting().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let client = lab.session("2025-11-25", Value::Null).await;
    let begun = tokio::time::Instant::now();
    let ninth = lab.calls(&client, "9", json!({})).await.body().await;
    assert!(text(&ninth).contains("make the same call again") && begun.elapsed() < Duration::from_secs(5), "{ninth}");
    lab.rule(&ticket, "approve").await;
    let mut done = 0;
    for call in held {
        // The others are told of the ticket under which people are asked about the next of them.
        let heard = call.await.unwrap();
        assert!(is_done(&heard) || heard["result"]["isError"] == true, "{heard}");
        done += usize::from(is_done(&heard));
    }
    assert_eq!((done, lab.executed("destroy").len()), (1, 1));
}
