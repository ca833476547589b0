//! What an author reads who made a mistake: the place, and a sentence that helps. Each case is one mistake.

use super::draw;
use super::fixture::{REFUND, World};

/// Policies that nothing is wrong with.
const FINE: &str = "permit (principal, action, resource);";

/// The problems of a world, one a line.
fn problems(world: &World) -> String {
    match world.load() {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn compare(cases: &[(World, &str)]) {
    for (world, expected) in cases {
        assert_eq!(problems(world), *expected);
    }
}

#[test]
fn mistakes_in_policies_are_reported_with_their_place_and_a_hint() {
    compare(&[
        (
            World::new("permit (principal, action, resource)\nwhen { principal.name = 1 };"),
            r#"p.cedar:2:8: '=' is not a valid operator in Cedar (try using '==' instead)"#,
        ),
        (
            World::new("permit (principal, action, resource)"),
            r#"p.cedar:1:37: unexpected end of input (expected `;` or identifier)"#,
        ),
        (
            World::new("\n\nallow (principal, action, resource);"),
            r#"p.cedar:3:1: invalid policy effect: allow (effect must be either `permit` or `forbid`)"#,
        ),
        (
            World::new("permit (principal, action, resource is Mcp::Tool)\nwhen { resource.readonly };"),
            r#"p.cedar:2:8: attribute `readonly` on entity type `Mcp::Tool` not found (did you mean `readOnly`?)"#,
        ),
        (
            World::new("permit (principal in Mcp::Rolle::\"x\", action, resource);"),
            r#"p.cedar:1:22: unrecognized entity type `Mcp::Rolle` (did you mean `Mcp::Role`?)"#,
        ),
        (
            World::new("permit (principal, action == Mcp::Action::\"tool/call\", resource);"),
            r#"p.cedar:1:30: unrecognized action `Mcp::Action::"tool/call"` (did you mean `Mcp::Action::"tools/call"`?)"#,
        ),
        (
            World::new("permit (principal, action == Mcp::Action::\"tools/call\", resource);"),
            r#"p.cedar:1:1: policy `p.cedar#policy0` compares an action with the group `tools/call`, which leaves out every tool with a typed action (write `action in Mcp::Action::"tools/call"`)"#,
        ),
        (
            World::new("permit (principal, action, resource) when { action != Mcp::Action::\"tools/call\" };"),
            r#"p.cedar:1:1: policy `p.cedar#policy0` compares an action with the group `tools/call`, which leaves out every tool with a typed action (write `action in Mcp::Action::"tools/call"`)"#,
        ),
        (
            World::new("@id(\"a\") permit (principal, action, resource);\n@id(\"a\")\nforbid (principal, action, resource);"),
            r#"p.cedar:2:1: policy `a` is already declared at p.cedar:1 (give each policy an `@id` of its own)"#,
        ),
        (
            World::new("permit (principal == ?principal, action, resource);"),
            r#"p.cedar:1:1: a template needs an `@id` (links name the template they fill in: `@id("team-reads")`)"#,
        ),
        (
            World::new(
                "permit (principal, action == Mcp::Action::\"shop/refund\", resource)\nwhen { context.input.amuont > 1 };",
            )
            .schema(REFUND),
            r#"p.cedar:2:8: attribute `input.amuont` in context for Mcp::Action::"shop/refund" not found (did you mean `amount`?)"#,
        ),
        (
            World::new(
                "permit (principal, action == Mcp::Action::\"shop/refund\", resource)\nwhen { context.input.note like \"x\" };",
            )
            .schema(REFUND),
            r#"p.cedar:2:8: unable to guarantee safety of access to optional attribute `input.note` in context for Mcp::Action::"shop/refund" (try testing for the attribute's presence with `context.input has note && ..`)"#,
        ),
        (
            World::new("permit (principal, action in Mcp::Action::\"tools/call\", resource)\nwhen { context.input.amount > 1 };")
                .schema(REFUND),
            r#"p.cedar:2:8: attribute `input` in context for Mcp::Action::"shop/delete" not found (and for 1 more) (not every tool has arguments that policies can see: name the tool with `action == Mcp::Action::"server/tool"`, or ask first with `context has input && …`)"#,
        ),
        (
            World::new("permit (principal, action, resource)\nwhen { context.approval.by == principal };"),
            r#"p.cedar:2:8: unable to guarantee safety of access to optional attribute `approval` in context for Mcp::Action::"approve" (and for 10 more) (try testing for the attribute's presence with `context has approval && ..`)"#,
        ),
        (
            World::new("permit (principal, action, resource) when { principal.x };\npermit (")
                .schema("namespace Mcp {\n  entity A\n}")
                .entities("["),
            r#"e.json:1:1: EOF while parsing a list (an entities file is an array of { "uid": …, "attrs": …, "parents": … })
p.cedar:2:9: unexpected end of input (expected `)` or identifier)
s.cedarschema:3:1: error parsing schema: unexpected token `}` (expected `,`, `;`, `=`, `{`, `enum`, `in`, or `tags`)"#,
        ),
    ]);
}

#[test]
fn mistakes_in_entities_are_reported_with_their_place_and_a_hint() {
    compare(&[
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::User\", \"id\": \"x\"},\n}]"), r#"e.json:2:1: key must be a string (an entities file is an array of { "uid": …, "attrs": …, "parents": … })"#),
        (World::new(FINE).entities("{}"), r#"e.json:1:1: invalid type: map, expected a sequence (an entities file is an array of { "uid": …, "attrs": …, "parents": … })"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::Usr\", \"id\": \"x\"}}]"), r#"e.json:1:10: unknown entity type `Mcp::Usr` (the schema has Mcp::Agent, Mcp::Prompt, Mcp::Resource, Mcp::Role, Mcp::Server, Mcp::ServerGroup, Mcp::Team, Mcp::Tool, Mcp::ToolGroup, Mcp::User)"#),
        (World::new(FINE).entities("[{\"uid\": \"x\"}]"), r#"e.json:1:10: `uid` is not { "type": …, "id": … }"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::User\", \"id\": \"x\"}, \"attrs\": {\"age\": 1}}]"), r#"e.json:1:61: attribute `/age` is not in the schema"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::User\", \"id\": \"x\"}, \"parent\": []}]"), r#"e.json:1:54: unknown key `parent` (the keys are `uid`, `attrs` and `parents`)"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::User\", \"id\": \"x\"}, \"parents\": [{\"type\":\"Mcp::Server\",\"id\":\"shop\"}]}]"), r#"e.json:1:2: entity does not conform to the schema: `Mcp::User::"x"` is not allowed to have an ancestor of type `Mcp::Server` according to the schema"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::Role\", \"id\": \"b\"}},\n{\"uid\": {\"type\": \"Mcp::Role\", \"id\": \"a\"}, \"parents\": [{\"type\":\"Mcp::Role\",\"id\":\"a\"}]}]"), r#"e.json:2:1: transitive closure computation/enforcement error: input graph has a cycle containing vertex `Mcp::Role::"a"`"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::Role\", \"id\": \"a\"}},\n{\"uid\": {\"type\": \"Mcp::Role\", \"id\": \"a\"}}]"), r#"e.json:2:1: `Mcp::Role::"a"` is already declared at e.json:1"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::Tool\", \"id\": \"refund\"}}]"), r#"e.json:1:10: `Mcp::Tool::"refund"` names no server (the id is the server's name, a slash and the thing's own name: "shop/refund")"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::Tool\", \"id\": \"shop/refund\"}, \"attrs\": {\"pinned\": true}}]"), r#"e.json:1:63: `pinned` cannot be set (state all of readOnly, destructive, idempotent and openWorld)"#),
        (World::new(FINE).entities("[{\"uid\": {\"type\": \"Mcp::Action\", \"id\": \"x\"}}]"), r#"e.json:1:10: unknown entity type `Mcp::Action` (the schema has Mcp::Agent, Mcp::Prompt, Mcp::Resource, Mcp::Role, Mcp::Server, Mcp::ServerGroup, Mcp::Team, Mcp::Tool, Mcp::ToolGroup, Mcp::User)"#),
    ]);
}

#[test]
fn mistakes_in_schemas_are_reported_with_their_place_and_a_hint() {
    compare(&[
        (World::new(FINE).schema("namespace Mcp { entity User = { name: String }; }").entities("[{\"uid\":{\"type\":\"Mcp::User\",\"id\":\"alice\"},\"attrs\":{\"name\":\n {\"__extn\":{\"fn\":\"unknown\",\"arg\":\"x\"}}}}]"), r#"e.json:2:2: attribute `/name` is not a string"#),
        (World::new(FINE).schema("namespace Mcp { entity User = { name: String }; }"), r#"entity does not conform to the schema: expected entity `Mcp::User::"alice"` to have attribute `name`, but it does not (`Mcp::User::"alice"` is declared by the configuration; give its attributes in an entities file)
entity does not conform to the schema: expected entity `Mcp::User::"olga"` to have attribute `name`, but it does not (`Mcp::User::"olga"` is declared by the configuration; give its attributes in an entities file)"#),
        (World::new(FINE).schema("namespace Mcp { entity Usr = { name: Strin }; }"), r#"s.cedarschema:1:38: failed to resolve type: Strin (neither `Mcp::Strin` nor `Strin` refers to anything that has been declared as a common or entity type)"#),
        (World::new(FINE).schema("namespace Mcp {\n  entity Tool = { risk: Long };\n}"), r#"s.cedarschema:2:19: attribute `risk` of `Tool` must be optional (servers name their own tools, resources and prompts: write `risk?: …`)"#),
        (World::new(FINE).schema("namespace Mcp {\n  entity Tool = { readOnly?: Bool };\n}"), r#"s.cedarschema:2:19: attribute `readOnly` of `Tool` is already declared"#),
        (World::new(FINE).schema("namespace Mcp {\n  action \"shop/refund\" appliesTo { principal: [Agent, User], resource: Tool };\n}"), r#"s.cedarschema:2:11: action `shop/refund` is not in the group `tools/call` (write `action "shop/refund" in ["tools/call"] appliesTo …`, or rules about all tools would not cover it)"#),
        (World::new(FINE).schema("namespace Mcp {\n  action \"shop/refund\" in [\"tools/call\"] appliesTo { principal: [Agent], resource: Tool };\n}"), r#"s.cedarschema:2:11: action `shop/refund` does not apply to every caller (write `appliesTo { principal: [Agent, User], resource: [Tool], … }`: a call is decided for both)"#),
        (World::new(FINE).schema("namespace Mcp {\n  action \"shop/refund\" in [\"tools/call\"] appliesTo { principal: [Agent, User], resource: Tool, context: { time: Long } };\n}"), r#"s.cedarschema:2:11: the context of action `shop/refund` declares an attribute of the base context differently (give only what is special to the tool: `context: { input: { … } }`; the rest is added for you)"#),
        (World::new(FINE).schema("namespace Mcp {\n  action \"shop/refund\" in [\"tools/call\"] appliesTo { principal: [Agent, User], resource: Tool, context: { input: { who: User } } };\n}"), r#"s.cedarschema:2:11: action `shop/refund`: an argument cannot be an entity: whoever calls could name any"#),
        (World::new(FINE).schema("namespace Mcp {\n  action \"shop/refund\" in [\"tools/cal\"] appliesTo { principal: [Agent, User], resource: Tool, context: { input: { who: String } } };\n}"), r#"s.cedarschema:2:11: action `shop/refund` is not in the group `tools/call` (write `action "shop/refund" in ["tools/call"] appliesTo …`, or rules about all tools would not cover it)"#),
        (World::new(FINE).schema("namespace Mcp {\n  action \"tools/call\";\n}"), r#"s.cedarschema:2:11: `tools/call` is already declared (the base vocabulary and the other schema files have names of their own: choose another)"#),
        (World::new(FINE).schema("namespace Mcp {\n  entity A\n}"), r#"s.cedarschema:3:1: error parsing schema: unexpected token `}` (expected `,`, `;`, `=`, `{`, `enum`, `in`, or `tags`)"#),
        (World::new(FINE).schema("namespace Shop {\n  action \"x\" appliesTo { principal: [Mcp::Agent], resource: Mcp::Tool };\n}"), r#"s.cedarschema:2:11: action `x` is about `Mcp::Agent` (an action outside `Mcp` is about entity types of your own; the actions of calls are `Mcp::Action::"server/tool"`)"#),
    ]);
}

#[test]
fn all_files_are_reported_at_once_in_their_order() {
    let world = World::new("permit (principal, action, resource) when { principal.x };").entities("[{}]");
    let json =
        World { schema: vec![("s.cedarschema.json", "{\n  \"Mcp\": {\"actions\" {}}\n}".to_owned())], ..World::new("permit (") };
    compare(&[
        (
            world,
            "e.json:1:2: the entity has no `uid`\np.cedar:1:45: attribute `x` on entity type `Mcp::Agent` not found\np.cedar:1:45: attribute `x` on entity type `Mcp::User` not found",
        ),
        (json, "p.cedar:1:9: unexpected end of input (expected `)` or identifier)\ns.cedarschema.json:2:21: expected `:`"),
    ]);
}

#[test]
fn a_problem_is_drawn_with_the_line_it_is_about() {
    let world = World::new("permit (principal, action, resource is Mcp::Tool)\nwhen { resource.readonly };");
    let drawn = draw(&world.load().unwrap_err().problems(), false);
    insta::assert_snapshot!(drawn, @r"
    unknown-attribute

      × attribute `readonly` on entity type `Mcp::Tool` not found
       ╭─[p.cedar:2:8]
     1 │ permit (principal, action, resource is Mcp::Tool)
     2 │ when { resource.readonly };
       ·        ─────────────────
       ╰────
      help: did you mean `readOnly`?
    ");
}

#[test]
fn a_rule_that_can_never_apply_is_a_warning_and_no_mistake() {
    let world = World::new("@id(\"dead\") permit (principal, action, resource)\nwhen { principal has actor };");
    let warnings: Vec<String> = world.snapshot().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "p.cedar:1:1: this policy matches no request (by the schema alone its scope and conditions cannot all hold: change them, or remove the policy)"
        ]
    );
}

#[test]
fn a_typed_action_for_no_server_is_a_warning() {
    let world = World::new(FINE).schema(REFUND.replace("shop/", "shpo/"));
    let warnings: Vec<String> = world.snapshot().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["action `shpo/refund` is for no configured server (a typed action is named `server/tool`, after a configured server)"]
    );
}
