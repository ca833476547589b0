//! What a message may be, and everything it may not.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::{Kind, Limits, Message};
use crate::mcp::{CompletionRef, Era, Malformed, version};

fn parse(body: impl AsRef<[u8]>) -> Result<Message, Malformed> {
    Message::parse(&Bytes::copy_from_slice(body.as_ref()), &Limits::default())
}

/// The refusal as `code: sentence [id]`.
fn refusal(body: impl AsRef<[u8]>) -> String {
    match parse(&body) {
        Ok(message) => format!("accepted as {:?}", message.kind()),
        Err(no) => format!("{}: {} [{}]", no.code(), no.sentence(), no.id().map_or("none".into(), ToString::to_string)),
    }
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
}

#[test]
fn a_body_that_is_not_one_json_text_is_a_parse_error_without_id() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let utf16: Vec<u8> = ping.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
    let bodies: [(&str, Vec<u8>); 12] = [
        ("empty", vec![]),
        ("blank", b" \n".to_vec()),
        ("cut off", ping.as_bytes()[..20].to_vec()),
        ("byte order mark", [b"\xef\xbb\xbf", ping.as_bytes()].concat()),
        ("UTF-16", utf16),
        ("gzip", gzip.to_vec()),
        ("not UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}".to_vec()),
        ("two messages", ping.repeat(2).into_bytes()),
        ("trailing comma", br#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#.to_vec()),
        ("a comment", format!("{ping} // hello").into_bytes()),
        ("NUL behind", format!("{ping}\0").into_bytes()),
        ("form feed before", format!("\u{c}{ping}").into_bytes()),
    ];
    for (what, body) in bodies {
        let seen = refusal(&body);
        assert!(seen.starts_with("-32700: ") && seen.ends_with(" [none]"), "{what}: {seen}");
    }
}

#[test]
fn a_batch_is_refused_whatever_is_in_it() {
    for body in ["[]", "[1]", r#" [{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, "[", "[[[["] {
        assert_eq!(refusal(body), "-32600: Batches are not accepted. [none]", "{body}");
    }
}

