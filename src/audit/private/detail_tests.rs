//! Which rule counts for which call.

use super::*;

fn pointers(pointers: &[&str]) -> Vec<JsonPointer> {
    pointers.iter().map(|pointer| pointer.parse().unwrap()).collect()
}

fn rule(scope: &str, level: Option<Level>, mask: &[&str]) -> Rule {
    Rule { scope: Scope::parse(scope).unwrap(), level, mask: pointers(mask) }
}

fn server(name: &str) -> ServerName {
    ServerName::new(name).unwrap()
}

fn tool(name: &str) -> Target {
    Target::Tool(name.into())
}

#[test]
fn the_most_specific_level_wins_and_masks_add_up() {
    use Level::{Arguments, Commitment, Results};
    let settings = DetailSettings {
        level: Arguments,
        limit: 100,
        mask: pointers(&["/everywhere"]),
        rules: vec![
            rule("shop/pay", Some(Commitment), &["/card"]),
            rule("shop/*", Some(Results), &["/shop"]),
            rule("shop/look", None, &["/look"]),
            rule("files/read", Some(Results), &[]),
            rule("*", None, &["/any"]),
        ],
    };
    let detail = Detail::new(&settings);
    let cases: [(&str, Target, Level, &[&str]); 8] = [
        ("shop", tool("pay"), Commitment, &["/everywhere", "/any", "/shop", "/card"]),
        ("shop", tool("look"), Results, &["/everywhere", "/any", "/shop", "/look"]),
        ("shop", tool("other"), Results, &["/everywhere", "/any", "/shop"]),
        // A prompt of a tool's name is not that tool.
        ("shop", Target::Prompt("pay".into()), Results, &["/everywhere", "/any", "/shop"]),
        ("shop", Target::Server, Results, &["/everywhere", "/any", "/shop"]),
        ("files", tool("read"), Results, &["/everywhere", "/any"]),
        ("files", tool("write"), Arguments, &["/everywhere", "/any"]),
        ("other", Target::Resource("file:///a".into()), Arguments, &["/everywhere", "/any"]),
    ];
    for (name, target, level, mask) in cases {
        let expected = Keeping { level, limit: 100, masks: Masks::new(&pointers(mask)) };
        assert_eq!(*detail.of(&server(name), &target), expected, "{name} {target:?}");
    }
}

#[test]
fn without_rules_the_default_holds_for_everything() {
    let detail = Detail::new(&DetailSettings::default());
    let expected = Keeping { level: Level::Arguments, limit: 65_536, masks: Masks::default() };
    assert_eq!(*detail.of(&server("any"), &tool("any")), expected);
}

#[test]
fn a_rule_for_everything_is_wider_than_one_for_a_server_in_whatever_order_they_stand() {
    for turned in [false, true] {
        let mut rules = vec![rule("*", Some(Level::Results), &[]), rule("shop/*", Some(Level::Commitment), &[])];
        if turned {
            rules.reverse();
        }
        let detail = Detail::new(&DetailSettings { rules, ..DetailSettings::default() });
        assert_eq!(detail.of(&server("shop"), &tool("x")).level, Level::Commitment);
        assert_eq!(detail.of(&server("other"), &tool("x")).level, Level::Results);
    }
}

#[test]
fn a_call_through_a_meta_tool_keeps_no_more_than_either_allows() {
    let keeping = |level, mask: &[&str]| Keeping { level, limit: 100, masks: Masks::new(&pointers(mask)) };
    let (inner, meta) = (keeping(Level::Results, &["/pin"]), keeping(Level::Arguments, &["/with/card", "/note"]));
    let place = "/with".parse().unwrap();
    let through = inner.through(&meta, &place);
    assert_eq!(through.level, Level::Arguments);
    let text = br#"{"pin":1,"card":2,"note":3}"#;
    let masked = through.masks.find(text).unwrap().pieces().collect::<Vec<_>>().concat();
    let masked: serde_json::Value = serde_json::from_slice(&masked).unwrap();
    assert!(masked["pin"].is_object() && masked["card"].is_object() && masked["note"] == 3, "{masked}");
    assert_eq!(inner.with(&meta), keeping(Level::Arguments, &["/note", "/pin", "/with/card"]));
}

#[test]
fn what_is_masked_in_arguments_is_masked_in_every_part_of_a_question() {
    let rules = vec![
        Rule { scope: Scope::All, level: None, mask: pointers(&["/pin"]) },
        Rule { scope: Scope::Server(server("shop")), level: None, mask: pointers(&["/order"]) },
    ];
    let settings = DetailSettings { level: Level::Results, limit: 1_000, mask: pointers(&["/card/number"]), rules };
    let keeping = Detail::new(&settings).of_access();
    assert_eq!((keeping.level, keeping.limit), (Level::Results, 1_000));
    let text = br#"{"context":{"pin":1},"resource":{"card":{"number":2,"name":"x"}},"subject":{"PIN":3,"order":4}}"#;
    let masked = keeping.masks.find(text).unwrap().pieces().collect::<Vec<_>>().concat();
    let masked: serde_json::Value = serde_json::from_slice(&masked).unwrap();
    let gone = ["/context/pin", "/resource/card/number", "/subject/PIN"];
    assert!(gone.iter().all(|place| masked.pointer(place).unwrap().is_object()), "{masked}");
    assert_eq!((&masked["resource"]["card"]["name"], &masked["subject"]["order"]), (&"x".into(), &4.into()));
}

#[test]
fn scopes_are_of_three_forms() {
    for (text, expected) in [
        ("*", Some(Scope::All)),
        ("shop/*", Some(Scope::Server(server("shop")))),
        ("shop/pay", Some(Scope::Tool(server("shop"), "pay".into()))),
        ("shop/a/b *", Some(Scope::Tool(server("shop"), "a/b *".into()))),
        ("", None),
        ("shop", None),
        ("shop/", None),
        ("*/pay", None),
        ("Shop/pay", None),
        ("/pay", None),
    ] {
        assert_eq!(Scope::parse(text), expected, "{text}");
    }
    for level in Level::ALL {
        assert_eq!(Level::parse(level.name()), Some(level));
    }
    assert!(Level::parse("none").is_none() && Level::Commitment < Level::Arguments && Level::Arguments < Level::Results);
}
