//! JSON text to Cedar values, driven by a type of the schema: the arguments of calls, and the attributes in entities files.
//!
//! Cedar has a JSON reader of its own, which turns `{"__entity": …}` and `{"__extn": …}` into entities and *unknowns* wherever they
//! stand. Arguments come from whoever can talk to the agent, so they never go through it. Here a value is either exactly what the
//! type asks for or refused: nothing is rounded, dropped or guessed, and in arguments no key has a special meaning.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use cedar_policy::{Context, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::ty::{Field, Fields, Others, Record, Ty};

/// Who wrote the JSON text: it decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Whoever can talk to the agent. Plain JSON only.
    Anybody,
    /// A service that asks about entities of its own: plain JSON, and entity references where the schema asks for an entity.
    Service,
    /// The operator, in an entities file: entity references, and Cedar's explicit forms where the schema asks for that very type.
    Operator,
}

/// Why a text is not a value of the type, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    /// The place, as a JSON pointer (RFC 6901).
    pub(super) pointer: String,
    pub(super) reason: Cow<'static, str>,
    /// Where the offending text begins, in bytes from the start of the whole text.
    pub(super) offset: usize,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "`{pointer}` {}", self.reason)
    }
}

/// The most levels of nesting a value may have.
const MAX_DEPTH: u32 = 16;
/// The most values (scalars, sets and records together).
const MAX_NODES: u32 = 4096;
/// The longest string, in bytes.
const MAX_STRING: usize = 64 << 10;
/// The most bytes in all strings together.
const MAX_BYTES: usize = 256 << 10;

/// Converts a JSON text. Absent text is an empty record, which is what MCP means by absent arguments.
pub(super) fn convert(text: Option<&[u8]>, ty: &Ty, author: Author) -> Result<RestrictedExpression, Unfit> {
    let whole = Whole::new(text, author)?;
    let raw = whole.raw()?;
    whole.converter().value(raw, ty, &Path::Root)
}

/// Converts the attributes of an entity; those that the file leaves out are left out.
pub(super) fn attributes(
    text: &str,
    fields: &Fields,
    allow_partial: bool,
) -> Result<BTreeMap<String, RestrictedExpression>, Unfit> {
    let whole = Whole::new(Some(text.as_bytes()), Author::Operator)?;
    let raw = whole.raw()?;
    whole.converter().fields(raw, &Record::closed(fields.clone()), &Path::Root, allow_partial)
}

/// Converts what a service says: the members of an object that is of this type, or as many of them as it says when it may leave out
/// the rest.
pub(super) fn stated(
    text: Option<&[u8]>,
    record: &Record,
    allow_partial: bool,
) -> Result<BTreeMap<String, RestrictedExpression>, Unfit> {
    let whole = Whole::new(text, Author::Service)?;
    let raw = whole.raw()?;
    whole.converter().fields(raw, record, &Path::Root, allow_partial)
}

/// The text a conversion is about.
struct Whole<'a> {
    text: &'a str,
    author: Author,
}

impl<'a> Whole<'a> {
    fn new(text: Option<&'a [u8]>, author: Author) -> Result<Self, Unfit> {
        let unfit = |reason| Unfit { pointer: String::new(), reason: Cow::Borrowed(reason), offset: 0 };
        let text = text.unwrap_or(b"{}");
        let text = std::str::from_utf8(text).map_err(|_| unfit("is not UTF-8"))?;
        Ok(Self { text, author })
    }

    fn raw(&self) -> Result<&'a RawValue, Unfit> {
        serde_json::from_str(self.text).map_err(|_| Unfit { pointer: String::new(), reason: "is not JSON".into(), offset: 0 })
    }

    fn converter(&self) -> Converter<'a> {
        Converter { text: self.text, author: self.author, depth: MAX_DEPTH, nodes: MAX_NODES, bytes: MAX_BYTES }
    }
}

/// The way from the whole text to a value, rendered only when there is something to say.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, key) => write!(f, "{parent}/{}", key.replace('~', "~0").replace('/', "~1")),
            Self::Item(parent, number) => write!(f, "{parent}/{number}"),
        }
    }
}

struct Converter<'a> {
    text: &'a str,
    author: Author,
    depth: u32,
    nodes: u32,
    bytes: usize,
}

