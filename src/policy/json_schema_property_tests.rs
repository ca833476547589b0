//! What must hold for every schema: there is a type, Cedar takes it, and what the converter takes by it Cedar takes too.

use cedar_policy::{Context, EvalResult, RestrictedExpression, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::input::{Author, convert};
use super::super::ty::Record;
use super::tests::cedar_schema;
use super::*;

/// Whether Cedar takes a value for the input of that action.
fn fits(schema: &Schema, input: RestrictedExpression) -> Result<EvalResult, String> {
    let context = Context::from_pairs([("input".to_owned(), input)]).map_err(|error| error.to_string())?;
    // An unknown anywhere would make the context unreadable.
    let seen = context.get("input").ok_or("the context cannot be read")?;
    let uid = |text: &str| text.parse().map_err(|error| format!("{error}"));
    cedar_policy::Request::new(uid("T::E::\"p\"")?, uid("T::Action::\"a\"")?, uid("T::E::\"r\"")?, context, Some(schema))
        .map_err(|error| error.to_string())?;
    Ok(seen)
}

/// Whether a value holds nothing but what the type asks for.
fn is_of(value: &EvalResult, ty: &Ty) -> bool {
    match (value, ty) {
        (EvalResult::Bool(_), Ty::Bool) | (EvalResult::Long(_), Ty::Long) | (EvalResult::String(_), Ty::Str) => true,
        (EvalResult::String(text), Ty::OneOf(values)) => values.contains(text.as_str()),
        (EvalResult::ExtensionValue(text), Ty::Decimal) => text.starts_with("decimal("),
        (EvalResult::Set(items), Ty::Set(element)) => items.iter().all(|item| is_of(item, element)),
        (EvalResult::Record(seen), Ty::Record(Record { fields, .. })) => {
            seen.iter().all(|(name, value)| fields.get(name).is_some_and(|field| is_of(value, &field.ty)))
        }
        _ => false,
    }
}

/// Names with a meaning to somebody.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "__entity", "__extn", "fn", "arg", "type", "id", "", "a b", "$ref"])
        .prop_map(str::to_owned)
}

fn object(members: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

/// Values of all kinds, with a taste for what has a meaning to Cedar.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        prop::sample::select(vec![json!(1.5), json!(0.00001), json!(1e30), json!(i64::MAX), json!(u64::MAX)]),
        prop::sample::select(vec!["x", "y", "unknown", "10.0.0.1", "2026-03-02"]).prop_map(Value::from),
        Just(json!({"__extn": {"fn": "unknown", "arg": "x"}})),
        Just(json!({"__extn": {"fn": "decimal", "arg": "1.5"}})),
        Just(json!({"__entity": {"type": "T::E", "id": "p"}})),
        Just(json!({"type": "T::E", "id": "p"})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..3).prop_map(object),
        ]
    })
}

/// Schemas that mostly mean something, each with a value that has a chance to be of it.
fn schema_and_value() -> impl Strategy<Value = (Value, Value)> {
    let scalar = prop_oneof![
        any_value().prop_map(|value| (json!({ "type": "string" }), value)),
        prop::sample::select(vec!["x", "unknown", "T::E"]).prop_map(|text| (json!({ "type": "string" }), json!(text))),
        any::<i64>().prop_map(|number| (json!({ "type": "integer" }), json!(number))),
        any::<i16>().prop_map(|number| (json!({ "type": "number" }), json!(f64::from(number) / 8.0))),
        any::<bool>().prop_map(|value| (json!({ "type": "boolean" }), json!(value))),
        prop::sample::select(vec!["x", "y", "z"]).prop_map(|text| (json!({ "enum": ["x", "y", null] }), json!(text))),
        (1..4_i64).prop_map(|number| (json!({ "enum": [1, 2, 0.5] }), json!(number))),
        any_value().prop_map(|value| (json!({ "type": ["string", "null"] }), value)),
        any_value().prop_map(|value| (json!({}), value)),
        any_value().prop_map(|value| (json!({ "$ref": "#/$defs/shared" }), value)),
        any_value().prop_map(|value| (json!(false), value)),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        let branch = inner.clone();
        prop_oneof![
            4 => record(inner.clone()),
            2 => prop::collection::vec(inner.clone(), 1..3).prop_map(|items| {
                let schema = items[0].0.clone();
                (json!({ "type": "array", "items": schema }), Value::from(items.into_iter().map(|(_, value)| value).collect::<Vec<_>>()))
            }),
            1 => inner.clone().prop_map(|(schema, value)| (json!({ "anyOf": [schema, { "type": "null" }] }), value)),
            1 => (inner.clone(), any::<bool>()).prop_map(|((schema, _), null)| {
                (json!({ "oneOf": [schema, { "type": "null" }] }), if null { Value::Null } else { json!("x") })
            }),
            1 => (branch, inner).prop_map(|((a, value), (b, _))| (json!({ "anyOf": [a, b] }), value)),
        ]
    })
}

