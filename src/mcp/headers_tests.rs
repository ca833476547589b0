//! Headers against bodies.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::check;
use crate::mcp::{Limits, Message};

const META: &str =
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn message(method: &str, params: &str) -> Message {
    let body = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#));
    Message::parse(&body, &Limits::default()).unwrap()
}

/// `ok`, or the code and sentence of the refusal.
fn verdict(message: &Message, headers: &[(&str, &[u8])]) -> String {
    let get = |name: &str| headers.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value).collect();
    match check(message, get) {
        Ok(()) => "ok".into(),
        Err(no) => {
            assert_eq!(no.id(), message.id(), "the refusal answers the message");
            format!("{} {}", no.code(), no.sentence())
        }
    }
}

const VERSION: (&str, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
const CALL: (&str, &[u8]) = ("mcp-method", b"tools/call");
const PAY: (&str, &[u8]) = ("mcp-name", b"pay");

#[test]
fn a_modern_call_needs_its_three_headers_and_they_must_agree() {
    let call = message("tools/call", &format!(r#""name":"pay",{META}"#));
    assert_eq!(verdict(&call, &[VERSION, CALL, PAY]), "ok");
    assert_eq!(verdict(&call, &[VERSION, CALL, PAY, ("mcp-param-region", b"x")]), "ok", "unknown parameters are forwarded");
    for (what, headers, expected) in [
        ("no version", vec![CALL, PAY], "-32020 The header `MCP-Protocol-Version` is missing."),
        ("no method", vec![VERSION, PAY], "-32020 The header `Mcp-Method` is missing."),
        ("no name", vec![VERSION, CALL], "-32020 The header `Mcp-Name` is missing."),
        (
            "legacy version",
            vec![("mcp-protocol-version", &b"2025-11-25"[..]), CALL, PAY],
            "-32020 The header `MCP-Protocol-Version` and the body disagree.",
        ),
        (
            "other method",
            vec![VERSION, ("mcp-method", b"tools/list"), PAY],
            "-32020 The header `Mcp-Method` and the body disagree.",
        ),
        (
            "other case",
            vec![VERSION, ("mcp-method", b"Tools/Call"), PAY],
            "-32020 The header `Mcp-Method` and the body disagree.",
        ),
        ("other name", vec![VERSION, CALL, ("mcp-name", b"search")], "-32020 The header `Mcp-Name` and the body disagree."),
        ("two names", vec![VERSION, CALL, PAY, ("mcp-name", b"search")], "-32020 The header `Mcp-Name` is not one plain value."),
        ("the same name twice", vec![VERSION, CALL, PAY, PAY], "-32020 The header `Mcp-Name` is not one plain value."),
        ("two methods", vec![VERSION, CALL, CALL, PAY], "-32020 The header `Mcp-Method` is not one plain value."),
        ("two versions", vec![VERSION, VERSION, CALL, PAY], "-32020 The header `MCP-Protocol-Version` is not one plain value."),
        ("not ASCII", vec![VERSION, CALL, ("mcp-name", b"p\xc3\xa4y")], "-32020 The header `Mcp-Name` is not one plain value."),
        (
            "joined names",
            vec![VERSION, CALL, ("mcp-name", b"pay, search")],
            "-32020 The header `Mcp-Name` and the body disagree.",
        ),
    ] {
        assert_eq!(verdict(&call, &headers), expected, "{what}");
    }
}

#[test]
fn a_name_that_no_header_can_hold_is_encoded() {
    for (name, plain) in
        [("Käse", false), (" padded ", false), ("=?base64?literal?=", false), ("line\\nbreak", false), ("plain", true)]
    {
        let call = message("tools/call", &format!(r#""name":"{name}",{META}"#));
        let decoded = call.name().unwrap().to_string();
        let encoded = format!("=?base64?{}?=", BASE64_STANDARD.encode(&decoded));
        assert_eq!(verdict(&call, &[VERSION, CALL, ("mcp-name", encoded.as_bytes())]), "ok", "{name}");
        assert_eq!(verdict(&call, &[VERSION, CALL, ("mcp-name", decoded.as_bytes())]) == "ok", plain, "{name}");
    }
    let call = message("tools/call", &format!(r#""name":"pay",{META}"#));
    for bad in
        ["=?base64?cGF5", "=?BASE64?cGF5?=", "=?base64?c*F5?=", "=?base64?cGF5=?=", "=?base64?/w==?=", "=?base64?c2VhcmNo?="]
    {
        assert!(verdict(&call, &[VERSION, CALL, ("mcp-name", bad.as_bytes())]).starts_with("-32020"), "{bad}");
    }
}

#[test]
fn the_name_is_that_of_a_tool_a_prompt_a_resource_or_a_task() {
    for (method, params, name) in [
        ("prompts/get", r#""name":"p""#, "p"),
        ("resources/read", r#""uri":"file:///x""#, "file:///x"),
        ("tasks/get", r#""taskId":"t-1""#, "t-1"),
    ] {
        let message = message(method, &format!("{params},{META}"));
        let method = ("mcp-method", method.as_bytes());
        assert_eq!(verdict(&message, &[VERSION, method, ("mcp-name", name.as_bytes())]), "ok");
        assert!(verdict(&message, &[VERSION, method, ("mcp-name", b"other")]).starts_with("-32020"), "{params}");
    }
    let list = message("tools/list", META);
    assert_eq!(verdict(&list, &[VERSION, ("mcp-method", b"tools/list")]), "ok");
}

#[test]
fn the_era_of_the_header_and_that_of_the_body_are_the_same() {
    let legacy = message("tools/call", r#""name":"pay""#);
    assert_eq!(verdict(&legacy, &[]), "ok");
    assert_eq!(verdict(&legacy, &[("mcp-protocol-version", b"2025-11-25")]), "ok");
    let missing = "-32602 `_meta` has no `io.modelcontextprotocol/protocolVersion`.";
    assert_eq!(verdict(&legacy, &[VERSION, CALL, PAY]), missing);
    assert_eq!(verdict(&legacy, &[("mcp-protocol-version", b"2027-01-01"), CALL, PAY]), missing);
    assert_eq!(verdict(&legacy, &[PAY, CALL]), "ok");
    assert!(verdict(&legacy, &[("mcp-name", b"search")]).starts_with("-32020"), "no header may lie, whatever the era");
    let unfit = message("tools/list", r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#);
    let headers = [VERSION, ("mcp-method", &b"tools/list"[..])];
    assert_eq!(verdict(&unfit, &headers), "-32602 `_meta` has no `io.modelcontextprotocol/clientCapabilities`.");
}

#[test]
fn a_version_that_nobody_knows_is_left_to_the_server_when_header_and_body_agree() {
    let future = message("tools/list", &META.replace("2026-07-28", "2099-01-01"));
    assert_eq!(verdict(&future, &[("mcp-protocol-version", b"2099-01-01"), ("mcp-method", b"tools/list")]), "ok");
    assert!(verdict(&future, &[VERSION, ("mcp-method", b"tools/list")]).starts_with("-32020"));
    let odd = message("tools/list", &META.replace("2026-07-28", "v999.0.0"));
    assert_eq!(verdict(&odd, &[("mcp-protocol-version", b" v999.0.0\t"), ("mcp-method", b"tools/list")]), "ok");
}

#[test]
fn a_notification_and_a_response_need_no_headers_but_those_of_a_notification_must_not_lie() {
    let parse = |body: &'static str| Message::parse(&Bytes::from_static(body.as_bytes()), &Limits::default()).unwrap();
    let cancelled = parse(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    assert_eq!(verdict(&cancelled, &[]), "ok");
    assert_eq!(verdict(&cancelled, &[VERSION]), "ok");
    assert!(verdict(&cancelled, &[VERSION, CALL]).starts_with("-32020"));
    assert_eq!(verdict(&parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), &[VERSION]), "ok");
}
