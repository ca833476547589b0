//! What is suggested is valid whatever the tools are called, and permits what its comments say.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::fixture::{World, line, shop};
use super::Suggestion;
use crate::domain::{Action, Annotations, Hints, Target, ToolDefinition};

fn tool(name: &str, annotations: &Value, schema: Option<Value>) -> ToolDefinition {
    let hints = Hints::read(|key| Some(annotations.get(key).and_then(Value::as_bool))).unwrap();
    let definition = json!({ "name": name, "annotations": annotations, "inputSchema": schema });
    ToolDefinition {
        name: name.into(),
        annotations: Annotations::from(hints),
        input_schema: schema.map(|schema| Bytes::from(schema.to_string())),
        definition: Bytes::from(definition.to_string()),
    }
}

fn suggested(tools: &[ToolDefinition], role: &str) -> String {
    Suggestion { server: &shop(), tools, role, reviewed: false }.to_cedar()
}

/// The suggestion in force for a shop with these tools, with the agent and its person in the role.
fn world(tools: &[ToolDefinition], text: &str, role: &str) -> World {
    let mut world = World::new(text);
    world.settings.principals.iter_mut().for_each(|principal| principal.roles = vec![role.to_owned()]);
    world.catalog.learn(&shop(), true, tools.iter().cloned());
    world
}

