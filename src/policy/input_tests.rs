//! Hostile and borderline values: exact or refused, and never anything that the type does not ask for.

use std::collections::BTreeMap;

use cedar_policy::{Context, EvalResult, RestrictedExpression};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Author, Field, Fields, Others, Record, Ty, attributes, convert, scaled};

fn record(fields: &[(&str, Ty, bool)]) -> Ty {
    Ty::Record(Record::closed(
        fields.iter().map(|(name, ty, required)| ((*name).to_owned(), Field::new(ty.clone(), *required))).collect(),
    ))
}

fn one(ty: Ty) -> Ty {
    record(&[("v", ty, true)])
}

/// A value as a policy would see it.
fn shown(value: RestrictedExpression) -> String {
    Context::from_pairs([("input".to_owned(), value)]).unwrap().get("input").unwrap().to_string()
}

/// What a policy would see of `{"v": …}`, or why it sees nothing.
fn seen(ty: Ty, json: &str) -> String {
    match convert(Some(format!("{{\"v\":{json}}}").as_bytes()), &one(ty), Author::Anybody) {
        Ok(value) => shown(value),
        Err(unfit) => unfit.to_string(),
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    for (json, long, decimal) in [
        ("5", Some(5), Some("5.0000")),
        ("5.0", Some(5), Some("5.0000")),
        ("5.10", None, Some("5.1000")),
        ("-0", Some(0), Some("0.0000")),
        ("-0.0001", None, Some("-0.0001")),
        ("0.00001", None, None),
        ("0.1", None, Some("0.1000")),
        ("1e3", Some(1000), Some("1000.0000")),
        ("1E+3", Some(1000), Some("1000.0000")),
        ("1e-3", None, Some("0.0010")),
        ("100e-2", Some(1), Some("1.0000")),
        ("9223372036854775807", Some(i64::MAX), None),
        ("9223372036854775807.0", Some(i64::MAX), None),
        ("9223372036854775808", None, None),
        ("-9223372036854775808", Some(i64::MIN), None),
        ("-9223372036854775809", None, None),
        ("922337203685477.5807", None, Some("922337203685477.5807")),
        ("-922337203685477.5808", None, Some("-922337203685477.5808")),
        ("922337203685477.5808", None, None),
        ("1e999999999999999999", None, None),
        ("1e-99999999999", None, None),
        ("0e99999999999", Some(0), Some("0.0000")),
        ("9007199254740993", Some(9_007_199_254_740_993), Some("9007199254740993.0000")),
    ] {
        let decimal = decimal.filter(|_| json != "9007199254740993");
        let expected = long.map_or("`/v` is not an integer of 64 bits".to_owned(), |long| format!("{{\"v\": {long}}}"));
        assert_eq!(seen(Ty::Long, json).replace("(", "").replace(")", ""), expected, "{json} as Long");
        let expected = decimal.map_or("`/v` is not a number with at most 4 decimal places".to_owned(), |text| {
            format!("{{\"v\": decimal(\"{text}\")}}")
        });
        assert_eq!(seen(Ty::Decimal, json), expected, "{json} as decimal");
    }
    assert_eq!(scaled("12a", 0), None);
}

#[test]
fn other_types_take_their_own_kind_and_nothing_else() {
    for (ty, good, bad) in [
        (Ty::Bool, vec!["true", "false"], vec!["1", "\"true\"", "null", "[]", "{}"]),
        (Ty::Str, vec!["\"\"", "\"\\u00e4\\n\"", "\"\\ud83d\\ude00\""], vec!["1", "null", "\"\\ud800\"", "[\"a\"]", "{\"a\":1}"]),
        (Ty::Long, vec!["1"], vec!["\"1\"", "true", "null"]),
        (Ty::Decimal, vec!["1.5"], vec!["\"1.5\"", "{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.5\"}}"]),
        (Ty::Datetime, vec!["\"2026-03-02\"", "\"2026-03-02T10:00:00Z\""], vec!["\"yesterday\"", "1", "\"2026-02-30\""]),
        (Ty::Duration, vec!["\"1h30m\""], vec!["\"long\"", "5"]),
        (Ty::Ip, vec!["\"10.0.0.1\"", "\"::1\"", "\"10.0.0.0/8\""], vec!["\"10.0.0\"", "\"localhost\"", "1"]),
        (Ty::Set(Box::new(Ty::Long)), vec!["[]", "[1,1,2]"], vec!["[1,\"2\"]", "{}", "[null]", "1"]),
        (
            Ty::Entity("Mcp::User".parse().unwrap()),
            vec![],
            vec!["{\"type\":\"Mcp::User\",\"id\":\"a\"}", "{\"__entity\":{\"type\":\"Mcp::User\",\"id\":\"a\"}}", "\"a\""],
        ),
    ] {
        let fits = |json: &str| convert(Some(format!("{{\"v\":{json}}}").as_bytes()), &one(ty.clone()), Author::Anybody).is_ok();
        good.iter().for_each(|json| assert!(fits(json), "{json} as {ty:?}"));
        bad.iter().for_each(|json| assert!(!fits(json), "{json} as {ty:?}"));
    }
}

#[test]
fn the_place_is_named_as_a_json_pointer() {
    let inner = record(&[("a/b", Ty::Set(Box::new(Ty::Long)), true), ("~", Ty::Long, false)]);
    assert_eq!(seen(inner.clone(), r#"{"a/b":[1,"x"]}"#), "`/v/a~1b/1` is not an integer of 64 bits");
    assert_eq!(seen(inner.clone(), r#"{"a/b":[],"~":true}"#), "`/v/~0` is not an integer of 64 bits");
    assert_eq!(seen(inner, r#"{"~":1}"#), "`/v/a~1b` is required and missing");
}

#[test]
fn absent_arguments_are_an_empty_record_and_null_is_absent_only_where_it_may_be() {
    let optional = record(&[("v", Ty::Long, false)]);
    assert_eq!(shown(convert(None, &optional, Author::Anybody).unwrap()), "{}");
    assert_eq!(shown(convert(Some(br#"{"v":null}"#), &optional, Author::Anybody).unwrap()), "{}");
    assert_eq!(convert(None, &one(Ty::Long), Author::Anybody).unwrap_err().to_string(), "`/v` is required and missing");
    assert!(convert(Some(b"null"), &optional, Author::Anybody).is_err());
}

#[test]
fn what_is_absent_is_what_the_schema_says_it_is() {
    let field =
        |default: Option<&str>, nullable| Field { default: default.map(Into::into), nullable, ..Field::new(Ty::Long, false) };
    for (field, absent, null) in [
        (Field::new(Ty::Long, true), "`/v` is required and missing", "`/v` is not an integer of 64 bits"),
        (Field { nullable: true, ..Field::new(Ty::Long, true) }, "`/v` is required and missing", "{}"),
        (field(None, false), "{}", "{}"),
        (field(Some("7"), false), "{\"v\": 7}", "`/v` is not an integer of 64 bits"),
        (field(Some("7"), true), "{\"v\": 7}", "{}"),
    ] {
        let ty = Ty::Record(Record::closed([("v".to_owned(), field)].into()));
        let seen = |text: &[u8]| convert(Some(text), &ty, Author::Anybody).map_or_else(|unfit| unfit.to_string(), shown);
        assert_eq!((seen(b"{}"), seen(br#"{"v":null}"#)), (absent.to_owned(), null.to_owned()), "{ty:?}");
    }
}

#[test]
fn what_is_hidden_may_be_anything_and_is_not_shown() {
    let hidden = [
        ("a", Field::new(Ty::Hidden, true)),
        ("b", Field::new(Ty::Set(Box::new(Ty::Hidden)), true)),
        ("v", Field::new(Ty::Long, true)),
    ];
    let fields: Fields = hidden.map(|(name, field)| (name.to_owned(), field)).into();
    let long = "x".repeat(1 << 20);
    let text = format!("{{\"v\":1,\"a\":{{\"__entity\":[1.23456789,\"{long}\"]}},\"other\":null}}");
    for (others, seen) in [(Others::Hidden, "{\"v\": 1}"), (Others::Refused, "`/other` is not in the schema")] {
        let ty = Ty::Record(Record { fields: fields.clone(), others });
        assert_eq!(convert(Some(text.as_bytes()), &ty, Author::Anybody).map_or_else(|unfit| unfit.to_string(), shown), seen);
    }
    assert!(convert(Some(b"{}"), &Ty::Hidden, Author::Anybody).is_err(), "nothing of it can be shown");
}

#[test]
fn a_listed_string_is_one_of_the_list() {
    let unit = Ty::OneOf(["eur".into(), "usd".into()].into());
    assert_eq!(seen(unit.clone(), "\"eur\""), "{\"v\": \"eur\"}");
    assert_eq!(seen(unit.clone(), "\"EUR\""), "`/v` is none of the values that the schema lists");
    assert_eq!(seen(unit, "1"), "`/v` is not a string");
}

#[test]
fn reserved_keys_are_keys_like_any_other() {
    let ty = record(&[("__entity", Ty::Str, true), ("__extn", Ty::Long, true), ("", Ty::Bool, true)]);
    let value = convert(Some(br#"{"__entity":"a","__extn":1,"":true}"#), &ty, Author::Anybody).unwrap();
    let context = Context::from_pairs([("input".to_owned(), value)]).unwrap();
    let Some(EvalResult::Record(input)) = context.get("input") else { panic!("a record") };
    assert_eq!(input.get("__entity"), Some(&EvalResult::String("a".to_owned())));
}

#[test]
fn a_key_twice_is_refused_however_it_is_spelled() {
    for json in [r#"{"v":1,"v":1}"#, r#"{"v":1,"\u0076":2}"#] {
        assert_eq!(
            convert(Some(json.as_bytes()), &one(Ty::Long), Author::Anybody).unwrap_err().to_string(),
            "`/` has a key twice",
            "{json}"
        );
    }
}

#[test]
fn everything_has_a_limit() {
    let nested = |levels: usize| (1..levels).fold(Ty::Long, |ty, _| Ty::Set(Box::new(ty)));
    let text = |levels: usize| format!("{}1{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(seen(nested(16), &text(16)).starts_with('{'));
    assert!(seen(nested(17), &text(17)).ends_with("is nested more than 16 levels deep"));
    let numbers = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(seen(Ty::Set(Box::new(Ty::Long)), &numbers(4000)).starts_with('{'));
    assert!(seen(Ty::Set(Box::new(Ty::Long)), &numbers(4096)).ends_with("has more than 4096 values"));
    let string = |length: usize| format!("\"{}\"", "x".repeat(length));
    assert!(seen(Ty::Str, &string(64 << 10)).starts_with('{'));
    assert!(seen(Ty::Str, &string((64 << 10) + 1)).ends_with("is longer than 64 KiB"));
    assert!(
        seen(Ty::Set(Box::new(Ty::Str)), &format!("[{}]", vec![string(60 << 10); 5].join(",")))
            .ends_with("is one of strings that together are longer than 256 KiB")
    );
    let deep = "[".repeat(100_000);
    assert!(convert(Some(deep.as_bytes()), &one(Ty::Long), Author::Anybody).is_err());
}

#[test]
fn an_operator_may_use_cedars_explicit_forms_for_the_type_that_the_schema_asks_for() {
    let fields = |ty: Ty| Fields::from([("v".to_owned(), Field::new(ty, true))]);
    let user = || Ty::Entity("Mcp::User".parse().unwrap());
    for (ty, json, fits) in [
        (user(), r#"{"type":"Mcp::User","id":"a"}"#, true),
        (user(), r#"{"__entity":{"type":"Mcp::User","id":"a"}}"#, true),
        (user(), r#"{"type":"Mcp::Role","id":"a"}"#, false),
        (user(), r#"{"type":"Mcp::User","id":"a","x":1}"#, false),
        (Ty::Ip, r#"{"__extn":{"fn":"ip","arg":"10.0.0.1"}}"#, true),
        (Ty::Ip, r#"{"__extn":{"fn":"unknown","arg":"10.0.0.1"}}"#, false),
        (Ty::Ip, r#"{"__extn":{"fn":"decimal","arg":"1.0"}}"#, false),
        (Ty::Decimal, r#""1.5""#, true),
        (Ty::Decimal, r#"{"__extn":{"fn":"unknown","arg":"1.5"}}"#, false),
        (Ty::Str, r#"{"__extn":{"fn":"unknown","arg":"x"}}"#, false),
        (Ty::Str, r#"{"__entity":{"type":"Mcp::User","id":"a"}}"#, false),
    ] {
        assert_eq!(attributes(&format!("{{\"v\":{json}}}"), &fields(ty.clone()), false).is_ok(), fits, "{json} as {ty:?}");
    }
}

/// Types as an author can write them for arguments.
fn any_type() -> impl Strategy<Value = Ty> {
    let leaf = prop::sample::select(vec![Ty::Bool, Ty::Long, Ty::Str, Ty::Decimal, Ty::Datetime, Ty::Duration, Ty::Ip]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let field = (inner.clone(), any::<bool>()).prop_map(|(ty, required)| Field::new(ty, required));
        prop_oneof![
            inner.prop_map(|ty| Ty::Set(Box::new(ty))),
            prop::collection::btree_map(key(), field, 0..3).prop_map(|fields| Ty::Record(Record::closed(fields))),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "__entity", "__extn", "type", "id", "fn", "arg"]).prop_map(str::to_owned)
}

/// JSON with a taste for what has a meaning to Cedar.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        prop::sample::select(vec!["x", "unknown", "1.5", "10.0.0.1", "2026-03-02", "1h"]).prop_map(Value::from),
        Just(json!({"__extn": {"fn": "unknown", "arg": "x"}})),
        Just(json!({"__extn": {"fn": "ip", "arg": "10.0.0.1"}})),
        Just(json!({"__entity": {"type": "Mcp::User", "id": "x"}})),
        Just(json!({"type": "Mcp::User", "id": "x"})),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key(), inner, 0..3)
                .prop_map(|map: BTreeMap<_, _>| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A JSON value that has a chance to be of a type.
fn json_for(ty: &Ty) -> BoxedStrategy<Value> {
    let fitting = match ty {
        Ty::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Ty::Long => any::<i64>().prop_map(Value::from).boxed(),
        Ty::Str => "[a-z_]{0,8}".prop_map(Value::from).boxed(),
        Ty::Decimal => Just(json!(1.5)).boxed(),
        Ty::Datetime => Just(json!("2026-03-02")).boxed(),
        Ty::Duration => Just(json!("1h")).boxed(),
        Ty::Ip => Just(json!("10.0.0.1")).boxed(),
        Ty::Entity(_) => any_json().boxed(),
        Ty::Set(element) => prop::collection::vec(json_for(element), 0..3).prop_map(Value::from).boxed(),
        Ty::OneOf(_) | Ty::Hidden => any_json().boxed(),
        Ty::Record(Record { fields, .. }) => {
            let members: Vec<_> = fields.iter().map(|(name, field)| (Just(name.clone()), json_for(&field.ty))).collect();
            members.prop_map(|members| Value::Object(members.into_iter().collect())).boxed()
        }
    };
    prop_oneof![9 => fitting, 1 => any_json()].boxed()
}

/// Whether a value has exactly the shape of a type.
fn is_of(value: &EvalResult, ty: &Ty) -> bool {
    match (value, ty) {
        (EvalResult::Bool(_), Ty::Bool) | (EvalResult::Long(_), Ty::Long) | (EvalResult::String(_), Ty::Str) => true,
        (EvalResult::ExtensionValue(text), Ty::Decimal) => text.starts_with("decimal("),
        (EvalResult::ExtensionValue(text), Ty::Datetime) => text.contains("datetime("),
        (EvalResult::ExtensionValue(text), Ty::Duration) => text.starts_with("duration("),
        (EvalResult::ExtensionValue(text), Ty::Ip) => text.starts_with("ip("),
        (EvalResult::Set(items), Ty::Set(element)) => items.iter().all(|item| is_of(item, element)),
        (EvalResult::Record(record), Ty::Record(Record { fields, .. })) => {
            record.iter().all(|(name, value)| fields.get(name).is_some_and(|field| is_of(value, &field.ty)))
                && fields.iter().all(|(name, field)| !field.required || record.contains_attribute(name))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_converted_value_is_of_the_type_and_never_an_entity_or_an_unknown(
        (ty, json) in any_type().prop_flat_map(|ty| { let json = json_for(&ty); (Just(ty), json) })
    ) {
        let text = json!({ "v": json }).to_string();
        if let Ok(value) = convert(Some(text.as_bytes()), &one(ty.clone()), Author::Anybody) {
            let context = Context::from_pairs([("input".to_owned(), value)]).unwrap();
            // An unknown anywhere would make the context unreadable.
            let input = context.get("input").unwrap();
            prop_assert!(is_of(&input, &one(ty)), "{} became {}", text, input);
        }
    }

    #[test]
    fn no_text_at_all_makes_it_panic(text in ".{0,64}", ty in any_type()) {
        let _ = convert(Some(text.as_bytes()), &ty, Author::Anybody);
        let _ = convert(Some(format!("{{\"a\":{text}}}").as_bytes()), &one(ty), Author::Operator);
    }
}
