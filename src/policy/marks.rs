//! What Cedar's types of arguments cannot say, as annotations in schema files: `@default("7")` and `@others("hidden")`.
//!
//! `schema generate` writes them, so that an author who keeps what it printed does not change what a call may be. What they mean is in
//! `docs/argument-types.md`.

use serde_json::Value;

use super::input::{Author, convert};
use super::ty::{Field, Others, Ty};

/// The longest default, in bytes: a call may have it thousands of times, once an element of a set.
pub(super) const MAX_DEFAULT: usize = 1024;

/// The attribute of a record whose type is `ty` and whose declaration is `declared`.
///
/// # Errors
///
/// A sentence when an annotation does not fit the type.
pub(super) fn field(name: &str, ty: Ty, declared: &Value) -> Result<Field, String> {
    let required = declared.get("required") != Some(&Value::Bool(false));
    let Some(default) = annotation(declared, "default") else { return Ok(Field::new(ty, required)) };
    if default.len() > MAX_DEFAULT {
        return Err(format!("the `@default` of `{name}` is longer than 1 KiB"));
    }
    convert(Some(default.as_bytes()), &ty, Author::Anybody)
        .map_err(|unfit| format!("the `@default` of `{name}` is not of its type: {unfit}"))?;
    // Where the default stands for an absent key, only null is left to mean that there is none.
    Ok(Field { ty, required: false, nullable: !required, default: Some(default.into()) })
}

/// The type, with the record in it opened if the declaration says so.
///
/// # Errors
///
/// A sentence when it says something else about other keys, or there is no record.
pub(super) fn others(ty: Ty, declared: &Value) -> Result<Ty, String> {
    match annotation(declared, "others") {
        None => Ok(ty),
        Some("hidden") => opened(ty).ok_or_else(|| "`@others` belongs to a record or a set of records".to_owned()),
        Some(other) => Err(format!("`@others(\"{other}\")` means nothing: write `@others(\"hidden\")` or leave it out")),
    }
}

fn opened(ty: Ty) -> Option<Ty> {
    match ty {
        Ty::Record(mut record) => {
            record.others = Others::Hidden;
            Some(Ty::Record(record))
        }
        Ty::Set(element) => opened(*element).map(|element| Ty::Set(Box::new(element))),
        _ => None,
    }
}

fn annotation<'v>(declared: &'v Value, name: &str) -> Option<&'v str> {
    declared.get("annotations")?.get(name)?.as_str()
}