fn odd_names() -> Vec<String> {
    let odd = [
        "plain",
        "with space",
        "quote\"quote",
        "back\\slash",
        "a\nb",
        "a\r\n// b",
        "::",
        "Mcp::Tool::\"x\"",
        "ünïcode 文字 🙂",
        "\u{202e}rtl",
        "\u{0}",
        "*",
        "\"]}; permit(principal,action,resource);//",
        "\\u{41}",
        "{{}}",
        "",
        "a/b/c",
        "'",
        "\u{2028}line",
        "?principal",
    ];
    odd.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn it_reads_well() {
    let path = json!({ "type": "object", "properties": { "path": { "type": "string" } }, "required": ["path"] });
    let tools = [
        tool("read", &json!({ "readOnlyHint": true, "openWorldHint": false }), Some(path)),
        tool("search", &json!({ "readOnlyHint": true }), None),
        tool("add", &json!({ "readOnlyHint": false, "destructiveHint": false }), None),
        tool("drop", &json!({ "destructiveHint": true }), None),
        tool("odd\nname", &json!({}), None),
    ];
    insta::assert_snapshot!(suggested(&tools, "reader"), @r##"
    // A first set of policies for the 5 tools of the server `shop`, to be edited.
    // What the tools say of themselves is a claim of the server, and stays one until it is pinned: by a catalog lock
    // (`cedarpost catalog lock`), or by an entities file that states readOnly, destructive, idempotent and openWorld.
    // Tools that are not named here are denied, because nothing permits them. An agent that acts for a person is decided
    // together with that person: both need the role.

    // These tools claim to be read-only (readOnlyHint). The permit ends when a tool stops claiming it.
    // May reach into the world outside, as they say or do not deny (openWorldHint): search.
    @id("shop-reads")
    permit (
      principal in Mcp::Role::"reader",
      action in Mcp::Action::"tools/call",
      resource in Mcp::Server::"shop"
    )
    when {
      resource.readOnly &&
      resource in [
        Mcp::Tool::"shop/read",
        Mcp::Tool::"shop/search"
      ]
    };

    // These tools claim to change things, but to destroy nothing (destructiveHint is false):
    // each call needs the approval of a person other than the one the agent acts for.
    @id("shop-adds")
    permit (
      principal in Mcp::Role::"reader",
      action in Mcp::Action::"tools/call",
      resource in Mcp::Server::"shop"
    )
    when {
      context has approval &&
      context.time.now < context.approval.expires &&
      !(context has actor && context.approval.by == context.actor) &&
      resource in [
        Mcp::Tool::"shop/add"
      ]
    };

    // These tools claim that they may destroy (destructiveHint):
    // each call needs the approval of a person other than the one the agent acts for.
    @id("shop-destroys")
    permit (
      principal in Mcp::Role::"reader",
      action in Mcp::Action::"tools/call",
      resource in Mcp::Server::"shop"
    )
    when {
      context has approval &&
      context.time.now < context.approval.expires &&
      !(context has actor && context.approval.by == context.actor) &&
      resource in [
        Mcp::Tool::"shop/drop"
      ]
    };

    // These tools do not say whether they change or destroy anything, so they may:
    // each call needs the approval of a person other than the one the agent acts for.
    @id("shop-unknown")
    permit (
      principal in Mcp::Role::"reader",
      action in Mcp::Action::"tools/call",
      resource in Mcp::Server::"shop"
    )
    when {
      context has approval &&
      context.time.now < context.approval.expires &&
      !(context has actor && context.approval.by == context.actor) &&
      resource in [
        Mcp::Tool::"shop/odd\u{a}name"
      ]
    };

    // Arguments can narrow a permit. For instance, as a start to edit:
    //
    // Only below one directory. A path is compared as text, so what could lead elsewhere is refused as well.
    // @id("shop-only-below-a-directory")
    // forbid (principal, action == Mcp::Action::"shop/read", resource)
    // unless { context.input.path like "/data/*" && !(context.input.path like "*..*") };
    "##);
}

#[test]
fn it_is_valid_and_decides_by_the_claims_whatever_the_tools_are_called() {
    let claims = [
        (json!({ "readOnlyHint": true }), "allow"),
        (json!({ "readOnlyHint": true, "destructiveHint": true }), "require_approval"),
        (json!({ "readOnlyHint": false, "destructiveHint": false }), "require_approval"),
        (json!({ "destructiveHint": true }), "require_approval"),
        (json!({}), "require_approval"),
    ];
    for (claim, expected) in claims {
        let tools: Vec<ToolDefinition> = odd_names().iter().map(|name| tool(name, &claim, None)).collect();
        for role in ["reader", "odd \"role\"\n\\"] {
            let world = world(&tools, &suggested(&tools, role), role);
            let snapshot = world.load().unwrap_or_else(|error| panic!("{error}"));
            // A name may be reported as looking like another, which is the reader's to judge.
            let about_names = |message: &str| message.contains("shop/") && message.contains("identifier");
            assert!(snapshot.warnings().iter().all(|warning| about_names(&warning.message)), "{:?}", snapshot.warnings());
            for name in odd_names() {
                let decision = world.call(&name, "{}");
                assert_eq!(decision.name(), expected, "{claim} {name:?}: {}", line(&decision));
            }
        }
    }
}

#[test]
fn what_is_not_named_is_denied() {
    let tools = [tool("read", &json!({ "readOnlyHint": true }), None)];
    let text = suggested(&tools, "reader");
    let later = [tools[0].clone(), tool("later", &json!({ "readOnlyHint": true }), None), tool("read2", &json!({}), None)];
    let world = world(&later, &text, "reader");
    assert_eq!(world.call("read", "{}").name(), "allow");
    for name in ["later", "read2", "rea", "read "] {
        assert_eq!(world.call(name, "{}").name(), "deny", "{name}");
    }
    let resource = Target::Resource("file:///x".into());
    assert_eq!(world.decide(Action::ResourcesRead, resource, "{}").name(), "deny");
}

#[test]
fn another_role_and_a_withdrawn_claim_get_nothing() {
    let tools = [tool("read", &json!({ "readOnlyHint": true }), None), tool("drop", &json!({}), None)];
    let text = suggested(&tools, "reader");
    let stranger = world(&tools, &text, "writer");
    assert_eq!(stranger.call("read", "{}").name(), "deny");
    assert_eq!(stranger.call("drop", "{}").name(), "deny");
    let withdrawn = [tool("read", &json!({ "readOnlyHint": false }), None)];
    assert_eq!(world(&withdrawn, &text, "reader").call("read", "{}").name(), "deny");
}

#[test]
fn both_the_agent_and_the_person_need_the_role() {
    let tools = [tool("read", &json!({ "readOnlyHint": true }), None)];
    let mut world = world(&tools, &suggested(&tools, "reader"), "reader");
    world.settings.principals[1].roles.clear();
    assert_eq!(world.call("read", "{}").name(), "deny");
}

#[test]
fn five_hundred_tools_are_one_block_a_group() {
    let tools: Vec<ToolDefinition> =
        (0..500).map(|number| tool(&format!("tool-{number}"), &json!({ "readOnlyHint": number % 2 == 0 }), None)).collect();
    let text = suggested(&tools, "reader");
    assert_eq!(text.matches("\npermit (").count(), 2);
    let world = world(&tools, &text, "reader");
    assert_eq!(world.call("tool-0", "{}").name(), "allow");
    assert_eq!(world.call("tool-499", "{}").name(), "require_approval");
    assert_eq!(world.call("tool-500", "{}").name(), "deny");
}

#[test]
fn the_examples_are_valid_once_they_are_uncommented() {
    let schema = json!({
        "type": "object",
        "properties": {
            "file-path": { "type": "string" }, "page_url": { "type": "string" }, "amount": { "type": "integer" }, "price": { "type": "number" },
        },
        "required": ["page_url"],
    });
    let tools = [tool("do \"it\"", &json!({ "readOnlyHint": true }), Some(schema))];
    let text = suggested(&tools, "reader");
    let (policies, examples) = text.split_once("// Arguments can narrow").unwrap();
    let uncommented: String = examples
        .lines()
        .filter(|line| ["// @id", "// forbid", "// unless"].iter().any(|start| line.starts_with(start)))
        .map(|line| line.replacen("// ", "", 1) + "\n")
        .collect();
    // Two of them are about small amounts.
    let uncommented = uncommented.replacen("small-amounts", "small", 1);
    assert_eq!(uncommented.matches("forbid").count(), 4, "{uncommented}");
    let world = world(&tools, &format!("{policies}\n{uncommented}"), "reader");
    let fine = r#"{"file-path": "/data/x", "page_url": "https://docs.example.com/a", "amount": 5, "price": 1.5}"#;
    let cases = [
        (fine.to_owned(), "allow"),
        (fine.replace("/data/x", "/data/../etc"), "deny"),
        (fine.replace("example.com/", "example.com.evil/"), "deny"),
        (fine.replace("\"amount\": 5", "\"amount\": 500"), "deny"),
        (fine.replace("1.5", "100.5"), "deny"),
        (r#"{"page_url": "https://docs.example.com/a"}"#.to_owned(), "deny"),
    ];
    for (arguments, expected) in cases {
        let decision = world.call("do \"it\"", &arguments);
        assert_eq!(decision.name(), expected, "{arguments}: {}", line(&decision));
    }
}
