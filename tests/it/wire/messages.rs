//! What stands in the JSON text: batches, doubled keys, ids, shapes, depth and size, methods nobody knows.

use super::{Case, INVALID, Lab, UNREADABLE, Want, call, json, modern_call, modern_meta};

/// A size beyond `max_message`, and a depth beyond `max_depth`, of the sidecar in these tests.
const TOO_LARGE: usize = 70_000;
const TOO_DEEP: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_refused_whatever_is_in_it() {
    let mut lab = Lab::open().await;
    let ping = r#"{"jsonrpc":"2.0","id":"wire","method":"ping"}"#;
    let cases = [
        ("empty batch", "[]".to_owned()),
        ("one allowed call", format!("[{}]", call("echo"))),
        ("one denied call", format!("[{}]", call("destroy"))),
        ("a denied call behind a ping", format!("[{ping},{}]", call("destroy"))),
        ("a batch in a batch", format!("[[{}]]", call("destroy"))),
        ("a batch behind white space", format!(" \r\n\t[{}]", call("destroy"))),
        ("a batch of notifications", r#"[{"jsonrpc":"2.0","method":"tools/call","params":{"name":"destroy"}}]"#.to_owned()),
    ];
    let mut table: Vec<Case> = cases.into_iter().map(|(name, body)| lab.legacy(name, body, INVALID)).collect();
    let older = ["2025-03-26", "2025-06-18"];
    let batch = || format!("[{}]", call("destroy"));
    table.extend(older.map(|version| lab.legacy("older version", batch(), INVALID).with("mcp-protocol-version", version)));
    table.push(lab.legacy("no version", batch(), INVALID).without("mcp-protocol-version"));
    table.push(lab.modern("stateless", "destroy", format!("[{}]", modern_call("destroy")), INVALID));
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_occurs_twice_is_refused_at_any_depth_and_in_any_spelling() {
    let mut lab = Lab::open().await;
    let rows = [
        ("method", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/list","method":"tools/call","params":{"name":"destroy"}}"#),
        (
            "method, call first",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","method":"tools/list","params":{"name":"destroy"}}"#,
        ),
        ("params", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo"},"params":{"name":"destroy"}}"#),
        ("name", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","name":"destroy"}}"#),
        ("the same name", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","name":"echo"}}"#),
        ("escaped name", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","n\u0061me":"destroy"}}"#),
        (
            "escaped method",
            r#"{"jsonrpc":"2.0","id":"wire","method":"ping","\u006dethod":"tools/call","params":{"name":"destroy"}}"#,
        ),
        ("id", r#"{"jsonrpc":"2.0","id":"wire","id":1,"method":"tools/call","params":{"name":"echo"}}"#),
        ("jsonrpc", r#"{"jsonrpc":"2.0","jsonrpc":"1.0","id":"wire","method":"tools/call","params":{"name":"echo"}}"#),
        (
            "arguments",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","arguments":{"message":"a"},"arguments":{"message":"b"}}}"#,
        ),
        (
            "an argument",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","arguments":{"message":"a","message":"b"}}}"#,
        ),
        (
            "deep in an argument",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","arguments":{"x":[{"y":[{"z":1,"z":2}]}]}}}"#,
        ),
        (
            "deep and escaped",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","arguments":{"x":{"\u0079":1,"y":2}}}}"#,
        ),
        ("_meta", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","_meta":{},"_meta":{}}}"#),
        ("outside the protocol", r#"{"jsonrpc":"2.0","id":"wire","x":1,"x":2,"method":"tools/call","params":{"name":"echo"}}"#),
    ];
    let table = rows.into_iter().map(|(name, body)| lab.legacy(name, body, INVALID)).collect();
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_wrong_case_is_never_another_spelling_of_the_right_one() {
    let mut lab = Lab::open().await;
    let rows = [
        ("Method", r#"{"jsonrpc":"2.0","id":"wire","Method":"tools/call","params":{"name":"destroy"}}"#),
        (
            "METHOD beside method",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/list","METHOD":"tools/call","params":{"name":"destroy"}}"#,
        ),
        (
            "Params beside params",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo"},"Params":{"name":"destroy"}}"#,
        ),
        ("Name beside name", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","Name":"destroy"}}"#),
        (
            "Arguments beside arguments",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":"echo","arguments":{},"Arguments":{"message":"x"}}}"#,
        ),
        (
            "a long s in params",
            "{\"jsonrpc\":\"2.0\",\"id\":\"wire\",\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"},\"param\u{17f}\":{\"name\":\"destroy\"}}",
        ),
    ];
    let wants = Want::Refused(&[400], &[-32600, -32602]);
    let table = rows.into_iter().map(|(name, body)| lab.legacy(name, body, wants)).collect();
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_one_request_with_an_id_does_not_call_a_tool() {
    let mut lab = Lab::open().await;
    let rows = [
        ("id null", r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"echo"}}"#),
        ("id true", r#"{"jsonrpc":"2.0","id":true,"method":"tools/call","params":{"name":"echo"}}"#),
        ("id an object", r#"{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"echo"}}"#),
        ("id a list", r#"{"jsonrpc":"2.0","id":["wire"],"method":"tools/call","params":{"name":"echo"}}"#),
        ("id a fraction", r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"echo"}}"#),
        ("a notification", r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#),
        ("a notification, denied tool", r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"destroy"}}"#),
        ("no jsonrpc", r#"{"id":"wire","method":"tools/call","params":{"name":"echo"}}"#),
        ("jsonrpc 1.0", r#"{"jsonrpc":"1.0","id":"wire","method":"tools/call","params":{"name":"echo"}}"#),
        ("jsonrpc a number", r#"{"jsonrpc":2.0,"id":"wire","method":"tools/call","params":{"name":"echo"}}"#),
        ("no method", r#"{"jsonrpc":"2.0","id":"wire","params":{"name":"echo"}}"#),
        ("method a list", r#"{"jsonrpc":"2.0","id":"wire","method":["tools/call"],"params":{"name":"echo"}}"#),
        (
            "request and response in one",
            r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","result":{},"params":{"name":"echo"}}"#,
        ),
        ("result and error in one", r#"{"jsonrpc":"2.0","id":"wire","result":{},"error":{"code":1,"message":"x"}}"#),
        ("a string", r#""tools/call""#),
        ("a number", "1"),
        ("null", "null"),
        ("an empty object", "{}"),
    ];
    let table = rows.into_iter().map(|(name, body)| lab.legacy(name, body, INVALID)).collect();
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_parameters_have_the_wrong_shape_is_refused() {
    let mut lab = Lab::open().await;
    let rows = [
        ("no params", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call"}"#),
        ("params null", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":null}"#),
        ("params a list", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":["echo"]}"#),
        ("no name", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{}}"#),
        ("name null", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":null}}"#),
        ("name a list", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":["echo"]}}"#),
        ("name an object", r#"{"jsonrpc":"2.0","id":"wire","method":"tools/call","params":{"name":{"x":"echo"}}}"#),
    ];
    let wants = Want::Refused(&[200, 400], &[-32600, -32602]);
    let table = rows.into_iter().map(|(name, body)| lab.legacy(name, body, wants)).collect();
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_beyond_the_message_and_beyond_the_limits_is_refused() {
    let mut lab = Lab::open().await;
    let deep = |open: &str, close: &str| {
        let value = format!("{}1{}", open.repeat(TOO_DEEP), close.repeat(TOO_DEEP));
        call("echo").replace(r#""x""#, &value)
    };
    let large = call("echo").replace(r#""x""#, &format!(r#""{}""#, "a".repeat(TOO_LARGE)));
    let table = vec![
        lab.legacy("two objects", call("echo") + &call("destroy"), UNREADABLE),
        lab.legacy("two objects on two lines", format!("{}\n{}", call("echo"), call("destroy")), UNREADABLE),
        lab.legacy("trailing letter", call("echo") + "x", UNREADABLE),
        lab.legacy("trailing zero byte", call("echo") + "\0", UNREADABLE),
        lab.legacy("trailing comma", call("echo") + ",", UNREADABLE),
        lab.legacy("a comment", format!("/* */{}", call("echo")), UNREADABLE),
        lab.legacy("cut short", call("echo").trim_end_matches('}'), UNREADABLE),
        lab.legacy("single quotes", call("echo").replace('"', "'"), UNREADABLE),
        lab.legacy("not a number", call("echo").replace(r#""x""#, "NaN"), UNREADABLE),
        lab.legacy("a number without end", call("echo").replace(r#""x""#, "1e400"), Want::Refused(&[400], &[-32700, -32600])),
        lab.legacy("a leading zero", call("echo").replace(r#""x""#, "01"), UNREADABLE),
        lab.legacy("half a surrogate pair", call("echo").replace(r#""x""#, r#""\ud800""#), UNREADABLE),
        lab.legacy("a line break in a string", call("echo").replace(r#""x""#, "\"\n\""), UNREADABLE),
        lab.legacy("nothing", "", UNREADABLE),
        lab.legacy("deep lists", deep("[", "]"), UNREADABLE),
        lab.legacy("deep objects", deep(r#"{"a":"#, "}"), UNREADABLE),
        lab.legacy("too large", large, Want::Refused(&[413], &[])),
        lab.legacy("too large and not JSON", vec![b'['; TOO_LARGE], Want::Refused(&[413], &[])),
    ];
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_denied_call_is_denied() {
    let mut lab = Lab::open().await;
    let retry =
        |params: serde_json::Value| json!({"jsonrpc": "2.0", "id": "wire", "method": "tools/call", "params": params}).to_string();
    let answered = json!({"name": "destroy", "arguments": {"message": "other"}, "_meta": modern_meta(),
        "requestState": "sealed", "inputResponses": {"dev.cedarpost/approval": {"action": "accept"}}});
    let stateful = json!({"name": "destroy", "_meta": modern_meta(), "requestState": "c3RvbGVu"});
    // A tool that nobody lists is answered as the specification says; it is refused and recorded like any other denial.
    let unknown = Want::Refused(&[200], &[-32602]);
    let table = vec![
        lab.legacy("plain", call("destroy"), Want::Denied),
        lab.legacy("escaped method", call("destroy").replace("tools/call", r"tools\u002fcall"), Want::Denied),
        lab.legacy("escaped slash", call("destroy").replace("tools/call", r"tools\/call"), Want::Denied),
        lab.legacy("escaped name", call("destroy").replace("destroy", r"\u0064estro\u0079"), Want::Denied),
        lab.legacy("other letters", call("DESTROY"), unknown),
        lab.legacy("an allowed tool with a space", call("echo "), unknown),
        lab.legacy("an allowed tool with a zero byte", call("echo\0"), unknown),
        lab.legacy("an allowed tool in a path", call("lab/echo"), unknown),
        lab.legacy("no name at all", call(""), unknown),
        lab.legacy("a tool nobody lists", call("unlisted"), unknown),
        lab.modern("stateless", "destroy", modern_call("destroy"), Want::Denied),
        lab.modern("a retry that brings answers and other arguments", "destroy", retry(answered), Want::Denied),
        lab.modern("a retry with somebody's state", "destroy", retry(stateful), Want::Denied),
    ];
    lab.refuses(table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_in_the_table_is_refused() {
    let mut lab = Lab::open().await;
    let methods =
        ["tools/execute", "Tools/Call", "tools/call ", "tools//call", "", "x/y", "rpc.discover", "resources/directory/read"];
    let unknown = Want::Refused(&[200], &[-32601, -31403]);
    let body =
        |method: &str| json!({"jsonrpc": "2.0", "id": "wire", "method": method, "params": {"name": "destroy"}}).to_string();
    let table: Vec<Case> = methods.into_iter().map(|method| lab.legacy(method, body(method), unknown)).collect();
    lab.refuses(table).await;

    // The stateless protocol tells of an unknown method by status, too.
    let params = json!({"name": "destroy", "_meta": modern_meta()});
    let body = json!({"jsonrpc": "2.0", "id": "wire", "method": "tools/execute", "params": params}).to_string();
    let unknown = Want::Refused(&[200, 404], &[-32601, -31403]);
    let case = lab.modern("stateless", "destroy", body, unknown).with("mcp-method", "tools/execute").without("mcp-name");
    lab.refuses(vec![case]).await;
}
