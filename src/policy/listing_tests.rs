//! What is listed is what is there: every policy with its place, and the tools of one server only.

use super::super::fixture::{World, shop};
use super::Effect;

#[test]
fn policies_are_listed_by_place_with_what_they_do() {
    let snapshot =
        World::new("permit (principal, action, resource);\n@id(\"no\")\nforbid (principal, action, resource);").snapshot();
    let listed: Vec<_> =
        snapshot.policies().into_iter().map(|listed| (listed.policy.id.to_string(), listed.policy.line, listed.effect)).collect();
    assert_eq!(listed, [("p.cedar#policy0".to_owned(), 1, Effect::Permit), ("no".to_owned(), 2, Effect::Forbid)]);
}

#[test]
fn the_tools_of_a_server_are_those_it_lists_and_those_that_files_declare() {
    let entities = r#"[
        { "uid": { "type": "Mcp::Tool", "id": "shop/a/b" }, "attrs": {}, "parents": [] },
        { "uid": { "type": "Mcp::Tool", "id": "shop2/c" }, "attrs": {}, "parents": [] },
        { "uid": { "type": "Mcp::Tool", "id": "shop/refund" }, "attrs": {}, "parents": [] }
    ]"#;
    let snapshot = World::new("permit (principal, action, resource);").entities(entities).snapshot();
    let tools: Vec<String> = snapshot.tools_of(&shop()).iter().map(ToString::to_string).collect();
    assert_eq!(tools, ["a/b", "delete", "refund", "search"]);
}