impl<'a> Converter<'a> {
    fn value(&mut self, raw: &'a RawValue, ty: &Ty, path: &Path<'_>) -> Result<RestrictedExpression, Unfit> {
        self.nodes = self.nodes.checked_sub(1).ok_or_else(|| self.unfit(raw, path, "has more than 4096 values"))?;
        match ty {
            Ty::Bool => match raw.get() {
                "true" => Ok(RestrictedExpression::new_bool(true)),
                "false" => Ok(RestrictedExpression::new_bool(false)),
                _ => Err(self.unfit(raw, path, "is not a boolean")),
            },
            Ty::Long => {
                let long = scaled(raw.get(), 0).and_then(|value| i64::try_from(value).ok());
                long.map(RestrictedExpression::new_long).ok_or_else(|| self.unfit(raw, path, "is not an integer of 64 bits"))
            }
            Ty::Str => self.string(raw, path, "is not a string").map(RestrictedExpression::new_string),
            Ty::OneOf(values) => match self.string(raw, path, "is not a string")? {
                text if values.contains(text.as_str()) => Ok(RestrictedExpression::new_string(text)),
                _ => Err(self.unfit(raw, path, "is none of the values that the schema lists")),
            },
            Ty::Decimal => self.decimal(raw, path),
            Ty::Datetime => self.extension(raw, path, "datetime", RestrictedExpression::new_datetime),
            Ty::Duration => self.extension(raw, path, "duration", RestrictedExpression::new_duration),
            Ty::Ip => self.extension(raw, path, "ip", RestrictedExpression::new_ip),
            Ty::Entity(name) => self.entity(raw, name, path).map(RestrictedExpression::new_entity_uid),
            Ty::Set(element) => self.set(raw, element, path),
            Ty::Record(record) => {
                let pairs = self.fields(raw, record, path, false)?;
                RestrictedExpression::new_record(pairs).map_err(|_| self.unfit(raw, path, "has a key twice"))
            }
            Ty::Hidden => Err(self.unfit(raw, path, "cannot be seen by policies")),
        }
    }

    fn string(&mut self, raw: &'a RawValue, path: &Path<'_>, otherwise: &'static str) -> Result<String, Unfit> {
        if raw.get().len() > MAX_STRING * 6 {
            return Err(self.unfit(raw, path, "is longer than 64 KiB"));
        }
        // This refuses lone surrogates, which are not text.
        let text: String = serde_json::from_str(raw.get()).map_err(|_| self.unfit(raw, path, otherwise))?;
        if text.len() > MAX_STRING {
            return Err(self.unfit(raw, path, "is longer than 64 KiB"));
        }
        // An operator's file has its own limit, so the limit on the whole is for everybody else.
        if self.author != Author::Operator {
            let left = self.bytes.checked_sub(text.len());
            self.bytes = left.ok_or_else(|| self.unfit(raw, path, "is one of strings that together are longer than 256 KiB"))?;
        }
        Ok(text)
    }

    fn decimal(&mut self, raw: &'a RawValue, path: &Path<'_>) -> Result<RestrictedExpression, Unfit> {
        if self.author == Author::Operator && !is_number(raw.get()) {
            return self.extension(raw, path, "decimal", RestrictedExpression::new_decimal);
        }
        let units = scaled(raw.get(), 4).and_then(|value| i64::try_from(value).ok());
        let units = units.ok_or_else(|| self.unfit(raw, path, "is not a number with at most 4 decimal places"))?;
        let (sign, size) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
        Ok(RestrictedExpression::new_decimal(format!("{sign}{}.{:04}", size / 10_000, size % 10_000)))
    }

    /// A value of an extension type from its text, checked here so that the answer can say where it stands.
    fn extension(
        &mut self,
        raw: &'a RawValue,
        path: &Path<'_>,
        function: &'static str,
        build: fn(String) -> RestrictedExpression,
    ) -> Result<RestrictedExpression, Unfit> {
        let text = match self.author {
            Author::Operator if raw.get().starts_with('{') => self.explicit(raw, path, function)?,
            Author::Operator | Author::Service | Author::Anybody => self.string(raw, path, "is not a string")?,
        };
        let value = build(text);
        let valid = Context::from_pairs([("value".to_owned(), value.clone())]).is_ok();
        valid.then_some(value).ok_or_else(|| self.unfit(raw, path, format!("is not a valid {function}")))
    }

    /// Cedar's explicit form `{"__extn": {"fn": …, "arg": …}}`, for the function that the schema asks for and no other.
    fn explicit(&mut self, raw: &'a RawValue, path: &Path<'_>, function: &str) -> Result<String, Unfit> {
        let wrong = || self.unfit(raw, path, format!("is not a {function}"));
        let outer = object(raw).map_err(|_| wrong())?;
        let [(key, call)] = &outer[..] else { return Err(wrong()) };
        let mut inner = object(call).map_err(|_| wrong())?;
        inner.sort_by(|(a, _), (b, _)| a.cmp(b));
        let [(first, argument), (second, name)] = &inner[..] else { return Err(wrong()) };
        let named = serde_json::from_str::<String>(name.get()).is_ok_and(|name| name == function);
        if key != "__extn" || first != "arg" || second != "fn" || !named {
            return Err(wrong());
        }
        self.string(argument, path, "is not a string")
    }

    /// An entity reference, `{"type": …, "id": …}`, also inside `{"__entity": …}`.
    fn entity(&self, raw: &'a RawValue, expected: &EntityTypeName, path: &Path<'_>) -> Result<EntityUid, Unfit> {
        let uid = match self.author {
            Author::Operator | Author::Service => {
                reference(raw).ok_or_else(|| self.unfit(raw, path, "is not an entity reference"))?
            }
            Author::Anybody => return Err(self.unfit(raw, path, "cannot be an entity")),
        };
        if uid.type_name() != expected {
            return Err(self.unfit(raw, path, format!("is not of type `{expected}`")));
        }
        Ok(uid)
    }