/// An object schema with some properties, and an object that has some of them.
fn record(inner: impl Strategy<Value = (Value, Value)> + 'static) -> impl Strategy<Value = (Value, Value)> {
    let property = (inner, 0..4_u8, any::<bool>(), prop::option::weighted(0.2, any_value()));
    let others = prop::sample::select(vec![None, Some(json!(false)), Some(json!(true)), Some(json!({ "type": "string" }))]);
    let properties = prop::collection::btree_map(name(), property, 0..4);
    (properties, others, prop::option::weighted(0.2, (name(), any_value()))).prop_map(|(properties, others, extra)| {
        let mut schema = json!({ "type": "object" });
        let mut value = serde_json::Map::new();
        let mut required = Vec::new();
        let mut schemas = serde_json::Map::new();
        for (name, ((mut property, inside), there, is_required, default)) in properties {
            if there > 0 {
                value.insert(name.clone(), if there == 1 && !is_required { Value::Null } else { inside.clone() });
            }
            if is_required {
                required.push(name.clone());
            }
            if let (Some(default), Some(property)) = (default, property.as_object_mut()) {
                property.insert("default".to_owned(), if there == 0 { inside } else { default });
            }
            schemas.insert(name, property);
        }
        schema["properties"] = Value::Object(schemas);
        schema["required"] = json!(required);
        if let Some(others) = others {
            schema["additionalProperties"] = others;
        }
        value.extend(extra);
        (schema, Value::Object(value))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_converter_takes_cedar_takes_too_and_it_is_nothing_but_what_the_type_asks_for(
        (mut schema, value) in record(schema_and_value())
    ) {
        schema["$defs"] = json!({ "shared": { "properties": { "a": { "type": "string", "default": "x" }, "b": { "$ref": "#" } } } });
        let Mapped { input, .. } = map(Some(schema.to_string().as_bytes()));
        let Some(cedar) = cedar_schema(&input) else { return Ok(()) };
        for text in [value.to_string(), "{}".to_owned()] {
            if let Ok(converted) = convert(Some(text.as_bytes()), &input, Author::Anybody) {
                let seen = fits(&cedar, converted);
                prop_assert!(seen.as_ref().is_ok_and(|seen| is_of(seen, &input)), "{text} of {schema}: {seen:?}");
            }
        }
    }

    #[test]
    fn whatever_the_json_is_there_is_a_type_that_cedar_takes(schema in any_schema(), around in 0..3_u8) {
        let schema = match around {
            0 => schema,
            1 => json!({ "type": "object", "properties": schema }),
            _ => json!({ "properties": { "v": schema } }),
        };
        let Mapped { input, notes } = map(Some(schema.to_string().as_bytes()));
        prop_assert!(matches!(input, Ty::Record(_)) || (input == Ty::Hidden && !notes.is_empty()), "{}: {:?}", schema, input);
        cedar_schema(&input);
    }
}

/// Any JSON, with a taste for the keywords of JSON Schema.
fn any_schema() -> impl Strategy<Value = Value> {
    let keyword = prop::sample::select(vec![
        "type",
        "properties",
        "items",
        "prefixItems",
        "required",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "if",
        "then",
        "default",
        "$ref",
        "$defs",
        "$id",
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "dependentSchemas",
        "nullable",
        "a",
    ]);
    let word = prop::sample::select(vec![
        "string",
        "integer",
        "number",
        "object",
        "array",
        "null",
        "#",
        "#/a",
        "#/properties/a",
        "#/properties/v",
        "#/$defs/a",
        "a",
    ]);
    let leaf = prop_oneof![4 => word.prop_map(Value::from), 1 => any::<bool>().prop_map(Value::from), 1 => any_value()];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(keyword.clone().prop_map(str::to_owned), inner, 0..5).prop_map(object),
        ]
    })
}
