//! Schemas as servers write them, and as nobody should: what becomes of each, and that every type keeps its word.

use super::super::ty::Others;
use super::*;

/// A type in a few letters: `?` is not required, `~` takes null, `=` has a default, `…` takes other keys, `_` cannot be seen.
fn compact(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "bool".to_owned(),
        Ty::Long => "long".to_owned(),
        Ty::Str => "str".to_owned(),
        Ty::OneOf(values) => values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join("|"),
        Ty::Decimal => "decimal".to_owned(),
        Ty::Set(element) => format!("[{}]", compact(element)),
        Ty::Record(record) => {
            let fields = record.fields.iter().map(|(name, field)| {
                let required = if field.required { "" } else { "?" };
                let null = if field.nullable { "~" } else { "" };
                let default = field.default.as_ref().map(|text| format!("={text}")).unwrap_or_default();
                format!("{name}{required}{null}: {}{default}", compact(&field.ty))
            });
            let others = (record.others == Others::Hidden).then(|| "…".to_owned());
            format!("{{{}}}", fields.chain(others).collect::<Vec<_>>().join(", "))
        }
        Ty::Hidden => "_".to_owned(),
        Ty::Datetime | Ty::Duration | Ty::Ip | Ty::Entity(_) => panic!("{ty:?} comes from no JSON schema"),
    }
}

fn mapped(schema: &str) -> (String, Vec<String>) {
    let Mapped { input, notes } = map(Some(schema.as_bytes()));
    (compact(&input), notes.iter().map(|note| format!("{} {}", note.pointer, note.reason)).collect())
}

/// What a schema for the argument `v` becomes.
fn value(schema: &str) -> (String, Vec<String>) {
    mapped(&format!(r#"{{"type":"object","properties":{{"v":{schema}}},"required":["v"]}}"#))
}

#[test]
fn each_kind_of_schema_has_its_type() {
    for (schema, expected) in [
        (r#"{"type":"string"}"#, "{v: str}"),
        (r#"{"type":"string","format":"date-time","pattern":"^a","minLength":3}"#, "{v: str}"),
        (r#"{"type":"integer","minimum":1}"#, "{v: long}"),
    ] {
        assert_eq!(value(schema), (expected.to_owned(), vec![]), "{schema}");
    }
}
