//! YAML means what it says and nothing more, and hostile files are refused quickly.

use super::super::fixture::World;
use super::to_json;

fn json(yaml: &str) -> String {
    match to_json(yaml) {
        Ok(json) => json.text,
        Err(refused) => format!("{}: {}", refused.offset, refused.reason),
    }
}

#[test]
fn scalars_are_what_json_would_say_or_text() {
    let cases = [
        ("true", "true"),
        ("null", "null"),
        ("~", "null"),
        ("5", "5"),
        ("-12.50", "-12.50"),
        ("0", "0"),
        ("'5'", "\"5\""),
        ("\"true\"", "\"true\""),
        ("no", "\"no\""),
        ("Yes", "\"Yes\""),
        ("True", "\"True\""),
        ("1e3", "\"1e3\""),
        ("007", "\"007\""),
        ("0x10", "\"0x10\""),
        ("1_000", "\"1_000\""),
        ("+1", "\"+1\""),
        (".5", "\".5\""),
        ("5.", "\"5.\""),
        (".inf", "\".inf\""),
        ("2026-03-02", "\"2026-03-02\""),
        ("12:30", "\"12:30\""),
        ("|\n  a\n  \"b\"\n", "\"a\\n\\\"b\\\"\\n\""),
    ];
    for (yaml, expected) in cases {
        assert_eq!(json(yaml), expected, "{yaml}");
    }
}

#[test]
fn collections_keep_their_order_and_their_duplicates() {
    let yaml = "- uid: {type: Mcp::User, id: alice}\n  parents:\n    - {type: Mcp::Role, id: 5}\n  attrs: {}\n- a: 1\n  a: 2\n  true: x\n  empty:\n- []\n";
    assert_eq!(
        json(yaml),
        r#"[{"uid":{"type":"Mcp::User","id":"alice"},"parents":[{"type":"Mcp::Role","id":5}],"attrs":{}},{"a":1,"a":2,"true":"x","empty":null},[]]"#
    );
}

#[test]
fn an_alias_is_a_copy() {
    assert_eq!(json("- &a {x: [1]}\n- *a\n- &b text\n- *b\n"), r#"[{"x":[1]},{"x":[1]},"text","text"]"#);
}

#[test]
fn what_would_be_guessed_or_grow_is_refused() {
    let deep = "[".repeat(40) + &"]".repeat(40);
    let cases = [
        ("- !!str 5", "tags"),
        ("- !secret x", "tags"),
        ("a: 1\n---\nb: 2", "one document"),
        ("? [a]\n: b", "a key must be text"),
        ("- &a x\n- {*a : 1}", "a key must be text"),
        ("&a [*a]", "inside of what it refers to"),
        ("- *nothing", "anchor"),
        (deep.as_str(), "nested too deeply"),
    ];
    for (yaml, expected) in cases {
        let found = json(yaml);
        assert!(found.contains(expected), "{yaml}: {found}");
    }
}

#[test]
fn a_billion_laughs_are_refused_before_they_are_written() {
    let mut yaml = "- &a0 ha-ha-ha-ha-ha-ha-ha\n".to_owned();
    for level in 1..12 {
        let copies = vec![format!("*a{}", level - 1); 10].join(", ");
        yaml += &format!("- &a{level} [{copies}]\n");
    }
    assert!(json(&yaml).contains("larger than 8 MiB"));
}

#[test]
fn places_lead_back_to_the_yaml_text() {
    let yaml = "- name: alice\n  age: [1, bad]\n";
    let json = to_json(yaml).unwrap();
    for word in ["name", "alice", "age", "bad"] {
        let back = json.back(json.text.find(word).unwrap());
        assert!(yaml.get(back..).unwrap().starts_with(word), "{word}: {back}");
    }
}

#[test]
fn an_entities_file_may_be_yaml_and_is_as_strict() {
    let load = |yaml: &str| {
        let mut world = World::new("permit (principal, action, resource);")
            .schema("namespace Mcp { entity User = { level?: Long, team?: String }; }");
        world.entities = vec![("e.yaml", yaml.to_owned())];
        match world.load() {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    };
    let entity = |attrs: &str| {
        format!(
            "# people\n- uid: {{type: Mcp::User, id: bob}}\n  parents:\n    - {{type: Mcp::Role, id: support}}\n  attrs:\n    {attrs}\n"
        )
    };
    assert_eq!(load(&entity("level: 5\n    team: no")), "accepted");
    let cases = [
        (entity("level: '5'"), "e.yaml:6:12: attribute `/level` is not an integer"),
        (entity("level: 1e3"), "e.yaml:6:12: attribute `/level` is not an integer"),
        (entity("team: 5"), "e.yaml:6:11: attribute `/team` is not a string"),
        (entity("team: a\n    team: b"), "e.yaml:6:5: attribute `/` has a key twice"),
        (entity("<<: {team: a}"), "e.yaml:6:9: attribute `/<<` is not in the schema"),
        ("- uid: bob\n".to_owned(), "e.yaml:1:8: `uid` is not { \"type\": …, \"id\": … }"),
        ("uid: bob\n".to_owned(), "e.yaml:1:1: invalid type: map, expected a sequence"),
        ("- [".to_owned(), "e.yaml:1:3: "),
        ("".to_owned(), "e.yaml:1:1: "),
    ];
    for (yaml, expected) in cases {
        let found = load(&yaml);
        assert!(found.starts_with(expected), "{yaml}\nfound:    {found}\nexpected: {expected}");
    }
}
