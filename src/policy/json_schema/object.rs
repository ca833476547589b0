//! Records: the properties of an object, and what becomes of keys that are not among them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::super::input::{Author, convert};
use super::super::ty::{Field, Fields, Others, Record, Ty};
use super::document::{Node, shortened};
use super::mapper::{Mapper, Shape, TOO_DEEP, is_never};
use super::place::Place;

/// The keywords by which a schema may have properties that are not in its `properties`, or `properties` itself.
pub(super) const BRINGS_PROPERTIES: [&str; 12] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
];
/// The longest `default` that is filled in, in bytes. A call may have it thousands of times, once an element.
const MAX_DEFAULT: usize = 1024;
/// The most combinations one inside the other that are looked into.
const MAX_COMBINED: u32 = 64;
/// The most names in a note.
const MAX_NAMED: usize = 5;

impl<'d, 'a> Mapper<'d, 'a> {
    /// An object with named properties.
    pub(super) fn object(&mut self, node: &'d Node<'a>, levels: u32, place: &Place<'_>) -> Shape {
        let Some(levels) = levels.checked_sub(1) else { return self.hide(place, TOO_DEEP).into() };
        let required = self.required(node);
        let combined = self.combined_properties(node);
        let others = if is_open(node) || combined.any { Others::Hidden } else { Others::Refused };
        let mut fields = Fields::new();
        for (name, schema) in node.get("properties").map(Node::members).unwrap_or_default() {
            let property = Property { name, schema, is_required: required.contains(&**name) };
            if let Some(field) = self.property(&property, others, levels, place) {
                self.add(&mut fields, name, field);
            }
        }
        if others == Others::Hidden {
            self.note(place, "takes further keys, which policies cannot see");
        }
        let unnamed = |name: &String| !is_property(node, name);
        self.hidden(&mut fields, combined.names.into_iter().filter(unnamed), place, "has properties in a combination of schemas");
        self.hidden(&mut fields, required.into_iter().filter(unnamed), place, "requires keys without saying what they are");
        Ty::Record(Record { fields, others }).into()
    }

    fn property(&mut self, property: &Property<'_, 'd, 'a>, others: Others, levels: u32, place: &Place<'_>) -> Option<Field> {
        let Property { name, schema, is_required } = *property;
        let place = place.property(name);
        if is_never(schema) {
            // What is not in a closed record is refused when it is given, which is what the schema says.
            return (others == Others::Hidden).then(|| {
                let ty = self.hide(&place, "must not be given, which only the server can refuse");
                Field::new(ty, false)
            });
        }
        let Shape { ty, nullable } = self.schema(schema, levels, &place);
        if !ty.is_visible() {
            return Some(Field::new(Ty::Hidden, is_required));
        }
        let default = schema.get("default").and_then(|default| self.default(default, &ty, &place));
        Some(Field { ty, required: is_required, nullable, default })
    }

    /// A `default` that stands for an absent key. Null means that there is none.
    fn default(&mut self, default: &Node<'a>, ty: &Ty, place: &Place<'_>) -> Option<Arc<str>> {
        let text = default.text();
        let place = place.keyword("default");
        if text == "null" {
            return None;
        }
        if text.len() > MAX_DEFAULT {
            self.note(&place, "counts as absent when it is not given: its `default` is longer than 1 KiB");
            return None;
        }
        if convert(Some(text.as_bytes()), ty, Author::Anybody).is_err() {
            self.note(&place, "counts as absent when it is not given: its `default` is not of its type");
            return None;
        }
        self.budget.take_bytes(text.len()).then(|| text.into())
    }

    /// The names in `required`.
    fn required(&mut self, node: &Node<'a>) -> BTreeSet<String> {
        let listed = node.get("required").map(Node::elements).unwrap_or_default();
        let there =
            self.budget.take_listed(listed.len()) && self.budget.take_bytes(listed.iter().map(|name| name.text().len()).sum());
        listed.iter().filter(|_| there).filter_map(Node::string).collect()
    }

