//! Masking: what the pointers lead to is gone, every other byte is as it was, and in doubt there is no text at all.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};

use super::walk::MAX_VALUES;

use super::*;

fn masks(pointers: &[&str]) -> Masks {
    let pointers: Vec<JsonPointer> = pointers.iter().map(|pointer| pointer.parse().unwrap()).collect();
    Masks::new(&pointers)
}

/// The masked text, with `#` for each mask, and the pointers that hit.
fn masked(pointers: &[&str], text: &str) -> Result<(String, Vec<String>), Unmaskable> {
    let masks = masks(pointers);
    let masked = masks.find(text.as_bytes())?;
    let whole = String::from_utf8(masked.pieces().collect::<Vec<_>>().concat()).unwrap();
    assert_eq!(whole.len(), masked.length());
    let hit = masked.hit.iter().map(ToString::to_string).collect();
    Ok((whole.replace(MASK, "#"), hit))
}

#[test]
fn what_a_pointer_leads_to_is_masked_and_nothing_else_moves() {
    let cases: [(&[&str], &str, &str, &[&str]); 20] = [
        (&[], r#" { "a" : 1 } "#, r#" { "a" : 1 } "#, &[]),
        (&["/a"], r#"{"a":1,"b":2}"#, r##"{"a":#,"b":2}"##, &["/a"]),
        (
            &["/a"],
            "{ \"b\":1.50,\n\t\"a\" : { \"x\":[1, 2] } , \"c\":\"\\u00e9\" }",
            "{ \"b\":1.50,\n\t\"a\" : # , \"c\":\"\\u00e9\" }",
            &["/a"],
        ),
        (&["/a/b"], r#"{"a":{"b":"x","c":"y"},"b":"z"}"#, r##"{"a":{"b":#,"c":"y"},"b":"z"}"##, &["/a/b"]),
        (&["/a/1"], r#"{"a":["x","y","z"]}"#, r##"{"a":["x",#,"z"]}"##, &["/a/1"]),
        (&["/a/1"], r#"{"a":{"1":"x","01":"y"}}"#, r##"{"a":{"1":#,"01":"y"}}"##, &["/a/1"]),
        (&["/a/01"], r#"{"a":["x","y"]}"#, r#"{"a":["x","y"]}"#, &[]),
        (&["/a/-"], r#"{"a":["x","y"]}"#, r#"{"a":["x","y"]}"#, &[]),
        (&["/a/*/c"], r#"{"a":[{"c":1},{"d":2},{"c":3}]}"#, r##"{"a":[{"c":#},{"d":2},{"c":#}]}"##, &["/a/*/c"]),
        (&["/a/*"], r#"{"a":{"x":1,"y":[2]},"b":3}"#, r##"{"a":{"x":#,"y":#},"b":3}"##, &["/a/*"]),
        (&["/*"], r#"["x","y"]"#, "[#,#]", &["/*"]),
        (&[""], r#" {"a":1} "#, " # ", &[""]),
        (&["/a", "/a/b"], r#"{"a":{"b":1}}"#, r##"{"a":#}"##, &["/a"]),
        (&["/a", "/*"], r#"{"a":1,"b":2}"#, r##"{"a":#,"b":#}"##, &["/*", "/a"]),
        (&["/none", "/a/none"], r#"{"a":"text","b":null}"#, r#"{"a":"text","b":null}"#, &[]),
        (&["/a~1b/m~0n"], r#"{"a/b":{"m~n":1}}"#, r##"{"a/b":{"m~n":#}}"##, &["/a~1b/m~0n"]),
        // However a key is written, and whoever reads it: escapes, another case, twice.
        (&["/card"], r#"{"c\u0061rd":1}"#, r##"{"c\u0061rd":#}"##, &["/card"]),
        (&["/card"], r#"{"Card":1,"CARD":2,"cards":3}"#, r##"{"Card":#,"CARD":#,"cards":3}"##, &["/card"]),
        (&["/ask"], "{\"aſK\":1}", "{\"aſK\":#}", &["/ask"]),
        (&["/card"], r#"{"card":1,"card":2}"#, r##"{"card":#,"card":#}"##, &["/card"]),
    ];
    for (pointers, text, expected, hit) in cases {
        let hit = hit.iter().map(ToString::to_string).collect();
        assert_eq!(masked(pointers, text), Ok((expected.to_owned(), hit)), "{pointers:?} in {text}");
    }
}

#[test]
fn a_text_that_cannot_be_masked_without_doubt_is_refused() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for text in [
        "",
        "x",
        "{",
        r#"{"a":1"#,
        r#"{"a":1}}"#,
        r#"{"a":1} {"a":2}"#,
        r#"{'a':1}"#,
        r#"{"a":01}"#,
        "{\"a\n\":1}",
        r#"{"\ud800":1}"#,
        &format!("{{\"a\":{}}}", deep(5).trim_start_matches("[[")),
    ] {
        assert_eq!(masked(&["/a"], text).unwrap_err(), Unmaskable::NotJson, "{text}");
    }
    assert_eq!(masks(&["/a"]).find(b"{\"a\":\"\xff\"}").unwrap_err(), Unmaskable::NotJson);
    let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
    assert_eq!(masked(&["/*"], &many).unwrap_err(), Unmaskable::TooMany);
    // What no pointer leads into may be as deep as it likes.
    let text = format!(r#"{{"a":1,"b":{}}}"#, deep(100_000));
    assert!(masked(&["/a"], &text).unwrap().0.starts_with(r##"{"a":#,"b":[[["##));
    assert_eq!(masked(&["/b"], &text).unwrap().0, r##"{"a":1,"b":#}"##);
    // Without pointers nobody has to read it.
    assert_eq!(masked(&[], "not JSON").unwrap().0, "not JSON");
}

#[test]
fn masks_add_up_and_each_stands_once() {
    let both = masks(&["/a", "/b"]).and(&masks(&["/b", "/c"]));
    assert_eq!(both, masks(&["/c", "/b", "/a"]));
    assert!(Masks::default().is_empty() && Masks::default().and(&both) == both && both.and(&Masks::default()) == both);
}

#[test]
fn of_the_arguments_of_a_meta_tool_the_part_that_is_meant_is_masked() {
    let inner: JsonPointer = "/call/arguments".parse().unwrap();
    let text = r#"{"card":1,"name":"x"}"#;
    for (pointers, expected) in [
        (&["/call/arguments/card"][..], r##"{"card":#,"name":"x"}"##),
        (&["/call/*/card", "/call/arguments/card"], r##"{"card":#,"name":"x"}"##),
        (&["/CALL/arguments/card"], r##"{"card":#,"name":"x"}"##),
        (&["/*/*/*"], r##"{"card":#,"name":#}"##),
        (&["/call/arguments"], "#"),
        (&["/call"], "#"),
        (&[""], "#"),
        (&["/card", "/call/name", "/other/arguments/card"], text),
    ] {
        let masked =
            masks(pointers).below(&inner).find(text.as_bytes()).map(|masked| masked.pieces().collect::<Vec<_>>().concat());
        assert_eq!(String::from_utf8(masked.unwrap()).unwrap().replace(MASK, "#"), expected, "{pointers:?}");
    }
    assert_eq!(masks(&["/a"]).below(&"".parse().unwrap()), masks(&["/a"]));
}

/// Masks a tree the simple way.
fn simple(value: &mut Json, steps: &[&str]) {
    let Some((step, rest)) = steps.split_first() else {
        *value = serde_json::from_str(MASK).unwrap();
        return;
    };
    match value {
        Json::Object(members) => {
            members.iter_mut().filter(|(key, _)| *step == "*" || key == step).for_each(|(_, value)| simple(value, rest))
        }
        Json::Array(elements) => elements
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| *step == "*" || at.to_string() == *step)
            .for_each(|(_, value)| simple(value, rest)),
        _ => {}
    }
}

fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        "[a-c\"\\\\{}\\[\\],:é\u{1F600}]{0,8}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|elements| json!(elements)),
            proptest::collection::btree_map("[a-c0-1\"~/]{1,2}", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

fn pointer() -> impl Strategy<Value = JsonPointer> {
    let step = prop_oneof![Just("*".to_owned()), "[a-c0-1\"]{1,2}", Just("~0".to_owned()), Just("~1".to_owned())];
    proptest::collection::vec(step, 1..4).prop_map(|steps| format!("/{}", steps.join("/")).parse().unwrap())
}

proptest! {
    #[test]
    fn masking_a_text_is_masking_what_it_means(tree in tree(), pointers in proptest::collection::vec(pointer(), 0..5), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) }.unwrap();
        let masks = Masks::new(&pointers);
        let found = masks.find(text.as_bytes()).unwrap();
        let masked = found.pieces().collect::<Vec<_>>().concat();
        let mut meant = tree;
        // The longest first: what is put in the place of a value is not looked into.
        let mut in_order: Vec<_> = pointers.iter().map(|pointer| pointer.steps().collect::<Vec<_>>()).collect();
        in_order.sort_by_key(|steps| std::cmp::Reverse(steps.len()));
        in_order.iter().for_each(|steps| simple(&mut meant, steps));
        prop_assert_eq!(serde_json::from_slice::<Json>(&masked).unwrap(), meant);
        // Every byte that is not part of a masked value is where it was.
        prop_assert!(found.values.windows(2).all(|pair| pair[0].end <= pair[1].start));
        let mut expected = Vec::new();
        let mut at = 0;
        for value in &found.values {
            expected.extend_from_slice(&text.as_bytes()[at..value.start]);
            expected.extend_from_slice(MASK.as_bytes());
            at = value.end;
        }
        expected.extend_from_slice(&text.as_bytes()[at..]);
        prop_assert_eq!(masked, expected);
        prop_assert_eq!(found.values.is_empty(), found.hit.is_empty());
    }

    #[test]
    fn no_text_makes_masking_fail_in_another_way(bytes in proptest::collection::vec(any::<u8>(), 0..200), pointer in pointer()) {
        let masks = Masks::new([&pointer]);
        if let Ok(masked) = masks.find(&bytes) {
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&bytes).is_ok());
            prop_assert!(serde_json::from_slice::<IgnoredAny>(&masked.pieces().collect::<Vec<_>>().concat()).is_ok());
        }
    }
}
