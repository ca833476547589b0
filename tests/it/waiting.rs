//! Calls that wait for a person, as their clients see it, with the real binary: in both eras, over HTTP and over standard input and
//! output. What counts is what reaches the server: a call is carried out once, or not at all.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::support::{Desk, Era, Home, MODERN, Mcp, Reply, Sidecar, Stream, Upstream, modern_meta, until};

const POLICIES: &str = r#"
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("destroy") @confirm("form") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy")
  when { context has approval };
@id("operators-rule") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
@id("people-confirm") permit (principal == Mcp::User::"alice", action == Mcp::Action::"approve", resource)
  when { context.source.transport == "elicitation" };
"#;

/// Asks the control socket of the sidecar whose log lies there.
pub(crate) async fn control(directory: &Path, method: &str, path: &str, body: &str) -> Value {
    let mut stream = UnixStream::connect(directory.join("control")).await.unwrap();
    let request = format!(
        "{method} /v1{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{head}\n{body}"))
}

pub(crate) async fn rule(directory: &Path, ticket: &str, verdict: &str) -> Value {
    control(directory, "POST", &format!("/approvals/{ticket}/rule"), &json!({ "verdict": verdict }).to_string()).await
}

/// The one ticket that waits, once there is one.
pub(crate) async fn waiting(directory: &Path) -> String {
    for _ in 0..400 {
        let listed = control(directory, "GET", "/approvals?state=waiting", "").await;
        if let Some(ticket) = listed["approvals"][0]["id"].as_str() {
            return ticket.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody is asked");
}

struct Lab {
    upstream: Upstream,
    home: Home,
    sidecar: Sidecar,
}

impl Lab {
    async fn open(hold: &str) -> Self {
        Self::with(&[("CEDARPOST_APPROVALS_HOLD", hold)]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start().await;
        let home = Home::new(upstream.address, POLICIES);
        let sidecar = Sidecar::start_with(&home, settings).await;
        Self { upstream, home, sidecar }
    }

    /// The calls that reached the server.
    fn executed(&self) -> Vec<Value> {
        let bodies = self.upstream.seen_since(0).into_iter().filter_map(|seen| serde_json::from_slice::<Value>(&seen.body).ok());
        bodies.filter(|body| body["method"] == "tools/call").collect()
    }

    async fn client(&self, era: Era) -> Mcp {
        Mcp::connect(self.sidecar.address, era).await.unwrap()
    }

    /// A client of the older era whose user can be asked by forms.
    async fn client_with_forms(&self) -> Mcp {
        self.client_that_elicits(json!({})).await
    }

    /// A client of the older era whose user can be asked in these ways.
    async fn client_that_elicits(&self, ways: Value) -> Mcp {
        let mut client = Mcp::shake_hands(self.sidecar.address, Era::Legacy).await.unwrap();
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": ways}, "clientInfo": {"name": "lab", "version": "1"}});
        client.session = None;
        let reply = client.request("hello-again", "initialize", None, hello).await.unwrap();
        client.session = reply.header("mcp-session-id");
        client.request("tools", "tools/list", None, json!({})).await.unwrap();
        client
    }
}

fn text(reply: &Reply) -> String {
    reply.json()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_approved_while_its_client_waits_is_carried_out_once() {
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::open("20s").await;
        let mut client = lab.client(era).await;
        let call = tokio::spawn(async move { client.call("1", "destroy", json!({"what": "all"})).await.unwrap() });
        let ticket = waiting(&lab.home.audit()).await;
        assert_eq!(lab.executed(), Vec::<Value>::new(), "nothing happens before somebody rules");
        assert_eq!(rule(&lab.home.audit(), &ticket, "approve").await["approval"]["state"], "granted");
        let reply = call.await.unwrap();
        assert!(reply.is_good(), "{era:?}: {reply:?}");
        assert_eq!(lab.executed().len(), 1);
        lab.sidecar.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_person_denies_is_not_carried_out_and_its_client_goes_on() {
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::open("20s").await;
        let mut client = lab.client(era).await;
        let call = tokio::spawn(async move {
            let reply = client.call("1", "destroy", json!({})).await.unwrap();
            (client, reply)
        });
        let ticket = waiting(&lab.home.audit()).await;
        rule(&lab.home.audit(), &ticket, "deny").await;
        let (mut client, reply) = call.await.unwrap();
        assert_eq!(reply.json()["result"]["isError"], true);
        assert!(text(&reply).starts_with("Denied: a person declined this call. Decision "), "{reply:?}");
        assert!(client.call("2", "echo", json!({"message": "a"})).await.unwrap().is_good());
        assert_eq!(lab.executed().len(), 1, "only the echo");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_waited_long_enough_is_told_how_to_go_on() {
    let lab = Lab::open("300ms").await;
    let mut client = lab.client(Era::Legacy).await;
    let reply = client.call("1", "destroy", json!({"b": 1, "a": 2})).await.unwrap();
    let ticket = reply.json()["result"]["_meta"]["dev.cedarpost/decision"]["ticket"].as_str().unwrap().to_owned();
    assert!(text(&reply).contains(&format!("Ticket {ticket}. Once it is approved, make the same call again")), "{reply:?}");
    let again = client.call("2", "destroy", json!({"a": 2, "b": 1})).await.unwrap();
    assert!(text(&again).contains(&ticket), "the same call joins the same ticket: {again:?}");
    rule(&lab.home.audit(), &ticket, "approve").await;
    assert!(!client.call("3", "destroy", json!({"a": 2, "b": 2})).await.unwrap().is_good(), "another call is another call");
    assert!(client.call("4", "destroy", json!({"a": 2, "b": 1})).await.unwrap().is_good());
    assert!(!client.call("5", "destroy", json!({"a": 2, "b": 1})).await.unwrap().is_good(), "once");
    assert_eq!(lab.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_client_tries_again_with_what_it_was_given_and_with_nothing_else() {
    let lab = Lab::open("300ms").await;
    let mut client = lab.client(Era::Modern).await;
    let arguments = json!({"what": "one"});
    let first = client.call("1", "destroy", arguments.clone()).await.unwrap().json()["result"].clone();
    assert_eq!((&first["resultType"], &first["inputRequests"]), (&json!("input_required"), &Value::Null));
    let state = first["requestState"].as_str().unwrap().to_owned();
    let with = |state: &str, arguments: &Value| json!({"name": "destroy", "arguments": arguments, "requestState": state, "inputResponses": {"dev.cedarpost/approval": {"action": "accept"}}});
    let second =
        client.request("2", "tools/call", Some("destroy"), with(&state, &arguments)).await.unwrap().json()["result"].clone();
    let newer = second["requestState"].as_str().unwrap().to_owned();
    assert_ne!(newer, state);

    let forged: String = state.chars().rev().collect();
    let forged = format!("cedarpost-approval1.{forged}");
    for (what, params) in [
        ("forged", with(&forged, &arguments)),
        ("with other arguments", with(&state, &json!({"what": "all"}))),
        ("cut", with(state.get(..state.len() - 4).unwrap(), &arguments)),
    ] {
        let reply = client.request("3", "tools/call", Some("destroy"), params).await.unwrap();
        assert_eq!(reply.code(), Some(-32602), "{what}: {reply:?}");
    }
    let other = client.request(
        "4",
        "tools/call",
        Some("echo"),
        json!({"name": "echo", "arguments": {"message": "a"}, "requestState": state}),
    );
    assert_eq!(other.await.unwrap().code(), Some(-32602), "for another tool");

    let ticket = waiting(&lab.home.audit()).await;
    rule(&lab.home.audit(), &ticket, "approve").await;
    let done = client.request("5", "tools/call", Some("destroy"), with(&newer, &arguments)).await.unwrap();
    assert!(done.is_good(), "{done:?}");
    let executed = lab.executed();
    assert_eq!(executed.len(), 1);
    assert_eq!((&executed[0]["params"]["requestState"], &executed[0]["params"]["inputResponses"]), (&Value::Null, &Value::Null));
    let replayed = client.request("6", "tools/call", Some("destroy"), with(&newer, &arguments)).await.unwrap();
    assert_eq!(replayed.code(), Some(-32602), "the call was made: {replayed:?}");
    let listed = control(&lab.home.audit(), "GET", "/approvals?state=waiting", "").await;
    assert_eq!(listed["approvals"], json!([]), "and nobody is asked anew");
    assert_eq!(lab.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_confirms_in_their_own_client_where_policy_lets_them() {
    let lab = Lab::open("20s").await;
    let client = lab.client_with_forms().await;
    for (id, answer, executed) in [
        ("1", json!({"action": "accept", "content": {"approve": true}}), 1),
        ("2", json!({"action": "accept", "content": {"approve": false}}), 1),
        ("3", json!({"action": "decline"}), 1),
    ] {
        let params = json!({"name": "destroy", "arguments": {"turn": id, "hidden": "a\u{202e}b"}});
        let mut stream = client.stream(lab.sidecar.address, id, "tools/call", Some("destroy"), params).await;
        let asked = stream.message().await.unwrap();
        assert_eq!((&asked["method"], &asked["params"]["mode"]), (&json!("elicitation/create"), &json!("form")));
        assert!(asked["params"]["message"].as_str().unwrap().contains(r"a\u202eb"), "{asked}");
        let mut other = lab.client_with_forms().await;
        other.session.clone_from(&client.session);
        other.say(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": answer})).await.unwrap();
        let result = stream.message().await.unwrap();
        assert_eq!(result["id"], id, "{result}");
        assert_eq!(result["result"]["isError"] == true, id != "1", "{result}");
        assert_eq!(lab.executed().len(), executed);
    }
    let told =
        lab.upstream.seen_since(0).iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains("cedarpost-apr_")).count();
    assert_eq!(told, 0, "no server hears of our questions");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_a_console_a_user_is_asked_to_open_its_page_and_that_alone_means_nothing() {
    let upstream = Upstream::start().await;
    let home = Home::new(upstream.address, POLICIES).with_listeners(
        "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[console]\naddress = \"127.0.0.1:0\"\nurl = \"http://console.test\"",
    );
    let sidecar = Sidecar::start_with(&home, &[("CEDARPOST_APPROVALS_HOLD", "4s")]).await;
    let lab = Lab { upstream, home, sidecar };
    let client = lab.client_that_elicits(json!({"url": {}})).await;
    let params = json!({"name": "destroy", "arguments": {}});
    let mut stream = client.stream(lab.sidecar.address, "1", "tools/call", Some("destroy"), params).await;
    let asked = stream.message().await.unwrap();
    let ticket = waiting(&lab.home.audit()).await;
    assert_eq!(asked["params"]["url"], format!("http://console.test/approvals/{ticket}"));
    assert_eq!((&asked["params"]["mode"], &asked["params"]["elicitationId"]), (&json!("url"), &json!(ticket)));
    let mut other = lab.client(Era::Legacy).await;
    other.session.clone_from(&client.session);
    other.say(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept"}})).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(lab.executed().len(), 0, "agreeing to open a page is no approval");
    rule(&lab.home.audit(), &ticket, "approve").await;
    let complete = stream.message().await.unwrap();
    assert_eq!(
        (&complete["method"], &complete["params"]["elicitationId"]),
        (&json!("notifications/elicitation/complete"), &json!(ticket))
    );
    let result = stream.message().await.unwrap();
    assert_eq!((&result["id"], &result["result"]["isError"]), (&json!("1"), &Value::Null), "{result}");
    assert_eq!(lab.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_client_shows_its_user_a_form_and_brings_the_answer_back() {
    let lab = Lab::open("5s").await;
    let mut client = lab.client(Era::Modern).await;
    let mut meta = modern_meta();
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {"form": {}}});
    let headers = client.headers("tools/call", Some("destroy"));
    let mut call = async |id: &str, more: Value| {
        let mut params = json!({"name": "destroy", "arguments": {}, "_meta": meta});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string();
        client.connection.send(http::Method::POST, crate::support::PATH, &headers, body.as_bytes()).await.unwrap().json()
    };
    let asked = call("1", json!({})).await["result"].clone();
    let question = &asked["inputRequests"]["dev.cedarpost/approval"];
    assert_eq!((&asked["resultType"], &question["method"]), (&json!("input_required"), &json!("elicitation/create")));
    assert_eq!(question["params"]["requestedSchema"]["required"], json!(["approve"]));
    let back =
        |answer: Value| json!({"requestState": asked["requestState"], "inputResponses": {"dev.cedarpost/approval": answer}});
    let declined = call("2", back(json!({"action": "cancel"}))).await;
    assert_eq!(declined["result"]["isError"], true);
    assert_eq!(lab.executed().len(), 0);
    let done = call("3", back(json!({"action": "accept", "content": {"approve": true}}))).await;
    assert_eq!(done["result"]["isError"], Value::Null, "{done}");
    assert_eq!(lab.executed().len(), 1);
    assert_eq!(MODERN, "2026-07-28");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_left_gets_nothing_executed_behind_its_back() {
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::open("20s").await;
        let mut client = lab.client(era).await;
        let call = tokio::spawn(async move { client.call("1", "destroy", json!({})).await });
        let ticket = waiting(&lab.home.audit()).await;
        call.abort();
        let _ = call.await;
        // The connection is closed with the task; the sidecar sees it a moment later.
        tokio::time::sleep(Duration::from_millis(300)).await;
        rule(&lab.home.audit(), &ticket, "approve").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(lab.executed().len(), 0, "{era:?}");
        let mut client = lab.client(era).await;
        assert!(client.call("2", "destroy", json!({})).await.unwrap().is_good(), "the approval is there for who comes back");
        assert_eq!(lab.executed().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled_while_it_waits_is_over() {
    let lab = Lab::open("20s").await;
    let mut client = lab.client(Era::Legacy).await;
    let session = client.session.clone();
    let call = tokio::spawn(async move { client.call("held", "destroy", json!({})).await.unwrap() });
    let ticket = waiting(&lab.home.audit()).await;
    let mut other = lab.client(Era::Legacy).await;
    other.session = session;
    other.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "held"}})).await.unwrap();
    let reply = tokio::time::timeout(Duration::from_secs(10), call).await.unwrap().unwrap();
    assert!(!reply.is_good());
    rule(&lab.home.audit(), &ticket, "approve").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(lab.executed().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_survives_a_sidecar_that_is_killed_while_its_client_waits() {
    let lab = Lab::open("20s").await;
    let mut client = lab.client(Era::Legacy).await;
    let call = tokio::spawn(async move { client.call("1", "destroy", json!({"n": 1})).await });
    let ticket = waiting(&lab.home.audit()).await;
    let Lab { upstream, home, sidecar } = lab;
    sidecar.kill().await;
    assert!(call.await.unwrap().is_err(), "the connection broke");
    let sidecar = Sidecar::start_with(&home, &[("CEDARPOST_APPROVALS_HOLD", "300ms")]).await;
    let lab = Lab { upstream, home, sidecar };
    assert_eq!(waiting(&lab.home.audit()).await, ticket);
    assert_eq!(lab.executed().len(), 0);
    let mut client = lab.client(Era::Legacy).await;
    assert_eq!(rule(&lab.home.audit(), &ticket, "approve").await["approval"]["state"], "granted");
    let reply = client.call("2", "destroy", json!({"n": 1})).await.unwrap();
    assert!(reply.is_good(), "{reply:?}");
    assert!(!client.call("3", "destroy", json!({"n": 1})).await.unwrap().is_good());
    assert_eq!(lab.executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_standard_output_a_call_waits_and_everything_else_goes_on() {
    let desk = Desk::new(POLICIES);
    let mut talk = desk.spawn();
    talk.greet().await;
    talk.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "destroy", "arguments": {}}})).await;
    let ticket = waiting(&desk.audit(1)).await;
    let echoed = talk.call("2", "echo").await;
    assert_eq!(echoed["id"], "2", "{echoed}");
    rule(&desk.audit(1), &ticket, "approve").await;
    let done = talk.hear().await;
    assert_eq!((&done["id"], &done["result"]["isError"]), (&json!(1), &Value::Null), "{done}");

    // Whoever closes their side while a call waits gets nothing executed.
    talk.say(&json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "destroy", "arguments": {"n": 2}}}))
        .await;
    let ticket = waiting(&desk.audit(1)).await;
    let closing = tokio::spawn(talk.close());
    let closed = tokio::time::timeout(Duration::from_secs(15), closing).await.expect("nothing waits for people any more");
    assert!(closed.is_ok(), "{ticket}");
    let calls = desk.seen().lines().filter(|line| line.contains("\"destroy\"") && line.contains("tools/call")).count();
    until("the first call is on paper", || desk.seen().contains("destroy")).await;
    assert_eq!(calls, 1);
}

/// What is told under the token `t-1`, and then the answer.
async fn progress_then_answer(stream: &mut Stream) -> (Vec<f64>, Value) {
    let mut progress = Vec::new();
    loop {
        let message = stream.message().await.expect("an answer");
        if message.get("id").is_some() {
            return (progress, message);
        }
        assert_eq!((&message["method"], &message["params"]["progressToken"]), (&json!("notifications/progress"), &json!("t-1")));
        assert_eq!(message["params"]["message"], "Waiting for a person to approve this call.");
        progress.push(message["params"]["progress"].as_f64().unwrap());
    }
}

fn rises(progress: &[f64]) -> bool {
    progress.is_sorted_by(|before, after| before < after) && progress.iter().all(|progress| *progress < 0.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gave_a_token_hears_that_its_call_waits_and_is_held_for_longer() {
    let held = [("CEDARPOST_APPROVALS_HOLD", "0s"), ("CEDARPOST_APPROVALS_HOLD_WITH_PROGRESS", "20s")];
    for era in [Era::Legacy, Era::Modern] {
        let lab = Lab::with(&held).await;
        let mut client = lab.client(era).await;
        let call = |what: &str| json!({"name": "destroy", "arguments": {"what": what}, "_meta": {"progressToken": "t-1"}});
        // Only that of a client that cannot hear anything in between is over at once.
        let plain = client.call("0", "destroy", json!({"what": "no token"})).await.unwrap();
        assert!(!plain.is_good());
        for (verdict, is_error) in [("approve", Value::Null), ("deny", json!(true))] {
            let asked = client.stream(lab.sidecar.address, verdict, "tools/call", Some("destroy"), call(verdict));
            let directory = lab.home.audit();
            let ruled = async {
                let ticket = until_ticket(&directory, verdict).await;
                tokio::time::sleep(Duration::from_millis(6_000)).await;
                rule(&directory, &ticket, verdict).await;
            };
            let heard = async {
                let mut stream = asked.await;
                progress_then_answer(&mut stream).await
            };
            let ((progress, answer), ()) = tokio::join!(heard, ruled);
            assert!(!progress.is_empty() && rises(&progress), "{era:?} {progress:?}");
            assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(verdict), &is_error), "{era:?}: {answer}");
        }
        assert_eq!(lab.executed().len(), 1, "what was approved");
        assert_eq!(lab.executed()[0]["params"]["_meta"]["progressToken"], "t-1", "the token is the server's, too");
        lab.sidecar.stop().await;
    }
}

/// The ticket of the call of that, once there is one.
async fn until_ticket(directory: &Path, what: &str) -> String {
    for _ in 0..400 {
        let listed = control(directory, "GET", "/approvals?state=waiting", "").await;
        let all = listed["approvals"].as_array().unwrap().clone();
        if let Some(ticket) = all.iter().find(|ticket| ticket["arguments"]["what"] == what) {
            return ticket["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody is asked about {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hears_and_leaves_gets_nothing_executed_and_one_that_takes_no_events_hears_nothing() {
    let lab = Lab::with(&[("CEDARPOST_APPROVALS_HOLD", "1s"), ("CEDARPOST_APPROVALS_HOLD_WITH_PROGRESS", "3s")]).await;
    let client = lab.client(Era::Modern).await;
    let call = json!({"name": "destroy", "arguments": {"what": "left"}, "_meta": {"progressToken": "t-1"}});
    let mut stream = client.stream(lab.sidecar.address, "1", "tools/call", Some("destroy"), call).await;
    assert_eq!(stream.message().await.unwrap()["params"]["progress"], -1.0);
    let ticket = until_ticket(&lab.home.audit(), "left").await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    rule(&lab.home.audit(), &ticket, "approve").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(lab.executed().len(), 0);
    let mut client = lab.client(Era::Legacy).await;
    let params = json!({"name": "destroy", "arguments": {"what": "deaf"}, "_meta": {"progressToken": "t-1"}});
    let body = json!({"jsonrpc": "2.0", "id": "2", "method": "tools/call", "params": params}).to_string();
    let mut headers = client.headers("tools/call", Some("destroy"));
    headers.insert("accept", "application/json".parse().unwrap());
    let reply = client.connection.send(http::Method::POST, "/lab", &headers, body.as_bytes()).await.unwrap();
    assert_eq!(reply.header("content-type").as_deref(), Some("application/json"));
    assert!(text(&reply).contains("make the same call again"), "{reply:?}");
}
