//! What a message is about.

use bytes::Bytes;

use super::{arguments, target};
use crate::domain::Action;
use crate::mcp::{Limits, Message};

/// What the message is about, or the refusal.
fn about(method: &str, params: &str) -> String {
    let body = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#));
    let message = Message::parse(&body, &Limits::default()).unwrap();
    let action = message.method().unwrap().action().unwrap_or(Action::Extension);
    match target(&message, action) {
        Ok(target) => format!("{target:?} {:?}", arguments(&message, action).json().map(String::from_utf8_lossy)),
        Err(no) => format!("{} {} [{}]", no.code(), no.sentence(), no.id().unwrap()),
    }
}

#[test]
fn each_action_names_its_target() {
    for (method, params, expected) in [
        ("tools/call", r#"{"name":"pay","arguments":{"a":1}}"#, r#"Tool("pay") Some("{\"a\":1}")"#),
        ("tools/call", r#"{"name":"pay"}"#, r#"Tool("pay") None"#),
        ("tools/call", r#"{"arguments":{}}"#, "-32602 The tool has no name. [1]"),
        ("tools/call", r#"{"uri":"x"}"#, "-32602 The tool has no name. [1]"),
        ("prompts/get", r#"{"name":"p","arguments":{"a":"1"}}"#, r#"Prompt("p") Some("{\"a\":\"1\"}")"#),
        ("prompts/get", "{}", "-32602 The prompt has no name. [1]"),
        ("resources/read", r#"{"uri":"a:1","arguments":{}}"#, r#"Resource("a:1") None"#),
        ("resources/subscribe", r#"{"name":"x"}"#, "-32602 The resource has no URI. [1]"),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, r#"Prompt("p") None"#),
        ("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"a:{x}"}}"#, r#"Resource("a:{x}") None"#),
        ("completion/complete", "{}", "-32602 The completion has no `ref`. [1]"),
        ("logging/setLevel", r#"{"level":"debug"}"#, "Server None"),
        ("sampling/createMessage", "{}", "Server None"),
        ("com.example/do", "{}", r#"Method("com.example/do") None"#),
    ] {
        assert_eq!(about(method, params), expected, "{method} {params}");
    }
}
