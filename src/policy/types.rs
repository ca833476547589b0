//! Type expressions of schemas in Cedar's JSON form, resolved to the types that values are converted by.

use serde_json::{Map, Value};

use super::marks;
use super::ty::{Field, Fields, Record, Ty};

/// How deep types may refer to each other.
pub(super) const MAX_NESTING: u32 = 32;

/// Resolves type expressions to [`Ty`], by the rules of Cedar: the own namespace, then the empty one, then what is built in.
pub(super) struct Types<'a> {
    pub(super) namespaces: &'a Map<String, Value>,
    /// The types are those of arguments, where [`marks`] say what Cedar cannot.
    pub(super) of_arguments: bool,
}

impl Types<'_> {
    pub(super) fn compile(&self, namespace: &str, ty: &Value, depth: u32) -> Result<Ty, String> {
        let depth = depth.checked_sub(1).ok_or("types are nested too deep")?;
        let compiled = self.unmarked(namespace, ty, depth)?;
        if self.of_arguments { marks::others(compiled, ty) } else { Ok(compiled) }
    }

    fn unmarked(&self, namespace: &str, ty: &Value, depth: u32) -> Result<Ty, String> {
        let text = |key: &str| ty.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "String" => Ok(Ty::Str),
            "Long" => Ok(Ty::Long),
            "Boolean" | "Bool" => Ok(Ty::Bool),
            "Set" => {
                let element = ty.get("element").ok_or("a set without a type of its elements")?;
                Ok(Ty::Set(Box::new(self.compile(namespace, element, depth)?)))
            }
            "Record" => self.record(namespace, ty, depth),
            "Entity" => self.named(namespace, text("name"), depth),
            "Extension" => builtin(text("name")).ok_or_else(|| format!("unknown extension type `{}`", text("name"))),
            "EntityOrCommon" => self.named(namespace, text("name"), depth),
            common => self.named(namespace, common, depth),
        }
    }

    fn record(&self, namespace: &str, ty: &Value, depth: u32) -> Result<Ty, String> {
        if ty.get("additionalAttributes") == Some(&Value::Bool(true)) {
            return Err("a record with `additionalAttributes` has no type".to_owned());
        }
        let mut fields = Fields::new();
        for (name, ty) in members(ty, "attributes") {
            let compiled = self.compile(namespace, &ty, depth)?;
            let field = if self.of_arguments {
                marks::field(&name, compiled, &ty)?
            } else {
                Field::new(compiled, ty.get("required") != Some(&Value::Bool(false)))
            };
            fields.insert(name, field);
        }
        Ok(Ty::Record(Record::closed(fields)))
    }

    fn named(&self, namespace: &str, name: &str, depth: u32) -> Result<Ty, String> {
        let candidates = match name.rsplit_once("::") {
            Some((space, base)) => vec![(space, base)],
            None => vec![(namespace, name), ("", name)],
        };
        for (space, base) in candidates {
            let Some(body) = self.namespaces.get(space) else { continue };
            if let Some(common) = members(body, "commonTypes").get(base) {
                return self.compile(space, common, depth);
            }
            if members(body, "entityTypes").contains_key(base) {
                return qualified(space, base).parse().map(Ty::Entity).map_err(|_| format!("`{name}` is not a type name"));
            }
        }
        builtin(name.strip_prefix("__cedar::").unwrap_or(name)).ok_or_else(|| format!("unknown type `{name}`"))
    }
}

fn builtin(name: &str) -> Option<Ty> {
    match name {
        "String" => Some(Ty::Str),
        "Long" => Some(Ty::Long),
        "Bool" | "Boolean" => Some(Ty::Bool),
        "decimal" => Some(Ty::Decimal),
        "datetime" => Some(Ty::Datetime),
        "duration" => Some(Ty::Duration),
        "ipaddr" => Some(Ty::Ip),
        _ => None,
    }
}

/// A name in a namespace, as Cedar writes it.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

/// The members of an object in an object; none when there is no such thing.
pub(super) fn members(value: &Value, key: &str) -> Map<String, Value> {
    value.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}
