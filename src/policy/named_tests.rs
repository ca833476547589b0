//! Which servers files name.

use super::super::fixture::World;

fn servers(schema: &str, entities: &str) -> Vec<String> {
    World::new("").schema(schema).entities(entities).files().servers().iter().map(ToString::to_string).collect()
}

#[test]
fn typed_actions_and_entities_name_servers_and_files_with_mistakes_name_none() {
    let typed = "namespace Mcp { action \"a/x\" in [\"tools/call\"] appliesTo { principal: [Agent, User], resource: [Tool] }; }";
    let entity = |ty: &str, id: &str| format!("[{{\"uid\":{{\"type\":\"{ty}\",\"id\":\"{id}\"}},\"parents\":[]}}]");
    let cases = [
        (typed, String::new(), vec!["a"]),
        (typed, entity("Mcp::Server", "b"), vec!["a", "b"]),
        ("", entity("Mcp::Tool", "b/x"), vec!["b"]),
        ("", entity("Mcp::Resource", "b/file:///x"), vec!["b"]),
        ("", entity("Mcp::Tool", "NO/x"), vec![]),
        ("", entity("Mcp::Tool", "no slash"), vec![]),
        ("", entity("Mcp::Role", "b/x"), vec![]),
        ("namespace {", "[{]".to_owned(), vec![]),
    ];
    for (schema, entities, expected) in cases {
        assert_eq!(servers(schema, &entities), expected, "{schema} {entities}");
    }
}

#[test]
fn configured_servers_count_before_those_that_files_name() {
    let world = World::new("").entities("[{\"uid\":{\"type\":\"Mcp::Server\",\"id\":\"b\"}}]");
    let names = |settings: &super::Settings| settings.servers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut settings = world.settings.clone();
    assert_eq!(names(&settings.clone().or_servers_of(&world.files())), ["shop"]);
    settings.servers.clear();
    assert_eq!(names(&settings.or_servers_of(&world.files())), ["b"]);
}
