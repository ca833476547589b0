//! What servers ask of clients: sampling, elicitation, roots, in requests of their own or inside answers.

use std::fmt::Write as _;

use super::{Answer, ECHO, Era, Lab, Value, done, event, json, once, once_listened};

fn permitting(actions: &[&str]) -> String {
    actions.iter().fold(ECHO.to_owned(), |mut policies, action| {
        write!(policies, "\n@id(\"{action}\") permit (principal, action == Mcp::Action::\"{action}\", resource);").unwrap();
        policies
    })
}

fn question(id: &str, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"message": "m", "messages": [], "maxTokens": 1}})
}

const KINDS: [&str; 3] = ["sampling/createMessage", "elicitation/create", "roots/list"];

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_question_reaches_the_client_and_its_answer_the_server() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(&permitting(&KINDS), once("tools/call", stream)).await;
    let mut client = lab.client(Era::Legacy).await;
    let mut stream = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    for kind in KINDS {
        events.send(event(&question(kind, kind)).into()).unwrap();
        assert_eq!(stream.message().await, Some(question(kind, kind)));
        let answer = json!({"jsonrpc": "2.0", "id": kind, "result": {"of": kind}});
        assert_eq!(client.say(&answer).await.unwrap().status, 202);
        assert_eq!(lab.ear.message(|message| message["id"] == kind).await, answer);
        assert_eq!(client.say(&answer).await.unwrap().status, 202, "a second answer is taken and dropped");
    }
    events.send(event(&done("c")).into()).unwrap();
    assert_eq!(stream.message().await, Some(done("c")));
    let answers = lab.ear.messages().into_iter().filter(|message| message["result"]["of"].is_string()).count();
    assert_eq!(answers, KINDS.len(), "each answer went once");
    let mut expected: Vec<_> = KINDS.iter().map(|kind| format!("{kind} allow ok")).collect();
    expected.insert(0, "tools/call echo allow ok".to_owned());
    assert_eq!(lab.log().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_question_is_refused_in_the_clients_place_on_any_stream() {
    for listened in [false, true] {
        let (events, stream) = Answer::events();
        let lab = if listened {
            Lab::open(ECHO, once_listened(stream)).await
        } else {
            Lab::open(ECHO, once("tools/call", stream)).await
        };
        let client = lab.client(Era::Legacy).await;
        let address = lab.sidecar.address;
        let mut stream = if listened {
            client.listen(address, None).await
        } else {
            client.stream(address, "c", "tools/call", None, json!({"name": "echo"})).await
        };
        let asked = [KINDS.as_slice(), &["tools/call", "vendor/ask"]].concat();
        for kind in &asked {
            events.send(event(&question(kind, kind)).into()).unwrap();
        }
        events.send(event(&done("c")).into()).unwrap();
        assert_eq!(stream.message().await, Some(done("c")), "the client sees none of them");
        for (kind, pointer, expected) in [
            ("sampling/createMessage", "/error/code", json!(-1)),
            ("elicitation/create", "/result/action", json!("decline")),
            ("roots/list", "/error/code", json!(-32601)),
            ("tools/call", "/error/code", json!(-32601)),
            ("vendor/ask", "/error/code", json!(-32601)),
        ] {
            let refusal = lab.ear.message(|message| message["id"] == kind).await;
            assert_eq!(refusal.pointer(pointer), Some(&expected), "{refusal}");
        }
        let posts = lab.ear.requests("POST");
        let refusals = posts.iter().filter(|seen| String::from_utf8_lossy(&seen.body).contains("decline"));
        assert!(refusals.into_iter().all(|seen| seen.headers["mcp-session-id"] == "scripted"));
        let log = lab.log().await;
        for kind in KINDS {
            assert!(log.contains(&format!("{kind} deny")), "{log:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_what_nobody_asked_is_dropped() {
    let lab = Lab::open(&permitting(&KINDS), |_, _| None).await;
    let mut client = lab.client(Era::Legacy).await;
    for answer in [
        json!({"jsonrpc": "2.0", "id": "never", "result": {"action": "accept"}}),
        json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": "never"}}),
    ] {
        assert_eq!(client.say(&answer).await.unwrap().status, 202);
    }
    assert!(client.call("c", "echo", json!({})).await.unwrap().is_good());
    assert!(lab.ear.messages().iter().all(|message| !message.to_string().contains("never") && message["id"] != 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_server_withdraws_can_no_longer_be_answered() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(&permitting(&KINDS), once("tools/call", stream)).await;
    let mut client = lab.client(Era::Legacy).await;
    let mut stream = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    events.send(event(&question("q", "elicitation/create")).into()).unwrap();
    assert!(stream.message().await.is_some());
    let withdrawn = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "q"}});
    events.send(event(&withdrawn).into()).unwrap();
    assert_eq!(stream.message().await, Some(withdrawn));
    client.say(&json!({"jsonrpc": "2.0", "id": "q", "result": {"action": "accept"}})).await.unwrap();
    events.send(event(&done("c")).into()).unwrap();
    assert_eq!(stream.message().await, Some(done("c")));
    assert!(lab.ear.messages().iter().all(|message| message["id"] != "q"));
    assert_eq!(lab.log().await, ["tools/call echo allow ok", "elicitation/create allow cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_without_end_is_refused_after_a_while() {
    let (events, stream) = Answer::events();
    let lab = Lab::open(&permitting(&KINDS), once("tools/call", stream)).await;
    let client = lab.client(Era::Legacy).await;
    let mut stream = client.stream(lab.sidecar.address, "c", "tools/call", None, json!({"name": "echo"})).await;
    for number in 0..70 {
        events.send(event(&question(&format!("q{number}"), "sampling/createMessage")).into()).unwrap();
    }
    events.send(event(&question("q0", "roots/list")).into()).unwrap();
    events.send(event(&done("c")).into()).unwrap();
    let mut asked = 0;
    while stream.message().await.is_some_and(|message| message["method"].is_string()) {
        asked += 1;
    }
    assert_eq!(asked, 64);
    let refused = lab.ear.messages().into_iter().filter(|message| message["error"]["code"] == -32603).count();
    assert_eq!(refused, 7, "one of them for an id that is in use");
}

fn input_required(method: &str) -> Value {
    json!({"resultType": "input_required", "requestState": "s", "inputRequests": {"k": {"method": method, "params": {"message": "m"}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_question_inside_an_answer_becomes_a_denial() {
    let demand = |id: &Value| {
        let elicitation = json!({"mode": "url", "url": "https://phish.example", "elicitationId": "e", "message": "m"});
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32042, "message": "m", "data": {"elicitations": [elicitation]}}})
    };
    for kind in ["elicitation/create", "sampling/createMessage", "roots/list", "vendor/ask", "-32042"] {
        let lab = Lab::open(ECHO, move |_, message| {
            (message["method"] == "tools/call" || message["id"] == "list").then(|| match kind {
                "-32042" => Answer::Json(demand(&message["id"])),
                kind => Answer::result(message, input_required(kind)),
            })
        })
        .await;
        let mut client = lab.client(Era::Modern).await;
        let reply = client.call("c", "echo", json!({})).await.unwrap();
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(!text.contains("phish") && !text.contains("inputRequests"), "{kind} {text}");
        assert!(reply.denial().is_some() || kind == "vendor/ask" && reply.code() == Some(-32603), "{kind} {text}");
        let list = client.request("list", "tools/list", None, json!({})).await.unwrap();
        let text = String::from_utf8_lossy(&list.body).into_owned();
        assert!(list.code().is_some() && !text.contains("phish") && !text.contains("inputRequests"), "{kind} {text}");
        assert_eq!(lab.log().await.iter().filter(|line| **line == "tools/call echo allow failed: withheld").count(), 1, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_the_answers_is_a_new_call_to_be_decided() {
    let lab = Lab::open(&permitting(&KINDS), |_, message| {
        let first = message["method"] == "tools/call" && message["params"]["inputResponses"].is_null();
        first.then(|| Answer::result(message, input_required("elicitation/create")))
    })
    .await;
    let mut client = lab.client(Era::Modern).await;
    let asked = client.call("1", "echo", json!({})).await.unwrap();
    let mut result = asked.json()["result"].clone();
    let sealed = result["requestState"].take();
    assert!(sealed.as_str().is_some_and(|state| state.len() > 40), "{sealed}");
    result["requestState"] = "s".into();
    assert_eq!(result, input_required("elicitation/create"), "what is allowed passes unchanged but for the state");
    let retry = |tool: &str| json!({"name": tool, "requestState": sealed, "inputResponses": {"k": {"action": "accept"}}});
    assert!(client.request("2", "tools/call", Some("echo"), retry("echo")).await.unwrap().is_good());
    let smuggled = client.request("3", "tools/call", Some("destroy"), retry("destroy")).await.unwrap();
    assert!(smuggled.denial().is_some(), "{smuggled:?}");
    assert_eq!(
        lab.log().await,
        ["tools/call echo allow ok", "elicitation/create allow ok", "tools/call echo allow ok", "tools/call destroy deny"]
    );
    assert_eq!(lab.called(), ["echo", "echo"]);
    let second = lab.ear.messages().into_iter().filter(|message| message["method"] == "tools/call").nth(1).unwrap();
    assert_eq!(second["params"]["requestState"], "s", "the server gets back what it gave");
}