    /// Adds properties that are known by their names alone: a call may have them, and policies cannot see them.
    fn hidden(&mut self, fields: &mut Fields, names: impl Iterator<Item = String>, place: &Place<'_>, what: &str) {
        let new: BTreeSet<String> = names.filter(|name| !fields.contains_key(name)).collect();
        if new.is_empty() {
            return;
        }
        let shown: Vec<String> = new.iter().take(MAX_NAMED).map(|name| format!("`{}`", shortened(name))).collect();
        let more = if new.len() > MAX_NAMED { " and more" } else { "" };
        self.note(place, format!("{what}, which policies cannot see: {}{more}", shown.join(", ")));
        for name in new {
            self.add(fields, &name, Field::new(Ty::Hidden, false));
        }
    }

    fn add(&mut self, fields: &mut Fields, name: &str, field: Field) {
        if self.budget.take_bytes(name.len()) {
            fields.insert(name.to_owned(), field);
        }
    }

    /// The properties that only combinations inside a schema name.
    fn combined_properties(&mut self, node: &'d Node<'a>) -> Combined<'a> {
        let mut found = Combined::default();
        // Then the server takes nothing but what is in `properties`, whatever else it names.
        if !node.get("additionalProperties").is_some_and(is_never) {
            self.look_into(node, &mut found, MAX_COMBINED);
        }
        found
    }

    fn look_into(&mut self, node: &'d Node<'a>, found: &mut Combined<'a>, levels: u32) {
        let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| node.get(keyword));
        let single = ["if", "then", "else"].into_iter().filter_map(|keyword| node.get(keyword));
        let by_name = ["dependentSchemas", "dependencies"].into_iter().filter_map(|keyword| node.get(keyword));
        let schemas = lists.flat_map(Node::elements).chain(single);
        let schemas = schemas.chain(by_name.flat_map(Node::members).map(|(_, schema)| schema));
        for schema in schemas {
            self.gather(schema, found, levels);
        }
    }

    /// The properties of a schema that stands in a combination.
    fn gather(&mut self, node: &'d Node<'a>, found: &mut Combined<'a>, levels: u32) {
        if !found.seen.insert(std::ptr::from_ref(node)) {
            return;
        }
        let Some(levels) = levels.checked_sub(1).filter(|_| self.budget.take_part()) else {
            found.any = true;
            return;
        };
        if let Some(reference) = node.get("$ref") {
            match self.target(reference) {
                Ok((target, _)) => self.gather(target, found, levels),
                Err(_) => found.any = true,
            }
        }
        found.any |= is_open(node);
        let properties = node.get("properties").map(Node::members).unwrap_or_default();
        let names = properties.iter().map(|(name, _)| name.clone().into_owned());
        if self.budget.take_listed(properties.len())
            && self.budget.take_bytes(properties.iter().map(|(name, _)| name.len()).sum())
        {
            found.names.extend(names);
        }
        found.names.extend(self.required(node));
        self.look_into(node, found, levels);
    }
}

/// One entry of `properties`.
struct Property<'n, 'd, 'a> {
    name: &'n str,
    schema: &'d Node<'a>,
    is_required: bool,
}

/// What the schemas in a combination name.
#[derive(Default)]
struct Combined<'a> {
    names: BTreeSet<String>,
    /// The schemas that were looked into.
    seen: HashSet<*const Node<'a>>,
    /// One of them takes any key, or cannot be looked into.
    any: bool,
}

/// Whether a schema says itself that it takes keys which it does not name.
fn is_open(node: &Node<'_>) -> bool {
    let takes = |keyword: &str| node.get(keyword).is_some_and(|schema| !is_never(schema));
    let patterns = node.get("patternProperties").is_some_and(|patterns| !patterns.members().is_empty());
    patterns || takes("additionalProperties") || (takes("unevaluatedProperties") && node.get("additionalProperties").is_none())
}

fn is_property(node: &Node<'_>, name: &str) -> bool {
    node.get("properties").is_some_and(|properties| properties.get(name).is_some())
}
