//! What a lock refuses to read, and what it takes for the same tool.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::fixture::shop;
use super::super::json::tests::{any_json, rewritten};
use super::{Difference, Lock, member_lines};
use crate::domain::{Annotations, ServerName, ToolDefinition};
use crate::policy::Catalog;

fn tool(definition: &str) -> ToolDefinition {
    let value: Value = serde_json::from_str(definition).unwrap();
    ToolDefinition {
        name: value["name"].as_str().unwrap().into(),
        annotations: Annotations::default(),
        input_schema: None,
        definition: Bytes::copy_from_slice(definition.as_bytes()),
    }
}

fn listed(server: &ServerName, definitions: &[&str]) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.learn(server, true, definitions.iter().map(|definition| tool(definition)));
    catalog
}

fn lock_of(definitions: &[&str]) -> Lock {
    Lock::of(&listed(&shop(), definitions)).unwrap()
}

/// Each problem of a text as a line.
fn problems(text: &str) -> Vec<String> {
    let problems = Lock::parse("catalog.lock.json", text).expect_err(text).problems();
    problems.iter().map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.message)).collect()
}

#[test]
fn what_is_written_is_read_again() {
    let lock = lock_of(&[
        r#"{"name":"b","inputSchema":{"type":"object","properties":{"n":{"default":1.50}}},"annotations":{"readOnlyHint":true}}"#,
        "{\"name\":\"a\",\"description\":\"first\\nthen \u{202e}\"}",
    ]);
    let text = lock.to_json();
    assert!(text.ends_with("}\n") && text.is_ascii(), "{text}");
    let again = Lock::parse("x", &text).unwrap();
    assert_eq!(again.to_json(), text);
    assert_eq!(again.tools().map(|(server, tool)| format!("{server}/{}", tool.name)).collect::<Vec<_>>(), ["shop/a", "shop/b"]);
    let b = again.tool(&shop(), "b").unwrap();
    assert!(b.annotations.read_only && !b.annotations.destructive && b.annotations.open_world);
    let schema: Value = serde_json::from_slice(b.input_schema.as_ref().unwrap()).unwrap();
    assert_eq!(schema, json!({ "type": "object", "properties": { "n": { "default": 1.5 } } }));
    assert!(lock.tools().all(|(server, tool)| again.holds(server, tool)));
}

