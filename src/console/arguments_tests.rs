//! Tests of how arguments are shown.

use super::{by_schema, changes, laid_out};

#[test]
fn a_text_is_laid_out_letter_for_letter() {
    let cases = [
        ("{}", "{}"),
        ("[]", "[]"),
        ("1e21", "1e21"),
        (
            r#"{"a":1.0,"b":[1,{"c":"x, {y}: \"z\\"}]}"#,
            "{\n  \"a\": 1.0,\n  \"b\": [\n    1,\n    {\n      \"c\": \"x, {y}: \\\"z\\\\\"\n    }\n  ]\n}",
        ),
        (r#"{"a":[],"b":{}}"#, "{\n  \"a\": [],\n  \"b\": {}\n}"),
    ];
    for (text, expected) in cases {
        let (lines, cut) = laid_out(text);
        assert_eq!((lines.join("\n").as_str(), cut), (expected, false));
    }
}

#[test]
fn a_text_without_end_is_cut_and_that_is_said() {
    let (lines, cut) = laid_out(&format!("[{}1]", "1,".repeat(5_000)));
    assert!(cut && lines.len() == 2_000);
}

#[test]
fn arguments_come_in_the_order_of_the_schema_and_unknown_ones_last() {
    let schema = br#"{"type":"object","properties":{
        "order":{"title":"Order","description":"Which order"}, "amount":{"type":"integer"}, "note":{}}}"#;
    let fields = by_schema(r#"{"amount":12.50,"evil":true,"order":"o-1"}"#, Some(schema)).unwrap();
    let told: Vec<(&str, Option<&str>, bool)> =
        fields.iter().map(|field| (field.name.as_str(), field.given.as_deref(), field.is_known)).collect();
    assert_eq!(
        told,
        [("order", Some("\"o-1\""), true), ("amount", Some("12.50"), true), ("note", None, true), ("evil", Some("true"), false)]
    );
    assert_eq!((fields[0].title.as_deref(), fields[0].description.as_deref()), (Some("Order"), Some("Which order")));
    assert!(by_schema("[1]", Some(schema)).is_none());
    assert_eq!(by_schema("{\"a\":1}", Some(b"not json")).unwrap().len(), 1);
}

#[test]
fn differences_are_told_place_by_place() {
    let told = |before, now| {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let (changes, more) = changes(before, now);
        assert!(!more);
        changes
            .into_iter()
            .map(|change| format!("{} {} {}", change.place, text(change.before), text(change.now)))
            .collect::<Vec<_>>()
    };
    assert!(told(r#"{"a":1}"#, r#"{"a":1}"#).is_empty());
    assert_eq!(told(r#"{"a":1,"b":2}"#, r#"{"a":1,"c":[true]}"#), ["/b 2 -", "/c/0 - true"]);
    assert_eq!(told(r#"{"a":{"x":"1"}}"#, r#"{"a":{"x":1}}"#), ["/a/x \"1\" 1"]);
    assert_eq!(told(r#"{"a":[]}"#, r#"{"a":{}}"#), ["/a [] {}"]);
    assert_eq!(told(r#"{"a/b":1}"#, r#"{"a":{"b":1}}"#), ["/a/b - 1", "/a~1b 1 -"]);
}

#[test]
fn more_differences_than_anybody_reads_are_cut_and_that_is_said() {
    let (changes, more) = changes("[]", &format!("[{}1]", "1,".repeat(1_000)));
    assert!(more && changes.len() == 500);
}
