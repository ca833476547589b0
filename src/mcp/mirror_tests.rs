//! What is made here is what the check accepts.

use bytes::Bytes;

use super::{argument_headers, mirrored_headers};
use crate::mcp::{Limits, Message, check_params, headers};

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

fn call(name: &str, arguments: &str) -> Message {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{},"arguments":{arguments},{META}}}}}"#,
        serde_json::json!(name)
    );
    Message::parse(&Bytes::from(body), &Limits::default()).unwrap()
}

fn get<'h>(headers: &'h [(String, String)], name: &str) -> Vec<&'h [u8]> {
    headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_bytes()).collect()
}

#[test]
fn the_headers_made_for_a_message_pass_its_own_check() {
    for name in ["echo", "mit umlaut ä", " edge ", "=?base64?eA==?=", "a\tb", ""] {
        let message = call(name, "{}");
        let made: Vec<_> = mirrored_headers(&message).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        headers::check(&message, |name| get(&made, name)).unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
    }
}

#[test]
fn the_headers_made_for_arguments_pass_their_own_check() {
    let schema = br#"{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"count":{"type":"integer","x-mcp-header":"Count"},"in":{"type":"object","properties":{"deep":{"type":"boolean","x-mcp-header":"Deep"}}},"free":{"type":"string"}}}"#;
    let message = call("t", r#"{"region":"Nürnberg","count":7,"in":{"deep":true},"free":"x"}"#);
    let made = argument_headers(&message, schema);
    assert_eq!(made.len(), 3, "{made:?}");
    check_params(&message, Some(schema), |name| get(&made, name)).unwrap();
}
