//! What comes along in messages from servers.

use bytes::Bytes;

use super::{Elicitation, Inspection, ResultKind, elicitation};
use crate::mcp::list::Unreadable;
use crate::mcp::{Limits, ListKind, Message};

fn from_server(body: &str) -> Message {
    Message::parse_from_server(&Bytes::copy_from_slice(body.as_bytes()), &Limits::default()).unwrap()
}

fn inspect(result: &str) -> Result<Inspection, Unreadable> {
    Inspection::of(&from_server(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)))
}

/// The requests in an inspection as `key method elicitation`.
fn requests(inspection: &Inspection) -> Vec<String> {
    let line = |request: &super::InputRequest| format!("{} {} {:?}", request.key, request.method, request.elicitation);
    inspection.input_requests.iter().map(line).collect()
}

#[test]
fn each_kind_of_result_is_told_from_the_others() {
    let task = |id: &str| ResultKind::Task(id.into());
    for (result, expected) in [
        ("{}", ResultKind::Complete),
        (r#"{"resultType":"complete","content":[{"a":1,"a":2}]}"#, ResultKind::Complete),
        (r#"{"resultType":"input_required"}"#, ResultKind::InputRequired),
        (r#"{"resultType":"task","taskId":"t"}"#, task("t")),
        (r#"{"task":{"taskId":"t","status":"working"}}"#, task("t")),
        (r#"{"task":"a word"}"#, ResultKind::Complete),
        (r#"{"resultType":"other"}"#, ResultKind::Unknown("other".into())),
    ] {
        assert_eq!(inspect(result).unwrap().kind, expected, "{result}");
    }
    let error = from_server(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"m","data":"d"}}"#);
    assert_eq!(Inspection::of(&error).unwrap().kind, ResultKind::Error(-32601));
}

#[test]
fn an_ambiguous_result_is_unreadable() {
    for result in [
        r#"{"resultType":5}"#,
        r#"{"resultType":"complete","resultType":"input_required"}"#,
        r#"{"resulttype":"input_required"}"#,
        r#"{"resultType":"task"}"#,
        r#"{"inputRequests":[]}"#,
        r#"{"inputRequests":{},"InputRequests":{}}"#,
        r#"{"inputRequests":{"k":{"method":"roots/list","method":"elicitation/create"}}}"#,
        r#"{"inputRequests":{"k":{"params":{}}}}"#,
        r#"{"inputRequests":{"k":5}}"#,
        r#"{"tools":[],"Tools":[]}"#,
        r#"{"task":{"taskId":"a","taskid":"b"}}"#,
    ] {
        assert_eq!(inspect(result), Err(Unreadable::Json), "{result}");
    }
    let error = from_server(r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}"#);
    assert_eq!(Inspection::of(&error), Err(Unreadable::Json));
}

#[test]
fn requests_to_the_client_are_found_wherever_they_hide() {
    let result = r#"{"resultType":"input_required","inputRequests":{
        "a":{"method":"sampling/createMessage","params":{}},
        "b":{"method":"elicitation/create","params":{"mode":"url","url":"https://example.com/\u0078"}},
        "c":{"method":"elicitation\u002fcreate","params":{"message":"m"}},
        "d":{"method":"vendor/x"}}}"#;
    assert_eq!(
        requests(&inspect(result).unwrap()),
        [
            "a sampling/createMessage None",
            "b elicitation/create Some(Url(\"https://example.com/x\"))",
            "c elicitation/create Some(Form)",
            "d vendor/x None"
        ]
    );
    let task = inspect(
        r#"{"resultType":"complete","taskId":"t","status":"input_required","inputRequests":{"k":{"method":"roots/list"}}}"#,
    );
    assert_eq!(requests(&task.unwrap()), ["k roots/list None"]);
    let told = r#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"t","inputRequests":{"k":{"method":"roots/list"}}}}"#;
    assert_eq!(requests(&Inspection::of(&from_server(told)).unwrap()), ["k roots/list None"]);
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://example.com"}]}}}"#;
    assert_eq!(
        requests(&Inspection::of(&from_server(error)).unwrap()),
        ["0 elicitation/create Some(Url(\"https://example.com\"))"]
    );
}

#[test]
fn an_elicitation_says_how_it_asks_or_is_unknown() {
    for (params, expected) in [
        (r#"{"mode":"url","url":"https://example.com"}"#, Elicitation::Url("https://example.com".into())),
        (r#"{"mode":"form","requestedSchema":{}}"#, Elicitation::Form),
        (r#"{"message":"m"}"#, Elicitation::Form),
        (r#"{"url":"https://example.com"}"#, Elicitation::Unknown),
        (r#"{"mode":"form","url":"https://example.com"}"#, Elicitation::Unknown),
        (r#"{"mode":"url"}"#, Elicitation::Unknown),
        (r#"{"mode":"url","url":5}"#, Elicitation::Unknown),
        (r#"{"mode":"form","Mode":"url"}"#, Elicitation::Unknown),
        (r#"{"mode":"voice"}"#, Elicitation::Unknown),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{params}}}"#);
        assert_eq!(elicitation(&from_server(&body)), Some(expected), "{params}");
    }
    assert_eq!(elicitation(&from_server(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#)), None);
}

#[test]
fn pages_failures_and_lists_are_recognised_by_their_shape() {
    let seen = inspect(r#"{"isError":true,"nextCursor":"n","resourceTemplates":[]}"#).unwrap();
    assert_eq!((seen.is_error, seen.next_cursor.as_deref(), seen.list), (true, Some("n"), Some(ListKind::ResourceTemplates)));
    let seen = inspect(r#"{"nextCursor":null,"tools":{}}"#).unwrap();
    assert_eq!((seen.is_error, seen.next_cursor, seen.list), (false, None, None));
}