#[test]
fn a_value_that_is_no_message_is_refused() {
    for body in ["1", "null", "\"{}\"", "true", "{}", r#"{"jsonrpc":"2.0"}"#, r#"{"jsonrpc":"2.0","id":1}"#] {
        assert!(refusal(body).starts_with("-32600: "), "{body}: {}", refusal(body));
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_at_any_depth_and_in_any_spelling() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","m\u0065thod":"tools/call"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"x":1}"#.to_owned(),
        call(r#"{"name":"a","name":"b"}"#),
        call(r#"{"name":"a","n\u0061me":"b"}"#),
        call(r#"{"name":"a","arguments":{"x":1,"\u0078":2}}"#),
        call(r#"{"name":"a","arguments":{"l":[{"deep":{"x":1,"x":2}}]}}"#),
        call(r#"{"name":"a","_meta":{"v":{"":1,"":2}}}"#),
        call(&format!(
            r#"{{"name":"a","arguments":{{{},"k3":0}}}}"#,
            (0..40).map(|n| format!("\"k{n}\":0")).collect::<Vec<_>>().join(",")
        )),
    ] {
        assert!(refusal(&body).starts_with("-32600: A key stands twice in one object."), "{body}: {}", refusal(&body));
    }
}

#[test]
fn a_key_in_disguise_is_refused_because_some_servers_ignore_case() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"Method":"tools/call"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","METHOD":"tools/call"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","param\u017f":{"name":"x"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","ParamS":{}}"#.to_owned(),
        call(r#"{"name":"safe","Name":"evil"}"#),
        call(r#"{"name":"safe","arguments":{},"argument\u017f":{}}"#),
        call(r#"{"name":"safe","ta\u017f\u212a":{}}"#),
    ] {
        assert!(refusal(&body).contains("only in case"), "{body}: {}", refusal(&body));
    }
    parse(call(r#"{"name":"t","vendor":1,"arguments":{"Name":1,"name":2}}"#)).expect("other keys are nobody's business");
}

#[test]
fn an_id_is_a_string_or_an_integer() {
    for id in ["null", "1.0", "1.5", "1e3", "-0", "true", "{}", "[1]", "99999999999999999999", "\"\\ud800\"", &"1".repeat(2000)] {
        for method in ["tools/call", "notifications/initialized"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#);
            let seen = refusal(&body);
            assert!(seen.starts_with("-32") && seen.ends_with("[none]"), "{body}: {seen}");
        }
    }
    for id in ["0", "-7", "18446744073709551615", "-9223372036854775808", "\"\"", "\"a\\u0062\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id": {id} ,"method":"ping"}}"#);
        assert_eq!(parse(&body).unwrap().id().unwrap().to_string(), id);
    }
}

#[test]
fn ids_are_equal_when_they_mean_the_same() {
    let id = |id: &str| parse(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).unwrap().id().unwrap().clone();
    assert_eq!(id("\"a\""), id("\"\\u0061\""));
    assert_ne!(id("1"), id("\"1\""));
    assert_eq!(crate::mcp::RawId::from_text("\u{e9}\""), id("\"\\u00e9\\\"\""));
    let table = std::collections::HashSet::from([id("\"a\"")]);
    assert!(table.contains(&id("\"\\u0061\"")));
}

#[test]
fn a_refusal_answers_the_id_that_could_be_read() {
    assert_eq!(
        refusal(r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":7}}"#),
        "-32602: `name` is not a string. [\"x\"]"
    );
    let no = parse(r#"{"jsonrpc":"1.0","id":9,"method":"ping"}"#).unwrap_err();
    insta::assert_snapshot!(String::from_utf8_lossy(&no.reply()), @r#"{"jsonrpc":"2.0","id":9,"error":{"code":-32600,"message":"`jsonrpc` is not \"2.0\"."}}"#);
    let no = parse("[]").unwrap_err();
    insta::assert_snapshot!(String::from_utf8_lossy(&no.reply()), @r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Batches are not accepted."}}"#);
}

#[test]
fn the_envelope_is_one_of_request_notification_and_response() {
    for body in [
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":"x"}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#,
    ] {
        assert!(refusal(body).starts_with("-32600: "), "{body}: {}", refusal(body));
    }
    let kind = |body: &str| parse(body).unwrap().kind().clone();
    assert!(matches!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"ping","x":[]}"#), Kind::Request { .. }));
    assert!(matches!(kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), Kind::Notification { .. }));
    assert!(matches!(kind(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Kind::Response { is_error: false, .. }));
    assert!(matches!(kind(r#"{"jsonrpc":"2.0","id":1,"error":{}}"#), Kind::Response { is_error: true, .. }));
}

#[test]
fn what_policy_decides_on_has_one_type() {
    for (params, sentence) in [
        ("[1]", "`params` is not an object."),
        ("null", "`params` is not an object."),
        ("\"x\"", "`params` is not an object."),
        (r#"{"name":null}"#, "`name` is not a string."),
        (r#"{"name":["a"]}"#, "`name` is not a string."),
        (r#"{"uri":5}"#, "`uri` is not a string."),
        (r#"{"taskId":1}"#, "`taskId` is not a string."),
        (r#"{"cursor":1}"#, "`cursor` is not a string."),
        (r#"{"requestState":{}}"#, "`requestState` is not a string."),
        (r#"{"inputResponses":[]}"#, "`inputResponses` is not an object."),
        (r#"{"_meta":null}"#, "`_meta` is not an object."),
        (r#"{"_meta":{"progressToken":1.5}}"#, "`progressToken` is not a string or an integer."),
        (r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":1}}"#, "The protocol version in `_meta` is not a string."),
        (r#"{"ref":{"type":"ref/prompt","uri":"x"}}"#, "`ref` is neither a prompt by name nor a resource by URI."),
        (r#"{"ref":{"type":"ref/prompt","name":"x","uri":"y"}}"#, "`ref` is neither a prompt by name nor a resource by URI."),
        (r#"{"ref":{"type":"ref/prompt","name":"x","Name":"y"}}"#, "`ref` is neither a prompt by name nor a resource by URI."),
    ] {
        assert_eq!(refusal(call(params)), format!("-32602: {sentence} [1]"), "{params}");
    }
}

#[test]
fn hostile_nesting_is_refused_and_does_not_overflow_the_stack() {
    let nested =
        |levels: usize| call(&format!(r#"{{"name":"a","arguments":{{"x":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels)));
    let deepest = usize::try_from(Limits::DEEPEST).unwrap();
    parse(nested(deepest - 3)).expect("the envelope, `params` and `arguments` are three levels");
    for levels in [deepest - 2, deepest, 127, 128, 129, 1_000_000] {
        assert_eq!(refusal(nested(levels)).split(" [").next(), refusal(nested(deepest)).split(" [").next(), "{levels}");
        assert!(refusal(nested(levels)).starts_with("-32700: "), "{levels}");
    }
    let shallow = Limits { max_depth: 3, ..Limits::default() };
    assert!(Message::parse(&nested(0).into(), &shallow).is_err());
    assert!(Message::parse(&call("{}").into(), &shallow).is_ok());
    assert!(refusal("{\"a\":".repeat(500_000)).starts_with("-32700"));
}

#[test]
fn values_that_parsers_do_not_agree_on_are_refused() {
    for value in ["1e400", "-1e999", "\"\\ud800\"", "\"\\udc00\\ud800\"", "01", "+1", ".5", "NaN", "'a'", "\"\t\"", "\"\\x41\""] {
        let body = call(&format!(r#"{{"name":"a","arguments":{{"x":{value}}}}}"#));
        assert!(refusal(&body).starts_with("-32700: "), "{value}: {}", refusal(&body));
    }
    for value in ["12345678901234567890123", "1.0", "1e2", "-0.0", r#""\u0000\ud83d\ude00""#] {
        let body = call(&format!(r#"{{"name":"a","arguments":{{"x":{value}}}}}"#));
        assert_eq!(parse(&body).unwrap().arguments().unwrap(), &format!(r#"{{"x":{value}}}"#));
    }
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let body = Bytes::from(call("{}"));
    let limit = |max_bytes| Limits { max_bytes, ..Limits::default() };
    assert!(Message::parse(&body, &limit(body.len())).is_ok());
    assert_eq!(Message::parse(&body, &limit(body.len() - 1)).unwrap_err().sentence(), "The body is too large.");
}

#[test]
fn everything_that_is_needed_is_extracted() {
    let message = parse(call(
        r#"{"n\u0061me":"p\u0061y","arguments": {"a" : 1} ,"task":{"ttl":5},"requestState":"s","inputResponses":{"k":{}},"cursor":null,
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},
        "progressToken":"p","traceparent":"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01","io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
    ))
    .unwrap();
    assert_eq!(message.method().unwrap().name(), "tools/call");
    assert_eq!(message.name().map(|name| &**name), Some("pay"));
    assert_eq!(message.arguments().unwrap(), r#"{"a" : 1}"#);
    assert_eq!((message.wants_task(), message.has_input_responses(), message.cursor()), (true, true, None));
    assert_eq!(message.request_state().map(|state| &**state), Some("s"));
    assert_eq!(message.era(), Era::Modern);
    assert_eq!(message.protocol_version().map(|version| &**version), Some(version::MODERN));
    assert_eq!(message.client_capabilities().unwrap(), r#"{"roots":{}}"#);
    assert_eq!(message.progress_token().unwrap().as_str(), Some("p"));
    assert_eq!((message.task_id(), message.related_task().map(|task| &**task)), (None, Some("t")));
    assert!(message.traceparent().unwrap().starts_with("00-0af"));
}

#[test]
fn legacy_messages_are_extracted_as_well() {
    let get = |body: &str| parse(body).unwrap();
    let open = get(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"sampling":{}}}}"#,
    );
    assert_eq!((open.era(), open.protocol_version().map(|version| &**version)), (Era::Legacy, Some("2025-06-18")));
    assert_eq!(open.client_capabilities().unwrap(), r#"{"sampling":{}}"#);
    let cancel = get(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#);
    assert_eq!(cancel.request_id().unwrap().to_string(), "5");
    let progress = get(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":0.5}}"#);
    assert_eq!(progress.progress_token().unwrap().as_str(), Some("t"));
    let complete =
        get(r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"}}}"#);
    assert_eq!(complete.completion_ref(), Some(&CompletionRef::Prompt("p".into())));
    let escaped = get(r#"{"jsonrpc":"2.0","id":1,"method":"tools\u002fcall","params":{"name":"a"}}"#);
    assert_eq!(escaped.method().unwrap().name(), "tools/call");
}

#[test]
fn nothing_but_meta_is_read_of_a_method_that_is_not_in_the_table() {
    let message =
        parse(r#"{"jsonrpc":"2.0","id":1,"method":"com.example/do","params":{"name":5,"Uri":[],"arguments":1}}"#).unwrap();
    assert_eq!((message.name(), message.arguments()), (None, None));
    assert!(parse(r#"{"jsonrpc":"2.0","id":1,"method":"com.example/do","params":{"_Meta":{}}}"#).is_err());
}

#[test]
fn the_content_of_results_is_the_servers_business_but_its_requests_are_not() {
    let from_server = |body: &str| Message::parse_from_server(&Bytes::copy_from_slice(body.as_bytes()), &Limits::default());
    let text = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"\ud83d"}],"structuredContent":{"a":1,"a":1e999}}}"#;
    assert!(from_server(text).is_ok() && parse(text).is_err());
    assert!(from_server(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\ud83d"}}"#).is_ok());
    assert!(
        from_server(r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":{"a":1,"a":2}}}"#).is_err()
    );
    assert!(from_server(r#"{"jsonrpc":"2.0","id":1,"id":2,"result":{}}"#).is_err());
    for body in [r#"{"jsonrpc":"2.0","error":{"code":-32600}}"#, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600}}"#] {
        assert_eq!(from_server(body).unwrap().kind(), &Kind::Response { id: None, is_error: true }, "{body}");
    }
    assert!(from_server(r#"{"jsonrpc":"2.0","id":null,"result":{}}"#).is_err());
    assert!(from_server(r#"{"jsonrpc":"2.0","id":1.5,"error":{"code":1}}"#).is_err());
}

/// JSON text of any shape, with the protocol's own keys and hostile spellings more often than chance would have them.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        Just("1.5".to_owned()),
        Just("\"tools/call\"".to_owned()),
        Just("\"tools\\u002fcall\"".to_owned()),
        Just("\"2.0\"".to_owned()),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop::sample::select(vec![
            "jsonrpc",
            "id",
            "method",
            "params",
            "name",
            "n\\u0061me",
            "Name",
            "uri",
            "arguments",
            "_meta",
            "result",
            "error",
            "x",
            "",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\" : {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// What was accepted means the same to an ordinary parser.
fn agrees(body: &str) -> Result<bool, TestCaseError> {
    let Ok(message) = parse(body) else { return Ok(false) };
    let value: Value = serde_json::from_str(body).expect("an accepted body is JSON");
    prop_assert_eq!(message.method().map(|method| method.name()), value.get("method").and_then(Value::as_str));
    if message.method().is_some_and(|method| method.row().is_some()) {
        let params = value.get("params");
        let name = params.and_then(|params| params.get("name")).and_then(Value::as_str);
        prop_assert_eq!(message.name().map(|name| &**name), name);
        let arguments = message.arguments().map(|text| serde_json::from_slice::<Value>(text).unwrap());
        prop_assert_eq!(arguments.as_ref(), params.and_then(|params| params.get("arguments")));
    }
    Ok(true)
}

proptest! {
    #[test]
    fn what_is_accepted_means_the_same_to_an_ordinary_parser(params in json_text(), method in json_text()) {
        agrees(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":{method},"params":{params}}}"#))?;
        agrees(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#))?;
        let named = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{method},"arguments":{params}}}}}"#);
        agrees(&named)?;
    }

    #[test]
    fn a_mutated_message_never_panics_and_never_deceives(at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..200) {
        let mut body = call(r#"{"n\u0061me":"pay","arguments":{"amount":5,"to":["a",{"b":null}]},"_meta":{"progressToken":7}}"#).into_bytes();
        let end = body.len();
        body[at % end] = byte;
        body.truncate(if cut < end / 2 { cut } else { end });
        let _ = parse(&body);
        if let Ok(text) = std::str::from_utf8(&body) {
            agrees(text)?;
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&body);
        let _ = Message::parse_from_server(&body.into(), &Limits::default());
    }
}
