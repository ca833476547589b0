//! The messages of our own, as clients and servers see them.

use bytes::Bytes;
use insta::assert_snapshot;
use serde_json::json;

use super::{
    Implementation, cancelled, declined, denied_tool, error, initialize, initialized, list_changed, progress, result, tools_list,
};
use crate::domain::Action;
use crate::mcp::{Era, Limits, ListKind, Message, RawId};

const CLIENT: Implementation<'_> = Implementation { name: "cedar\"post", version: "1" };

/// The text of a message that is well-formed by our own rules.
fn text(message: &Bytes) -> String {
    Message::parse_from_server(message, &Limits::default()).unwrap();
    String::from_utf8(message.to_vec()).unwrap()
}

fn id() -> RawId {
    RawId::from_text("a\"b")
}

#[test]
fn a_denied_tool_is_an_ordinary_result_in_the_words_of_its_era() {
    let decision = json!({ "effect": "deny", "id": "01J" });
    assert_snapshot!(text(&denied_tool(&id(), Era::Legacy, "Denied \"so\".\n", &decision)), @r#"{"jsonrpc":"2.0","id":"a\"b","result":{"isError":true,"content":[{"type":"text","text":"Denied \"so\".\n"}],"_meta":{"dev.cedarpost/decision":{"effect":"deny","id":"01J"}}}}"#);
    let modern = text(&denied_tool(&id(), Era::Modern, "x", &decision));
    assert!(modern.contains(r#""result":{"resultType":"complete","isError":true"#), "{modern}");
}

#[test]
fn errors_and_results_echo_the_id_as_it_was_written() {
    assert_snapshot!(text(&error(None, -32700, "No \"json\"", None)), @r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"No \"json\""}}"#);
    let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":"\u0061","method":"ping"}"#);
    let ping = Message::parse(&body, &Limits::default()).unwrap();
    assert_snapshot!(text(&error(ping.id(), -1, "m", Some(&json!([1])))), @r#"{"jsonrpc":"2.0","id":"\u0061","error":{"code":-1,"message":"m","data":[1]}}"#);
    assert_snapshot!(text(&result(ping.id().unwrap(), &json!({}))), @r#"{"jsonrpc":"2.0","id":"\u0061","result":{}}"#);
}

#[test]
fn a_request_of_the_server_is_declined_as_a_user_would() {
    assert_snapshot!(text(&declined(&id(), Action::ElicitationCreate)), @r#"{"jsonrpc":"2.0","id":"a\"b","result":{"action":"decline"}}"#);
    assert_snapshot!(text(&declined(&id(), Action::SamplingCreateMessage)), @r#"{"jsonrpc":"2.0","id":"a\"b","error":{"code":-1,"message":"The sampling request was rejected."}}"#);
    assert_snapshot!(text(&declined(&id(), Action::RootsList)), @r#"{"jsonrpc":"2.0","id":"a\"b","error":{"code":-32601,"message":"Roots are not available."}}"#);
    assert_snapshot!(text(&declined(&id(), Action::Extension)), @r#"{"jsonrpc":"2.0","id":"a\"b","error":{"code":-31403,"message":"The request was denied by policy."}}"#);
}

#[test]
fn notifications_name_what_they_belong_to() {
    assert_snapshot!(text(&list_changed(ListKind::Tools, None).unwrap()), @r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
    assert_snapshot!(text(&list_changed(ListKind::ResourceTemplates, Some(&id())).unwrap()), @r#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"a\"b"}}}"#);
    assert_eq!(list_changed(ListKind::Tasks, None), None);
    assert_snapshot!(text(&cancelled(&id(), "gone")), @r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a\"b","reason":"gone"}}"#);
}

#[test]
fn our_own_requests_open_a_session_and_read_the_tools() {
    assert_snapshot!(text(&initialize(&id(), "2025-11-25", CLIENT)), @r#"{"jsonrpc":"2.0","id":"a\"b","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"cedar\"post","version":"1"}}}"#);
    assert_snapshot!(text(&initialized()), @r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_snapshot!(text(&tools_list(&id(), Era::Legacy, Some("n"), CLIENT)), @r#"{"jsonrpc":"2.0","id":"a\"b","method":"tools/list","params":{"cursor":"n"}}"#);
    let modern = Message::parse(&tools_list(&id(), Era::Modern, None, CLIENT), &Limits::default()).unwrap();
    assert_eq!(modern.era(), Era::Modern);
    assert!(modern.client_capabilities().is_some());
}

#[test]
fn progress_is_told_under_the_token_as_it_was_written() {
    for token in [r#""t\u0031""#, "7"] {
        let told = progress(&token_of(token), -0.5, "Waiting \"long\".");
        let text = std::str::from_utf8(&told).unwrap();
        let expected = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":-0.5,"message":"Waiting \"long\"."}}}}"#
        );
        assert_eq!(text, expected);
    }
}

fn token_of(text: &str) -> RawId {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"_meta":{{"progressToken":{text}}}}}}}"#);
    Message::parse(&Bytes::from(body), &Limits::default()).unwrap().progress_token().unwrap().clone()
}
