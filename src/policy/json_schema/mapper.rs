//! From the tree of a schema to a type. Each keyword that says what a value is has a method here; records are in `object`.
//!
//! Where a schema says more than one thing about a value, all of them hold, so any one of them is a type that the value has. The
//! most telling one is taken: `$ref`, then the listed values, then `type`, then combinations.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::input::{Author, convert};
use super::super::ty::Ty;
use super::document::{Fault, Node};
use super::place::Place;
use super::{Mapped, Note};

/// The most levels of records and sets, which is as many as values may have.
pub(super) const MAX_LEVELS: u32 = 16;
/// The most schemas one inside the other, references and combinations counted.
const MAX_STEPS: usize = 96;
/// The most schemas that are looked at, each time that a reference leads to them.
const MAX_PARTS: usize = 4096;
/// The most entries of lists (`required`, `enum`) that are looked at, in all.
const MAX_LISTED: usize = 1 << 16;
/// The most bytes of names, listed values and defaults in the type.
const MAX_BYTES: usize = 1 << 20;
/// The most values that a type lists.
const MAX_VALUES: usize = 1024;
/// The longest `$ref` that is followed, in bytes.
const MAX_REFERENCE: usize = 1024;
const MAX_NOTES: usize = 200;

/// Maps the tree of an input schema.
pub(super) fn map(root: &Node<'_>) -> Mapped {
    let mut mapper = Mapper { root, way: Vec::new(), identities: 0, notes: Vec::new(), budget: Budget::full() };
    let input = mapper.schema(root, MAX_LEVELS, &Place::ROOT).ty;
    if mapper.budget.is_exceeded {
        return Mapped::hidden(Fault::here("has more parts than can be looked at (4096 schemas, 1 MiB of names and values)"));
    }
    let input = match input {
        Ty::Record(_) | Ty::Hidden => input,
        _ => mapper.hide(&Place::ROOT, "is not an object"),
    };
    Mapped { input, notes: mapper.into_notes() }
}

/// What a schema says about a value.
pub(super) struct Shape {
    pub(super) ty: Ty,
    /// `null` is taken as well.
    pub(super) nullable: bool,
}

impl From<Ty> for Shape {
    fn from(ty: Ty) -> Self {
        Self { ty, nullable: false }
    }
}

pub(super) struct Mapper<'d, 'a> {
    root: &'d Node<'a>,
    /// The schemas that are being mapped, from the root to the present one: what is in here must not be entered again.
    way: Vec<&'d Node<'a>>,
    /// How many of those, other than the root, have an `$id` of their own.
    identities: usize,
    notes: Vec<Note>,
    pub(super) budget: Budget,
}

/// What is left of the limits.
pub(super) struct Budget {
    parts: usize,
    listed: usize,
    bytes: usize,
    is_exceeded: bool,
}

impl Budget {
    const fn full() -> Self {
        Self { parts: MAX_PARTS, listed: MAX_LISTED, bytes: MAX_BYTES, is_exceeded: false }
    }

    /// Takes something away; false when there is not enough left, from then on.
    fn take(&mut self, parts: usize, listed: usize, bytes: usize) -> bool {
        let left = |there: usize, taken: usize| there.checked_sub(taken);
        match (left(self.parts, parts), left(self.listed, listed), left(self.bytes, bytes)) {
            (Some(parts), Some(listed), Some(bytes)) if !self.is_exceeded => {
                *self = Self { parts, listed, bytes, is_exceeded: false };
            }
            _ => self.is_exceeded = true,
        }
        !self.is_exceeded
    }

    pub(super) fn take_part(&mut self) -> bool {
        self.take(1, 0, 0)
    }

    pub(super) fn take_listed(&mut self, entries: usize) -> bool {
        self.take(0, entries, 0)
    }

    pub(super) fn take_bytes(&mut self, bytes: usize) -> bool {
        self.take(0, 0, bytes)
    }
}

