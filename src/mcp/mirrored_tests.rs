//! Arguments and the headers that repeat them.

use bytes::Bytes;

use super::check_params;
use crate::mcp::{Limits, Message};

const SCHEMA: &str = r#"{"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "count":{"type":"integer","x-mcp-header":"Count"},
    "dry":{"type":"boolean","x-mcp-header":"Dry"},
    "options":{"type":"object","properties":{"limit":{"type":"integer","x-mcp-header":"Limit"}}},
    "items":{"type":"array","items":{"properties":{"z":{"type":"string","x-mcp-header":"Z"}}}},
    "ratio":{"type":"number","x-mcp-header":"Ratio"},
    "bad":{"type":"string","x-mcp-header":"not a token"},
    "query":{"type":"string"}}}"#;

fn agrees(arguments: &str, headers: &[(&str, &str)]) -> bool {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#);
    let message = Message::parse(&Bytes::from(body), &Limits::default()).unwrap();
    let get = |name: &str| headers.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_bytes()).collect();
    let seen = check_params(&message, Some(SCHEMA.as_bytes()), get);
    assert!(seen.as_ref().is_ok() || seen.as_ref().is_err_and(|no| no.code() == -32020 && no.id().is_some()));
    seen.is_ok()
}

#[test]
fn a_header_says_what_its_argument_says() {
    for (arguments, headers, expected) in [
        ("{}", vec![], true),
        ("null", vec![], true),
        (r#"{"query":"x","ratio":1.5,"bad":"x","items":[{"z":"q"}]}"#, vec![], true),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "eu")], true),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "us")], false),
        (r#"{"region":"eu"}"#, vec![], false),
        (r#"{"region":"eu"}"#, vec![("mcp-param-region", "eu"), ("mcp-param-region", "eu")], false),
        (r#"{"region":null}"#, vec![], true),
        (r#"{"region":null}"#, vec![("mcp-param-region", "eu")], false),
        ("{}", vec![("mcp-param-region", "eu")], false),
        (r#"{"region":"Käse"}"#, vec![("mcp-param-region", "=?base64?S8Okc2U=?=")], true),
        (r#"{"region":"Käse"}"#, vec![("mcp-param-region", "=?base64?S8Okc2U?=")], false),
        (r#"{"count":42}"#, vec![("mcp-param-count", "42")], true),
        (r#"{"count":42}"#, vec![("mcp-param-count", "42.0")], true),
        (r#"{"count":42.0}"#, vec![("mcp-param-count", "42")], true),
        (r#"{"count":42}"#, vec![("mcp-param-count", "43")], false),
        (r#"{"count":9007199254740993}"#, vec![("mcp-param-count", "9007199254740992")], false),
        (r#"{"count":1}"#, vec![("mcp-param-count", "inf")], false),
        (r#"{"count":1}"#, vec![("mcp-param-count", "+1")], false),
        (r#"{"count":1}"#, vec![("mcp-param-count", "")], false),
        (r#"{"dry":false}"#, vec![("mcp-param-dry", "false")], true),
        (r#"{"dry":false}"#, vec![("mcp-param-dry", "False")], false),
        (r#"{"options":{"limit":5}}"#, vec![("mcp-param-limit", "5")], true),
        (r#"{"options":{"limit":5}}"#, vec![], false),
        (r#"{"options":{}}"#, vec![("mcp-param-limit", "5")], false),
        (r#"{"region":["eu"]}"#, vec![("mcp-param-region", "eu")], false),
        ("{}", vec![("mcp-param-unknown", "x")], true),
    ] {
        assert_eq!(agrees(arguments, &headers), expected, "{arguments} {headers:?}");
    }
}

#[test]
fn a_schema_without_the_annotation_or_no_schema_asks_for_nothing() {
    let body = Bytes::from_static(
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"region":"eu"}}}"#,
    );
    let message = Message::parse(&body, &Limits::default()).unwrap();
    for schema in [None, Some(&b"{}"[..]), Some(b"true"), Some(b"not json x-mcp-header")] {
        assert_eq!(check_params(&message, schema, |_| vec![]), Ok(()));
    }
    let escaped = br#"{"properties":{"region":{"type":"string","x-mcp-h\u0065ader":"Region"}}}"#;
    assert!(check_params(&message, Some(escaped), |_| vec![]).is_err(), "an escape does not hide the annotation");
}