#[test]
fn the_file_is_sorted_and_indented() {
    insta::assert_snapshot!(lock_of(&[r#"{"name":"z","inputSchema":{}}"#, r#"{"title":"A","name":"a"}"#]).to_json(), @r#"
    {
      "version": 1,
      "servers": {
        "shop": {
          "tools": [
            {
              "title": "A",
              "name": "a"
            },
            {
              "name": "z",
              "inputSchema": {}
            }
          ]
        }
      }
    }
    "#);
}

#[test]
fn whatever_is_wrong_is_named_with_its_place() {
    let tools = |list: &str| format!("{{\"version\": 1, \"servers\": {{\"shop\": {{\"tools\": {list}}}}}}}");
    let cases = [
        ("", "1:1 the lock is not JSON"),
        ("[]", "1:1 the lock is not an object"),
        ("{\"version\": 1}", "1:1 `servers` is missing"),
        ("{\"servers\": {}}", "1:1 `version` is missing"),
        ("{\"version\": 2, \"servers\": {}}", "1:13 unknown version `2`"),
        ("{\"version\": 1.0, \"servers\": {}}", "1:13 unknown version `1.0`"),
        ("{\"version\": 1,\n \"servers\": {}, \"serves\": {}}", "2:27 unknown key `serves`"),
        ("{\"version\": 1, \"version\": 1, \"servers\": {}}", "1:16 the lock has the key `version` twice"),
        ("{\"version\": 1, \"servers\": []}", "1:27 `servers` is not an object"),
        ("{\"version\": 1, \"servers\": {\"Shop\": {\"tools\": []}}}", "1:36 `Shop` cannot be a server's name"),
        ("{\"version\": 1, \"servers\": {\"shop\": {}}}", "1:36 `tools` is missing"),
        ("{\"version\": 1, \"servers\": {\"shop\": {\"tools\": [], \"x\": 1}}}", "1:55 unknown key `x`"),
        (&tools("{}"), "1:46 `tools` is not an array"),
        (&tools("[7]"), "1:47 the definition of a tool of server `shop` is not an object"),
        (&tools("[{\"title\": \"x\"}]"), "1:47 the definition of a tool of server `shop` has no `name` that is a string"),
        (&tools("[{\"name\": 7}]"), "1:56 the definition of a tool of server `shop` has no `name` that is a string"),
        (
            &tools("[{\"name\": \"a\", \"annotations\": {\"readOnlyHint\": \"yes\"}}]"),
            "1:76 the definition of tool `a` of server `shop` has `annotations` that are not true or false",
        ),
        (
            &tools("[{\"name\": \"a\", \"inputSchema\": true}]"),
            "1:76 the definition of tool `a` of server `shop` has an `inputSchema` that is no object",
        ),
        (&tools("[{\"name\": \"a\"},\n{\"name\": \"\\u0061\"}]"), "2:1 server `shop` has two tools called `a`"),
        (&tools("[{\"name\": \"a\", \"x\": {\"y\": 1, \"y\": 2}}]"), "1:75 the lock has the key `y` twice"),
        (&tools("[{\"name\": \"\\ud800\"}]"), "1:56 the lock holds half of a surrogate pair, which is not text"),
    ];
    for (text, expected) in cases {
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn every_bad_tool_is_reported() {
    let text = r#"{"version":1,"servers":{"a":{"tools":[{},{"name":"ok"},{"name":null}]},"-":{"tools":[]}}}"#;
    assert_eq!(problems(text).len(), 3);
}

#[test]
fn differences_are_told_by_server_tool_and_member() {
    let files = ServerName::new("files").unwrap();
    let lock = lock_of(&[r#"{"name":"same"}"#, r#"{"name":"gone"}"#, r#"{"name":"poisoned","description":"adds","x":1}"#]);
    let mut live = listed(
        &shop(),
        &[r#"{ "name" : "same" }"#, r#"{"name":"new"}"#, r#"{"name":"poisoned","description":"adds!","_meta":{}}"#],
    );
    live.learn(&files, true, [tool(r#"{"name":"read"}"#)]);
    let seen: Vec<String> = lock
        .diff(&live)
        .iter()
        .map(|change| match &change.difference {
            Difference::New => format!("{}/{} new", change.server, change.tool),
            Difference::Gone => format!("{}/{} gone", change.server, change.tool),
            Difference::Changed { members } => format!("{}/{} changed {}", change.server, change.tool, members.join(",")),
        })
        .collect();
    assert_eq!(seen, ["files/read new", "shop/gone gone", "shop/new new", "shop/poisoned changed _meta,description,x"]);
    assert!(lock.diff(&Catalog::default()).is_empty(), "a server that was not asked has not changed");
    let mut silent = Catalog::default();
    silent.learn(&shop(), true, []);
    assert_eq!(lock.diff(&silent).len(), 3, "a server that lists nothing has");
}

#[test]
fn only_what_was_reviewed_is_held() {
    let files = ServerName::new("files").unwrap();
    let lock = lock_of(&[r#"{"name":"a","description":"x"}"#]);
    assert!(lock.holds(&shop(), &tool(r#"{"description": "\u0078", "name":"a"}"#)));
    assert!(!lock.holds(&shop(), &tool(r#"{"name":"a","description":"x","_meta":null}"#)));
    assert!(!lock.holds(&shop(), &tool(r#"{"name":"b","description":"x"}"#)));
    assert!(!lock.holds(&files, &tool(r#"{"name":"a","description":"x"}"#)));
    assert!(lock.has_server(&shop()) && !lock.has_server(&files));
    assert!(lock.tool(&shop(), "a").is_some() && lock.tool(&shop(), "b").is_none());
}

#[test]
fn a_definition_that_two_readers_take_differently_is_not_locked_and_not_held() {
    let twice = r#"{"name":"a","description":"good","description":"bad"}"#;
    let error = Lock::of(&listed(&shop(), &[twice])).unwrap_err();
    assert_eq!(error.to_string(), "the definition of tool `a` of server `shop` has the key `description` twice");
    let lock = lock_of(&[r#"{"name":"a","description":"bad"}"#]);
    assert!(!lock.holds(&shop(), &tool(twice)));
    let changes = lock.diff(&listed(&shop(), &[twice]));
    assert_eq!(changes[0].difference, Difference::Changed { members: vec![] });
}

#[test]
fn an_update_keeps_other_servers_and_the_text_of_what_did_not_change() {
    let files = ServerName::new("files").unwrap();
    let old = r#"{"version":1,"servers":{"files":{"tools":[{"name":"read"}]},"shop":{"tools":[{"title":"A","name":"a"},{"name":"b"}]}}}"#;
    let old = Lock::parse("x", old).unwrap();
    let updated = old.updated(&listed(&shop(), &[r#"{"name":"a","title":"A"}"#, r#"{"name":"c"}"#])).unwrap();
    assert_eq!(updated.tools().map(|(_, tool)| tool.name.to_string()).collect::<Vec<_>>(), ["read", "a", "c"]);
    assert!(updated.to_json().contains("\"title\": \"A\",\n          \"name\": \"a\""), "{}", updated.to_json());
    assert!(updated.has_server(&files));
}

#[test]
fn a_member_is_shown_over_lines() {
    let definition = br#"{"name":"a","description":"one\ntwo","inputSchema":{"type":"object"}}"#;
    assert_eq!(member_lines(definition, "description").as_deref(), Some("one\ntwo"));
    assert_eq!(member_lines(definition, "inputSchema").as_deref(), Some("{\n  \"type\": \"object\"\n}"));
    assert_eq!(member_lines(definition, "title"), None);
}

proptest! {
    #[test]
    fn a_definition_that_is_written_differently_is_the_same(value in any_json(), dice in prop::collection::vec(any::<u8>(), 200)) {
        let definition = json!({ "name": "a", "description": value, "inputSchema": { "type": "object", "x": [value] } });
        let other = rewritten(&definition, &mut dice.into_iter().cycle());
        let lock = lock_of(&[&definition.to_string()]);
        prop_assert!(lock.holds(&shop(), &tool(&other)), "{}", other);
        let kept = Lock::parse("x", &lock.to_json()).unwrap();
        prop_assert!(kept.holds(&shop(), &tool(&other)), "{}", other);
        prop_assert!(kept.diff(&listed(&shop(), &[&other])).is_empty());
    }

    #[test]
    fn a_definition_with_one_value_changed_is_not(value in any_json(), other in any_json(), at in 0_usize..3) {
        let place = ["description", "inputSchema", "_meta"][at];
        let definition = |value: &Value| {
            let mut whole = json!({ "name": "a", "description": "x", "inputSchema": {}, "_meta": 1 });
            whole[place] = json!({ "deep": [value] });
            whole.to_string()
        };
        let lock = lock_of(&[&definition(&value)]);
        let live = definition(&other);
        prop_assert_eq!(lock.holds(&shop(), &tool(&live)), value == other);
        let expected = if value == other { vec![] } else { vec![Difference::Changed { members: vec![place.to_owned()] }] };
        let seen: Vec<_> = lock.diff(&listed(&shop(), &[&live])).into_iter().map(|change| change.difference).collect();
        prop_assert_eq!(seen, expected);
    }
}
