//! Meta-tools: what is decided is the tool they are asked to call, and what cannot be read is refused.

use bytes::Bytes;

use super::super::fixture::{World, line, shop, source, tool};
use super::super::{Catalog, MetaTool, PolicySnapshot, Request};
use crate::domain::{Action, Annotations, Arguments, Call, JsonPointer, Target, Timestamp};

const POLICIES: &str = r#"
@id("agents") permit (principal is Mcp::Agent, action, resource);
@id("search") permit (principal, action, resource == Mcp::Tool::"shop/search");
@id("small") permit (principal, action == Mcp::Action::"shop/refund", resource) when { context.input.amount < 10 };
"#;

fn meta_tool(tool: &str, name: &str, arguments: &str) -> MetaTool {
    let pointer = |text: &str| text.parse::<JsonPointer>().unwrap();
    MetaTool { server: shop(), tool: tool.to_owned(), name: pointer(name), arguments: pointer(arguments) }
}

fn world(policies: &str, meta_tools: Vec<MetaTool>) -> World {
    let mut world = World::new(policies).schema(super::super::fixture::REFUND);
    world.settings.meta_tools = meta_tools;
    world
}

fn snapshot() -> PolicySnapshot {
    world(POLICIES, vec![meta_tool("call_tool", "/tool_name", "/arguments"), meta_tool("other", "/0/n~1m", "/1")]).snapshot()
}

fn call(tool: &str, arguments: &str) -> Call {
    let arguments = Arguments::from_checked_json(Bytes::copy_from_slice(arguments.as_bytes()));
    let (action, target) = (Action::ToolsCall, Target::Tool(tool.into()));
    Call { server: shop(), action, target, arguments, source: source(), request: None, trace: None }
}

fn decided(snapshot: &PolicySnapshot, call: &Call) -> String {
    let world = World::new("");
    line(&snapshot.decide(&Request { caller: &world.caller(), call, now: Timestamp::from_micros(world.now), approval: None }))
}

