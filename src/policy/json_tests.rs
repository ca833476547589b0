//! What means the same is the same, whatever it looks like; what differs anywhere is not.

use proptest::prelude::*;
use serde_json::Value;

use super::Json;

fn canonical(text: &str) -> String {
    Json::parse(text).unwrap_or_else(|misread| panic!("{text}: {misread:?}")).canonical()
}

#[test]
fn white_space_order_and_escapes_do_not_matter() {
    let same = [
        (r#"{"b":1,"a":[true,null,{}]}"#, " {\n\"a\" : [ true , null,{ } ]\t, \"b\":1 }\r\n"),
        (r#""caf\u00e9 \u0041\/\ud83d\ude42""#, "\"café A/🙂\""),
        (r#"{"\u0061":{}}"#, r#"{"a":{}}"#),
        (r#""\u202e\u0000""#, "\"\u{202e}\\u0000\""),
        ("[]", " [ ] "),
    ];
    for (one, other) in same {
        assert_eq!(canonical(one), canonical(other), "{one}");
    }
}

#[test]
fn everything_else_matters() {
    let different = [
        ("1", "1.0"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("9007199254740993", "9007199254740992"),
        (r#""1""#, "1"),
        ("null", r#""null""#),
        ("[1,2]", "[2,1]"),
        ("[[1],2]", "[1,[2]]"),
        ("[]", "{}"),
        (r#"{"a":1}"#, r#"{"A":1}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
        (r#"{"a,b":1}"#, r#"{"a":"b:1"}"#),
        (r#"["a\",\"b"]"#, r#"["a","b"]"#),
        ("\"e\u{301}\"", "\"é\""),
        ("\"a\u{200b}\"", "\"a\""),
    ];
    for (one, other) in different {
        assert_ne!(canonical(one), canonical(other), "{one}");
    }
}

#[test]
fn what_readers_take_differently_is_refused_with_its_place() {
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let cases = [
        (r#"{"a":1,"a":2}"#, 7, "twice"),
        (r#"[{"x":{"a":1,"\u0061":2}}]"#, 13, "the key `a` twice"),
        (r#"["\ud800"]"#, 1, "surrogate"),
        (r#"{"\udc00":1}"#, 1, "surrogate"),
        ("{\n  \"a\": 1,\n}", 13, "not JSON"),
        ("[1,]", 3, "not JSON"),
        ("{} {}", 3, "not JSON"),
        ("01", 1, "not JSON"),
        (&deep, 128, "too deep"),
    ];
    for (text, offset, reason) in cases {
        let misread = Json::parse(text).expect_err(text);
        assert!(misread.reason.contains(reason), "{text}: {misread:?}");
        assert!(misread.offset.abs_diff(offset) <= 1, "{text}: {misread:?}");
    }
}

#[test]
fn what_is_written_out_shows_what_a_reader_would_not_see() {
    let text = "{\"z\":\"tag\u{e0041}, turn\u{202e}, quote\\\", ok é\",\"a\":[],\"n\":[1.50,{\"b\":{}}]}";
    let pretty = Json::parse(text).unwrap().pretty(0);
    let expected = "{\n  \"z\": \"tag\\udb40\\udc41, turn\\u202e, quote\\\", ok é\",\n  \"a\": [],\n  \"n\": [\n    1.50,\n    {\n      \"b\": {}\n    }\n  ]\n}";
    assert_eq!(pretty, expected);
    assert_eq!(canonical(&pretty), canonical(text));
}

/// Any value of a few levels.
pub(in super::super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a\"\\\\/\u{202e}\u{0}\n,:{}\\[\\] ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![any::<String>(), "[ab\"\\\\]{0,3}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The value as somebody else would write it: other white space, other order of keys, other escapes. `dice` is what they roll.
pub(in super::super) fn rewritten(value: &Value, dice: &mut impl Iterator<Item = u8>) -> String {
    fn space(dice: &mut impl Iterator<Item = u8>) -> &'static str {
        ["", " ", "\n\t", "\r\n  "][usize::from(dice.next().unwrap_or(0) % 4)]
    }
    match value {
        Value::String(text) => {
            let letter = |letter: char| match dice.next().unwrap_or(0) % 3 {
                0 => letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
                _ if letter == '"' => "\\\"".to_owned(),
                _ => serde_json::to_string(&letter).unwrap().trim_matches('"').to_owned(),
            };
            format!("\"{}\"", text.chars().map(letter).collect::<String>())
        }
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| format!("{}{}{}", space(dice), rewritten(item, dice), space(dice))).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    let key = rewritten(&Value::from(key.as_str()), dice);
                    format!("{}{key}{}:{}{}", space(dice), space(dice), space(dice), rewritten(value, dice))
                })
                .collect();
            let turns = usize::from(dice.next().unwrap_or(0)) % members.len().max(1);
            members.rotate_left(turns);
            format!("{{{}{}}}", members.join(","), space(dice))
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn a_value_that_is_written_differently_is_the_same(value in any_json(), dice in prop::collection::vec(any::<u8>(), 200)) {
        let text = value.to_string();
        let other = rewritten(&value, &mut dice.into_iter().cycle());
        prop_assert_eq!(canonical(&text), canonical(&other), "{}", other);
        prop_assert_eq!(canonical(&Json::parse(&other).unwrap().pretty(2)), canonical(&text));
        prop_assert_eq!(serde_json::from_str::<Value>(&canonical(&other)).unwrap(), value);
    }

    #[test]
    fn values_that_differ_are_not_the_same(one in any_json(), other in any_json()) {
        prop_assert_eq!(canonical(&one.to_string()) == canonical(&other.to_string()), one == other);
    }

    #[test]
    fn any_text_is_refused_or_keeps_its_meaning(text in "[{}\\[\\]\",:0-9a\\\\ untrefals.-]{0,40}") {
        let meaning = |text: &str| serde_json::from_str::<Value>(text).ok();
        if let Ok(json) = Json::parse(&text) {
            prop_assert_eq!(meaning(&json.canonical()), meaning(&text));
        }
    }
}