impl<'d, 'a> Mapper<'d, 'a> {
    /// What a schema says. `levels` is how many levels of records and sets the value may still have.
    pub(super) fn schema(&mut self, node: &'d Node<'a>, levels: u32, place: &Place<'_>) -> Shape {
        if !self.budget.take_part() {
            return Ty::Hidden.into();
        }
        if self.way.iter().any(|above| std::ptr::eq(*above, node)) {
            return self.hide(place, "is recursive").into();
        }
        if self.way.len() >= MAX_STEPS {
            return self.hide(place, "is reached through more than 96 schemas").into();
        }
        let identity = usize::from(!self.way.is_empty() && node.has_own_identity());
        self.way.push(node);
        self.identities += identity;
        let mut shape = self.keywords(node, levels, place);
        shape.nullable |= node.get("nullable").is_some_and(|nullable| nullable.text() == "true");
        self.identities -= identity;
        self.way.pop();
        shape
    }

    fn keywords(&mut self, node: &'d Node<'a>, levels: u32, place: &Place<'_>) -> Shape {
        if is_never(node) {
            return self.hide(place, "takes no value").into();
        }
        if node.text() == "true" || (node.is_object() && node.members().is_empty()) {
            return self.hide(place, "may be anything").into();
        }
        if !node.is_object() {
            return self.hide(place, "has no valid schema").into();
        }
        if node.get("$dynamicRef").is_some() || node.get("$recursiveRef").is_some() {
            return self.hide(place, "refers to what is only known at run time (`$dynamicRef`)").into();
        }
        if let Some(reference) = node.get("$ref") {
            return self.reference(node, reference, levels, place);
        }
        if let Some(values) = node.get("enum").filter(|values| values.is_array()) {
            return self.values(values.elements(), &place.keyword("enum"));
        }
        if let Some(value) = node.get("const") {
            return self.values(std::slice::from_ref(value), &place.keyword("const"));
        }
        match node.get("type") {
            Some(names) => self.typed(node, names, levels, place),
            None if has_properties(node) => self.object(node, levels, place),
            None if node.get("items").or_else(|| node.get("prefixItems")).is_some() => self.array(node, levels, place).into(),
            None => self.combined(node, levels, place, "does not say its type"),
        }
    }

    /// `$ref`. Drafts differ on what stands beside it: either nothing of it counts, or all. What only narrows is the same in both.
    fn reference(&mut self, node: &Node<'a>, reference: &Node<'a>, levels: u32, place: &Place<'_>) -> Shape {
        if let Some(keyword) = super::object::BRINGS_PROPERTIES.iter().find(|keyword| node.get(keyword).is_some()) {
            return self
                .hide(place, format!("has `{keyword}` beside `$ref`, which drafts of JSON Schema read differently"))
                .into();
        }
        let place = place.keyword("$ref");
        match self.target(reference) {
            Ok((target, pointer)) => self.schema(target, levels, &place.jump(&pointer)),
            Err(reason) => self.hide(&place, reason).into(),
        }
    }

