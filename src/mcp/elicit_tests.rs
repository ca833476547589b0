//! What clients are asked, in the form that their revision has for it, and what is read of their answers.

use super::*;
use crate::mcp::Limits;

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn message(body: &str) -> Message {
    Message::parse(&Bytes::from(body.to_owned()), &Limits::default()).unwrap()
}

#[test]
fn what_a_client_can_ask_its_user_is_what_it_says() {
    let both = |form, url| Elicits { form, url };
    for (capabilities, expected) in [
        ("{}", both(false, false)),
        (r#"{"elicitation":{}}"#, both(true, false)),
        (r#"{"elicitation":{"form":{}}}"#, both(true, false)),
        (r#"{"elicitation":{"url":{}}}"#, both(false, true)),
        (r#"{"elicitation":{"form":{},"url":{}}}"#, both(true, true)),
        (r#"{"elicitation":true}"#, both(false, false)),
        ("nonsense", both(false, false)),
    ] {
        assert_eq!(Elicits::of(capabilities.as_bytes()), expected, "{capabilities}");
    }
}

#[test]
fn a_question_is_asked_as_each_revision_has_it() {
    let id = RawId::from_text("cedarpost-1");
    let url = Question::Url { id: "apr_1", url: "https://c/approvals/apr_1", message: "say \"yes\"" };
    let params = json!({"message": "say \"yes\"", "mode": "url", "url": "https://c/approvals/apr_1"});
    let mut named = params.clone();
    named["elicitationId"] = "apr_1".into();
    let request: Value = serde_json::from_slice(&url.request(&id)).unwrap();
    assert_eq!(request, json!({"jsonrpc": "2.0", "id": "cedarpost-1", "method": "elicitation/create", "params": named}));
    let required: Value = serde_json::from_slice(&url.required(&id, "s")).unwrap();
    assert_eq!(required["result"]["resultType"], "input_required");
    assert_eq!(required["result"]["requestState"], "s");
    assert_eq!(required["result"]["inputRequests"][KEY]["params"], params, "a question in a result has no name of its own");
    let mode = |modes| Question::Form { message: "m", modes }.params()["mode"].clone();
    assert_eq!((mode(false), mode(true)), (Value::Null, "form".into()));
    let again: Value = serde_json::from_slice(&try_again(&id, "s")).unwrap();
    assert_eq!(again["result"], json!({ "resultType": "input_required", "requestState": "s" }));
}

#[test]
fn only_a_clear_yes_is_one() {
    let accepted = |approve| Answered::Accepted { approve };
    for (result, expected) in [
        (r#""result":{"action":"accept","content":{"approve":true}}"#, accepted(Some(true))),
        (r#""result":{"action":"accept","content":{"approve":false}}"#, accepted(Some(false))),
        (r#""result":{"action":"accept","content":{"approve":"true"}}"#, accepted(None)),
        (r#""result":{"action":"accept"}"#, accepted(None)),
        (r#""result":{"action":"decline"}"#, Answered::Declined),
        (r#""result":{"action":"cancel"}"#, Answered::Cancelled),
        (r#""result":{"action":"ACCEPT"}"#, Answered::Unasked),
        (r#""result":{}"#, Answered::Unasked),
        (r#""error":{"code":-32601,"message":"no"}"#, Answered::Unasked),
    ] {
        let response = message(&format!(r#"{{"jsonrpc":"2.0","id":"cedarpost-1",{result}}}"#));
        assert_eq!(Answered::in_response(&response), expected, "{result}");
    }
    let request = |responses: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t"{responses}}}}}"#);
        Answered::in_request(&message(&body))
    };
    assert_eq!(request(r#","inputResponses":{"dev.cedarpost/approval":{"action":"accept"}}"#), Some(accepted(None)));
    assert_eq!(request(r#","inputResponses":{"dev.cedarpost/approval":7}"#), Some(Answered::Unasked));
    assert_eq!((request(r#","inputResponses":{"other":{"action":"accept"}}"#), request("")), (None, None));
}

#[test]
fn a_server_gets_what_is_its_own_and_nothing_of_what_was_asked_on_its_behalf() {
    let last = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{ "name":"t" ,"requestState":"ours","arguments":{ "requestState" : 1.0 },"inputResponses":{"dev.cedarpost/approval":{}},"_meta":{} } }"#;
    let left = |theirs| text(&with_theirs(&message(last), theirs).unwrap());
    let without = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{ "requestState" : 1.0 },"_meta":{}} }"#;
    assert_eq!(left(""), without);
    assert_eq!(message(&left("")).arguments(), message(last).arguments(), "what was judged is what goes on");

    let first = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","inputResponses":{ "k" : [1] },"requestState":"the\u0020server's"}}"#;
    let carried = theirs(&message(first)).unwrap();
    assert_eq!(carried, r#""inputResponses":{ "k" : [1] },"requestState":"the\u0020server's""#);
    let restored = message(&left(&carried));
    assert_eq!(restored.request_state().map(|state| &**state), Some("the server's"));
    assert_eq!(restored.input_responses().map(|responses| &**responses), Some(br#"{ "k" : [1] }"#.as_slice()));
    for nothing in [
        last.replace("requestState\":\"ours", "x\":\"").replace("inputResponses", "y"),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.into(),
    ] {
        assert_eq!(theirs(&message(&nothing)).as_deref(), Some(""), "{nothing}");
    }
}