    fn set(&mut self, raw: &'a RawValue, element: &Ty, path: &Path<'_>) -> Result<RestrictedExpression, Unfit> {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| self.unfit(raw, path, "is not an array"))?;
        self.enter(raw, path)?;
        let mut values = Vec::with_capacity(items.len().min(MAX_NODES as usize));
        for (number, item) in items.into_iter().enumerate() {
            values.push(self.value(item, element, &Path::Item(path, number))?);
        }
        self.depth += 1;
        Ok(RestrictedExpression::new_set(values))
    }

    fn fields(
        &mut self,
        raw: &'a RawValue,
        record: &Record,
        path: &Path<'_>,
        allow_partial: bool,
    ) -> Result<BTreeMap<String, RestrictedExpression>, Unfit> {
        self.enter(raw, path)?;
        let mut values = BTreeMap::new();
        let mut absent: BTreeMap<&str, &Field> = record.fields.iter().map(|(name, field)| (&**name, field)).collect();
        for (key, value) in object(raw).map_err(|reason| self.unfit(raw, path, reason))? {
            let path = Path::Key(path, &key);
            let Some(field) = record.fields.get(&*key) else {
                match record.others {
                    Others::Refused => return Err(self.unfit(value, &path, "is not in the schema")),
                    Others::Hidden => continue,
                }
            };
            absent.remove(&*key);
            if !field.ty.is_visible() || (value.get() == "null" && field.takes_null()) {
                continue;
            }
            let converted = self.value(value, &field.ty, &path)?;
            values.insert(key.clone().into_owned(), converted);
        }
        for (name, field) in absent.into_iter().filter(|(_, field)| field.ty.is_visible()) {
            match &field.default {
                Some(default) => drop(values.insert(name.to_owned(), convert(Some(default.as_bytes()), &field.ty, self.author)?)),
                None if field.required && !allow_partial => {
                    return Err(self.unfit(raw, &Path::Key(path, name), "is required and missing"));
                }
                None => {}
            }
        }
        self.depth += 1;
        Ok(values)
    }

    fn enter(&mut self, raw: &RawValue, path: &Path<'_>) -> Result<(), Unfit> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| self.unfit(raw, path, "is nested more than 16 levels deep"))?;
        Ok(())
    }

    fn unfit(&self, raw: &RawValue, path: &Path<'_>, reason: impl Into<Cow<'static, str>>) -> Unfit {
        Unfit { pointer: path.to_string(), reason: reason.into(), offset: offset_in(self.text, raw.get()) }
    }
}

/// Where a part of a text begins in it. The part must have been borrowed from the text.
pub(super) fn offset_in(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

/// An entity reference in either of Cedar's two spellings; `None` when it is neither.
pub(super) fn reference(raw: &RawValue) -> Option<EntityUid> {
    let mut members = object(raw).ok()?;
    if let [(key, inner)] = &members[..] {
        members = if key == "__entity" { object(inner).ok()? } else { return None };
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    let [(first, id), (second, ty)] = &members[..] else { return None };
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    if first != "id" || second != "type" {
        return None;
    }
    Some(EntityUid::from_type_name_and_id(text(ty)?.parse().ok()?, EntityId::new(text(id)?)))
}

/// The members of an object in their order.
///
/// # Errors
///
/// A sentence when the text is not an object, or has a key twice: whoever reads it next may take the other one.
pub(super) fn object<'a>(raw: &'a RawValue) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, &'static str> {
    if !raw.get().starts_with('{') {
        return Err("is not an object");
    }
    let members =
        serde_json::Deserializer::from_str(raw.get()).deserialize_map(Members).map_err(|_| "cannot be read as an object")?;
    let mut seen = HashSet::with_capacity(members.len());
    if members.iter().all(|(key, _)| seen.insert(&**key)) { Ok(members) } else { Err("has a key twice") }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            if members.len() >= MAX_NODES as usize {
                return Err(A::Error::custom("too many keys"));
            }
            members.push((key.0, value));
        }
        Ok(members)
    }
}

/// A key, borrowed from the text when it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The value of a JSON number times ten to the power of `scale`, if that is an integer; `None` for anything else.
///
/// Works on the text, because a float has forgotten what was written.
fn scaled(text: &str, scale: i64) -> Option<i128> {
    if !is_number(text) {
        return None;
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let shift = exponent.checked_add(scale)?.checked_add(dropped)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    // A negative shift leaves a fraction, because the last significant digit is not zero.
    let shift = u32::try_from(shift).ok().filter(|shift| *shift <= 20)?;
    let size = significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(shift)?)?;
    Some(if negative { -size } else { size })
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