#[test]
fn a_call_of_a_meta_tool_is_decided_as_the_call_it_comes_to() {
    let snapshot = snapshot();
    for (tool, arguments, expected) in [
        ("call_tool", r#"{"tool_name":"search"}"#, "allow: agent permitted [agents search]"),
        ("call_tool", r#"{"tool_name":"delete","arguments":{}}"#, "deny: actor no_permit"),
        ("call_tool", r#"{"tool_name":"none","arguments":{}}"#, "deny: agent unknown_tool"),
        (
            "call_tool",
            r#"{ "arguments": {"order": "o", "amount": 9}, "other": [1], "tool_name": "refund" }"#,
            "allow: agent permitted [agents small]",
        ),
        ("call_tool", r#"{"tool_name":"refund","arguments":{"order":"o","amount":10}}"#, "deny: actor no_permit"),
        (
            "call_tool",
            r#"{"tool_name":"refund","arguments":{"order":"o","amount":"9"}}"#,
            "deny: agent not_representable `/amount` is not an integer of 64 bits",
        ),
        (
            "call_tool",
            r#"{"tool_name":"ref\u0075nd","arguments":{"order":"o","amount":9}}"#,
            "allow: agent permitted [agents small]",
        ),
        ("other", r#"[{"n/m":"search"}]"#, "allow: agent permitted [agents search]"),
        // Not declared for this server, so it is a tool like any other, and an unknown one.
        ("execute", r#"{"tool_name":"search"}"#, "deny: agent unknown_tool"),
    ] {
        assert_eq!(decided(&snapshot, &call(tool, arguments)), expected, "{tool} {arguments}");
    }
}

#[test]
fn a_call_that_does_not_say_what_it_comes_to_is_refused() {
    let snapshot = snapshot();
    for (tool, arguments, why) in [
        ("call_tool", "{}", "`/tool_name` is missing"),
        ("call_tool", r#"{"tool_name":7}"#, "`/tool_name` is not a string"),
        ("call_tool", r#"{"tool_name":null}"#, "`/tool_name` is not a string"),
        ("call_tool", r#"{"tool_name":["search"]}"#, "`/tool_name` is not a string"),
        ("call_tool", r#"{"Tool_name":"search"}"#, "`/tool_name` is missing"),
        ("call_tool", r#"{"tool_name":"\ud800"}"#, "`/tool_name` is not a string"),
        ("call_tool", r#"{"tool_name":"call_tool","arguments":{}}"#, "`call_tool` is a meta-tool itself"),
        ("call_tool", r#"{"tool_name":"other"}"#, "`other` is a meta-tool itself"),
        ("call_tool", r#"{"tool_name":"search","arguments":null}"#, "`/arguments` is not an object"),
        ("call_tool", r#"{"tool_name":"search","arguments":"{}"}"#, "`/arguments` is not an object"),
        ("call_tool", r#"{"tool_name":"search","arguments":[{}]}"#, "`/arguments` is not an object"),
        ("call_tool", "[]", "`/tool_name` is missing"),
        ("call_tool", "null", "`/tool_name` leads through a value that has no parts"),
        ("other", "[]", "`/0/n~1m` leads through a value that is missing"),
        ("other", r#"{"00":{"n/m":"search"}}"#, "`/0/n~1m` leads through a value that is missing"),
        ("other", r#"[{"n/m":"search"},7]"#, "`/1` is not an object"),
    ] {
        let expected = format!("deny: agent invalid_request meta-tool `{tool}`: {why}");
        assert_eq!(decided(&snapshot, &call(tool, arguments)), expected, "{tool} {arguments}");
    }
    let absent = Call { arguments: Arguments::ABSENT, ..call("call_tool", "") };
    assert_eq!(decided(&snapshot, &absent), "deny: agent invalid_request meta-tool `call_tool`: `/tool_name` is missing");
}

#[test]
fn the_inner_call_has_the_text_of_the_inner_arguments() {
    let snapshot = snapshot();
    let inner = |arguments: &str| snapshot.inner(&call("call_tool", arguments)).unwrap().unwrap();
    let with = inner(r#"{"tool_name":"refund","arguments": { "a" : 1.0e1 } }"#);
    assert_eq!((with.target, with.arguments.json()), (Target::Tool("refund".into()), Some(&br#"{ "a" : 1.0e1 }"#[..])));
    assert_eq!(inner(r#"{"tool_name":"refund"}"#).arguments, Arguments::ABSENT);
    assert_eq!(snapshot.inner(&call("search", "{}")), Ok(None));
    let prompt = Call { action: Action::PromptsGet, target: Target::Prompt("call_tool".into()), ..call("", "{}") };
    assert_eq!(snapshot.inner(&prompt), Ok(None));
}

#[test]
fn a_meta_tool_is_shown_to_whom_it_could_serve() {
    let meta_tools = || vec![meta_tool("call_tool", "/tool_name", "/arguments"), meta_tool("other", "/tool", "")];
    let shown = |policies: &str, entities: &str, tools: &[&str]| {
        let mut world = world(policies, meta_tools()).entities(entities);
        world.catalog = Catalog::default();
        world.catalog.learn(&shop(), true, tools.iter().map(|name| tool(name, Annotations::default())));
        world.visible("call_tool")
    };
    let search = "permit (principal, action, resource == Mcp::Tool::\"shop/search\");";
    let declared = r#"[{"uid":{"type":"Mcp::Tool","id":"shop/search"}}]"#;
    let elsewhere = r#"[{"uid":{"type":"Mcp::Tool","id":"else/search"}}]"#;
    assert!(shown(search, "[]", &["call_tool", "search"]));
    assert!(shown(search, declared, &["call_tool"]));
    assert!(!shown(search, "[]", &["call_tool", "delete"]));
    assert!(!shown(search, elsewhere, &["call_tool"]));
    // What is permitted by name is of no use: by itself a meta-tool does nothing.
    assert!(!shown("permit (principal, action, resource);", "[]", &["call_tool", "other"]));
    assert!(!shown(&POLICIES.replace("< 10", "< 10 && principal is Mcp::Agent"), "[]", &["call_tool", "refund"]));
}

#[test]
fn what_a_meta_tool_is_makes_another_snapshot() {
    let fingerprint = |meta_tools| world("", meta_tools).snapshot().fingerprint();
    let one = fingerprint(vec![meta_tool("call_tool", "/tool_name", "/arguments")]);
    assert_ne!(one, fingerprint(vec![]));
    assert_ne!(one, fingerprint(vec![meta_tool("call_tool", "/tool_name", "/args")]));
}