    /// What a `$ref` refers to, with its JSON pointer.
    pub(super) fn target(&self, reference: &Node<'a>) -> Result<(&'d Node<'a>, String), &'static str> {
        // The same long text may be met thousands of times.
        let reference = Some(reference).filter(|reference| reference.text().len() <= MAX_REFERENCE).and_then(Node::string);
        let Some(reference) = reference else { return Err("has a `$ref` that is not a short string") };
        if !reference.starts_with('#') {
            return Err("refers to another document (`$ref`)");
        }
        if self.identities > 0 {
            return Err("refers to something from inside a schema with an `$id` of its own");
        }
        self.root.referred(&reference).ok_or("refers to something that is not in the schema (`$ref`)")
    }

    /// `enum` and `const`: a type that holds all the values, if they are of one kind.
    fn values(&mut self, values: &[Node<'a>], place: &Place<'_>) -> Shape {
        if !self.budget.take_listed(values.len()) || !self.budget.take_bytes(values.iter().map(|value| value.text().len()).sum())
        {
            return Ty::Hidden.into();
        }
        let some: Vec<&Node<'a>> = values.iter().filter(|value| value.text() != "null").collect();
        let all = |ty: &Ty| some.iter().all(|value| convert(Some(value.text().as_bytes()), ty, Author::Anybody).is_ok());
        let ty = match some.first() {
            None if values.is_empty() => self.hide(place, "takes no value"),
            None => self.hide(place, "takes nothing but null"),
            Some(first) if first.text().starts_with('"') => self.strings(&some, place),
            Some(_) => match [Ty::Bool, Ty::Long, Ty::Decimal].into_iter().find(all) {
                Some(ty) => ty,
                None => self.hide(place, "is one of several values that have no type in common"),
            },
        };
        Shape { ty, nullable: some.len() < values.len() }
    }

    fn strings(&mut self, values: &[&Node<'a>], place: &Place<'_>) -> Ty {
        if values.len() > MAX_VALUES {
            self.note(place, "may be any string to policies: more than 1024 values are listed");
            return Ty::Str;
        }
        match values.iter().map(|value| value.string().map(Into::into)).collect::<Option<BTreeSet<Box<str>>>>() {
            Some(strings) => Ty::OneOf(strings),
            None => self.hide(place, "is one of several values that have no type in common"),
        }
    }

    /// `type`: a name, or a list of names.
    fn typed(&mut self, node: &'d Node<'a>, names: &Node<'a>, levels: u32, place: &Place<'_>) -> Shape {
        // Eight is more than there are types. A name that is spelled with escapes is not known.
        let listed = names.elements().iter().take(8).chain(Some(names).filter(|names| !names.is_array()));
        let mut names: BTreeSet<&str> = listed.map(|name| name.text().trim_matches('"')).collect();
        let nullable = names.remove("null");
        if names.contains("number") {
            names.remove("integer");
        }
        let place_of_type = place.keyword("type");
        let mut shape: Shape = match names.iter().copied().collect::<Vec<_>>()[..] {
            ["string"] => Ty::Str.into(),
            ["integer"] => Ty::Long.into(),
            ["number"] => Ty::Decimal.into(),
            ["boolean"] => Ty::Bool.into(),
            ["array"] => self.array(node, levels, place).into(),
            ["object"] if has_properties(node) => self.object(node, levels, place),
            ["object"] => self.combined(node, levels, place, "is an object of any keys"),
            [] if nullable => self.hide(&place_of_type, "takes nothing but null").into(),
            [] | [_] => self.hide(&place_of_type, "has a `type` that JSON Schema does not know").into(),
            _ => self.hide(&place_of_type, "is a choice of types (`type`)").into(),
        };
        shape.nullable |= nullable;
        shape
    }

    /// `items`: a set. Its order, and how often something is in it, are lost.
    fn array(&mut self, node: &'d Node<'a>, levels: u32, place: &Place<'_>) -> Ty {
        if node.get("prefixItems").is_some() || node.get("items").is_some_and(Node::is_array) {
            return self.hide(place, "is a tuple");
        }
        let Some(items) = node.get("items") else { return self.hide(place, "is an array of anything") };
        let Some(levels) = levels.checked_sub(1) else { return self.hide(place, TOO_DEEP) };
        let place = place.items();
        let element = self.schema(items, levels, &place);
        if !element.ty.is_visible() {
            return Ty::Hidden;
        }
        if element.nullable {
            self.note(
                &place,
                "may be null, which a set cannot hold: a call with a null in it is refused where policies read the set",
            );
        }
        Ty::Set(Box::new(element.ty))
    }

    /// `anyOf`, `oneOf` and `allOf` of a schema that says nothing else; `otherwise` when it has none of them.
    fn combined(&mut self, node: &'d Node<'a>, levels: u32, place: &Place<'_>, otherwise: &'static str) -> Shape {
        for keyword in ["anyOf", "oneOf"] {
            if let Some(branches) = node.get(keyword) {
                return self.choice(keyword, branches.elements(), levels, place);
            }
        }
        match node.get("allOf").map(Node::elements) {
            Some([only]) => self.schema(only, levels, &place.branch("allOf", 0)),
            Some(_) => self.hide(&place.keyword("allOf"), "is a combination of schemas (`allOf`)").into(),
            None => self.hide(place, otherwise).into(),
        }
    }

    /// A choice of schemas can be seen when all of them, null apart, have one type.
    fn choice(&mut self, keyword: &'static str, branches: &'d [Node<'a>], levels: u32, place: &Place<'_>) -> Shape {
        if !self.budget.take_listed(branches.len()) {
            return Ty::Hidden.into();
        }
        let (nulls, others): (Vec<_>, Vec<_>) = branches.iter().enumerate().partition(|(_, branch)| is_null(branch));
        let mut nullable = !nulls.is_empty();
        let noted = self.notes.len();
        let mut joined: Option<Ty> = None;
        for (number, branch) in others.into_iter().filter(|(_, branch)| !is_never(branch)) {
            let shape = self.schema(branch, levels, &place.branch(keyword, number));
            nullable |= shape.nullable;
            joined = match joined {
                None => Some(shape.ty),
                Some(ty) => either(ty, shape.ty),
            };
            if joined.is_none() {
                self.notes.truncate(noted);
                let ty = self.hide(&place.keyword(keyword), format!("is a choice of types (`{keyword}`)"));
                return Shape { ty, nullable };
            }
        }
        let ty = joined.unwrap_or_else(|| self.hide(&place.keyword(keyword), "takes no value but null"));
        Shape { ty, nullable }
    }

    /// Hides a value, and says why.
    pub(super) fn hide(&mut self, place: &Place<'_>, reason: impl Into<Cow<'static, str>>) -> Ty {
        self.note(place, reason);
        Ty::Hidden
    }

    pub(super) fn note(&mut self, place: &Place<'_>, reason: impl Into<Cow<'static, str>>) {
        if self.notes.len() <= MAX_NOTES {
            self.notes.push(Note { argument: place.argument(), pointer: place.pointer(), reason: reason.into() });
        }
    }

    fn into_notes(mut self) -> Vec<Note> {
        if self.notes.len() > MAX_NOTES {
            self.notes.truncate(MAX_NOTES);
            self.note(&Place::ROOT, "has more than 200 parts to note: the others are not named");
        }
        self.notes
    }
}

pub(super) const TOO_DEEP: &str = "is nested more than 16 levels deep";

/// Whether a schema takes no value: `false`, or the opposite of everything, as some generators write it.
pub(super) fn is_never(node: &Node<'_>) -> bool {
    let everything = |node: &Node<'_>| node.text() == "true" || (node.is_object() && node.members().is_empty());
    node.text() == "false" || node.get("not").is_some_and(everything)
}

/// Whether a schema says itself that it takes nothing but null.
fn is_null(node: &Node<'_>) -> bool {
    let only_null = |listed: &Node<'_>| matches!(listed.elements(), [only] if only.text() == "null");
    node.get("type").is_some_and(|name| name.text() == "\"null\"")
        || node.get("const").is_some_and(|value| value.text() == "null")
        || node.get("enum").is_some_and(only_null)
}

/// Whether a schema says which keys an object has.
fn has_properties(node: &Node<'_>) -> bool {
    node.get("properties").is_some() || node.get("additionalProperties").is_some_and(is_never)
}

/// A type for what is of one type or of the other, if there is one.
fn either(a: Ty, b: Ty) -> Option<Ty> {
    match (a, b) {
        (Ty::OneOf(mut a), Ty::OneOf(b)) if a.len() + b.len() <= MAX_VALUES => {
            a.extend(b);
            Some(Ty::OneOf(a))
        }
        (Ty::Str | Ty::OneOf(_), Ty::Str | Ty::OneOf(_)) => Some(Ty::Str),
        (Ty::Long, Ty::Long) => Some(Ty::Long),
        (Ty::Long | Ty::Decimal, Ty::Long | Ty::Decimal) => Some(Ty::Decimal),
        (Ty::Bool, Ty::Bool) => Some(Ty::Bool),
        (Ty::Set(a), Ty::Set(b)) if a == b => Some(Ty::Set(a)),
        (Ty::Record(a), Ty::Record(b)) if a == b => Some(Ty::Record(a)),
        _ => None,
    }
}
