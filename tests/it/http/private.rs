//! What the log has of arguments and results over HTTP: byte for byte what the client sent and received.

use super::{Answer, ECHO, Era, Lab, Value, done, json, once};
use crate::support::{assert_commits, assert_recorded, event_data, kept, records_of, result_text};

const RESULTS: [(&str, &str); 1] = [("CEDARPOST_AUDIT_DETAIL", "results")];

/// A result that nobody would write again in the same way.
const ODD: &str = "{ \"content\" : [ {\"type\":\"text\",\"text\":\"d\\u00f6ne \u{2028}\"} ],\r\n\t\"n\":1.50 }";

fn odd(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\n \"result\" : {ODD},\n \"jsonrpc\":\"2.0\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_commits_to_the_very_result_that_a_client_got_as_json() {
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::with(ECHO, &RESULTS, once("tools/call", Answer::Bytes(200, "application/json", odd("c")))).await;
        let reply = lab.client(era).await.call("c", "echo", json!({"to": "ann"})).await.unwrap();
        let received = result_text(std::str::from_utf8(&reply.body).unwrap());
        assert_eq!(received, ODD);
        let log = lab.home.audit();
        let (decision, outcome) = assert_recorded(&log, "c", &received).await;
        assert_eq!(outcome["bytes"], reply.body.len());
        assert_commits(&log, &decision, "args", r#"{"to":"ann"}"#);
        assert_eq!(kept(&log, &decision).as_deref(), Some(r#"{"to":"ann"}"#));
        assert!(decision["catalog"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{decision}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_commits_to_the_very_result_that_a_client_got_in_events() {
    // One event whose data stands on several lines, ended in all the ways there are; the client joins them with line feeds.
    let data: String = odd("c").split('\n').map(|line| format!("data: {}\r\n", line.trim_end_matches('\r'))).collect();
    let stream = format!(": hello\n\nid: 7\nevent: message\n{data}\n");
    let lab = Lab::with(ECHO, &RESULTS, once("tools/call", Answer::stream(&[&stream]))).await;
    let client = lab.client(Era::Legacy).await;
    let mut events = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    let mut raw = String::new();
    while let Some(event) = events.next().await {
        raw.push_str(&event);
    }
    let received = result_text(&event_data(&raw));
    assert_eq!(received, ODD.replace("\r\n", "\n"));
    assert_recorded(&lab.home.audit(), "c", &received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_server_is_a_result_too_and_what_stands_in_the_place_of_an_answer_is_what_is_recorded() {
    let error = r#"{"jsonrpc":"2.0","id":"c","error":{"code":-32000, "message":"sold out"}}"#;
    let asks =
        r#"{"jsonrpc":"2.0","id":"c","result":{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}}"#;
    for (answer, outcome) in [(error, "rpc_error"), (asks, "failed")] {
        let lab = Lab::with(ECHO, &RESULTS, once("tools/call", Answer::Bytes(200, "application/json", answer.to_owned()))).await;
        let reply = lab.client(Era::Modern).await.call("c", "echo", json!({})).await.unwrap();
        let received = result_text(std::str::from_utf8(&reply.body).unwrap());
        let (_, record) = assert_recorded(&lab.home.audit(), "c", &received).await;
        assert_eq!(record["outcome"], outcome, "{record}");
        assert_eq!(received == result_text(answer), outcome == "rpc_error", "{received}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_results_by_default_and_nothing_is_said_of_what_did_not_come() {
    let lab = Lab::open(ECHO, once("tools/call", Answer::Torn("application/json", "{\"jsonrpc\":\"2.0\", ".to_owned()))).await;
    let mut client = lab.client(Era::Legacy).await;
    let torn = client.call("c", "echo", json!({})).await.unwrap();
    let whole = client.call("d", "echo", json!({})).await.unwrap();
    assert!(torn.code().is_some() && whole.is_good());
    let log = lab.home.audit();
    let (_, torn) = records_of(&log, "c").await;
    assert!(torn["result"].is_null() && torn["bytes"] == 0, "{torn}");
    let (_, outcome) = records_of(&log, "d").await;
    assert_commits(&log, &outcome, "result", &result_text(std::str::from_utf8(&whole.body).unwrap()));
    assert_eq!((&outcome["result"]["kept"], kept(&log, &outcome)), (&Value::Bool(false), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_masked_is_nowhere_in_the_log() {
    let (secret, mask) = ("4111-1111-1111-1111", r#"{"dev.cedarpost/masked":true}"#);
    let settings = [("CEDARPOST_AUDIT_DETAIL", "results"), ("CEDARPOST_AUDIT_MASK", "/card, /content/*/text")];
    let mut answer = done("c");
    answer["result"]["content"][0]["text"] = secret.into();
    let lab = Lab::with(ECHO, &settings, once("tools/call", Answer::Json(answer.clone()))).await;
    let mut client = lab.client(Era::Legacy).await;
    let reply = client.call("c", "echo", json!({"card": secret, "to": "ann"})).await.unwrap();
    assert_eq!(reply.json(), answer, "the client gets all of it");
    assert_eq!(lab.ear.message(|message| message["method"] == "tools/call").await["params"]["arguments"]["card"], secret);
    let log = lab.home.audit();
    let (decision, outcome) = records_of(&log, "c").await;
    let arguments = format!(r#"{{"card":{mask},"to":"ann"}}"#);
    assert_commits(&log, &decision, "args", &arguments);
    assert_eq!((kept(&log, &decision), &decision["args"]["masked"]), (Some(arguments), &json!(["/card"])));
    let result = result_text(&answer.to_string()).replace(&format!("\"{secret}\""), mask);
    assert_commits(&log, &outcome, "result", &result);
    assert_eq!((kept(&log, &outcome), &outcome["result"]["masked"]), (Some(result), &json!(["/content/*/text"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_megabytes_is_committed_to_as_it_went_out() {
    let settings = [("CEDARPOST_AUDIT_DETAIL", "results"), ("CEDARPOST_LIMITS_MAX_MESSAGE", "4MiB")];
    let mut answer = done("c");
    answer["result"]["content"][0]["text"] = "x".repeat(3 << 20).into();
    let lab = Lab::with(ECHO, &settings, once("tools/call", Answer::Json(answer))).await;
    let reply = lab.client(Era::Modern).await.call("c", "echo", json!({})).await.unwrap();
    assert!(reply.is_good());
    let log = lab.home.audit();
    let (_, outcome) = records_of(&log, "c").await;
    assert_commits(&log, &outcome, "result", &result_text(std::str::from_utf8(&reply.body).unwrap()));
    assert_eq!(outcome["result"]["kept"], false, "it is longer than what is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_is_recorded_with_its_arguments() {
    let lab = Lab::open(ECHO, |_, _| None).await;
    let mut client = lab.client(Era::Modern).await;
    assert!(client.call("no", "destroy", json!({"all": true})).await.unwrap().denial().is_some());
    let log = lab.home.audit();
    let records = crate::support::shown(&log).await;
    let decision = records.iter().find(|record| record["request"] == "\"no\"").unwrap();
    assert_commits(&log, decision, "args", r#"{"all":true}"#);
    assert_eq!(kept(&log, decision).as_deref(), Some(r#"{"all":true}"#));
}
