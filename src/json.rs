//! JSON as text: finds the members and elements of a value without taking it apart, and walks a value to see that it has one meaning.
//!
//! The grammar is `serde_json`'s. What is added here is the strictness: no key twice in an object, however it is spelled, and a
//! bounded depth. Nothing is built and nothing is copied but strings with escapes, unless somebody asks for a [`value`].
//!
//! Whatever others say to us comes through here: MCP messages, and tokens and answers of identity providers.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The deepest nesting that can be asked for. `serde_json` itself stops at 127, with an error that does not say so.
pub(crate) const MAX_DEPTH: u32 = 120;

/// The number of keys up to which comparing them all is faster than hashing.
const FEW_KEYS: usize = 8;

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON, or not one value, or a number or string that parsers do not agree on.
    Syntax,
    /// Nested too deep.
    Depth,
    /// A key stands twice in one object.
    DuplicateKey,
    /// JSON, but not the kind of value that was looked for.
    Shape,
}

/// One member of an object: the decoded key, and the value's text as it was written.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: &'a str,
}

/// The members of the object in `text`, in the order they were written; no key stands twice.
///
/// The values are valid JSON by grammar, but were not looked into: see [`check`].
pub(crate) fn members(text: &str) -> Result<Vec<Member<'_>>, Fault> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Fault::Shape);
    }
    let fault = Cell::new(Fault::Syntax);
    let mut parser = serde_json::Deserializer::from_str(text);
    let found = parser.deserialize_map(Members { fault: &fault }).and_then(|found| parser.end().map(|()| found));
    found.map_err(|_| fault.get())
}

/// The texts of the elements of the array in `text`.
pub(crate) fn elements(text: &str) -> Result<Vec<&str>, Fault> {
    if !text.trim_ascii_start().starts_with('[') {
        return Err(Fault::Shape);
    }
    let values: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| Fault::Syntax)?;
    Ok(values.into_iter().map(RawValue::get).collect())
}

/// Decodes the string in `text`; [`Fault::Shape`] for any other kind of value.
pub(crate) fn string(text: &str) -> Result<Cow<'_, str>, Fault> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(Fault::Shape)?;
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    Key.deserialize(&mut parser).map_err(|_| Fault::Syntax)
}

/// Whether `text`, the text of one JSON value, is an object.
pub(crate) fn is_object(text: &str) -> bool {
    text.starts_with('{')
}

/// Walks all of `text` and accepts it only when it is one value that every parser reads alike: no duplicate keys at any depth (also
/// when one of them is spelled with escapes), no lone surrogates, no number out of range, at most `max_depth` levels.
pub(crate) fn check(text: &str, max_depth: u32) -> Result<(), Fault> {
    let fault = Cell::new(Fault::Syntax);
    let mut parser = serde_json::Deserializer::from_str(text);
    let walk = Walk { levels_left: max_depth.min(MAX_DEPTH), fault: &fault };
    walk.deserialize(&mut parser).and_then(|()| parser.end()).map_err(|_| fault.get())
}

/// The whole value, if it is one that [`check`] accepts.
pub(crate) fn value(text: &str, max_depth: u32) -> Result<serde_json::Value, Fault> {
    check(text, max_depth)?;
    serde_json::from_str(text).map_err(|_| Fault::Syntax)
}

/// Whether `key` is not one of `known` but a careless parser would take it for one: Go's, among others, match keys without regard to
/// case, and fold `ſ` to `s` and `K` (the Kelvin sign) to `k`.
pub(crate) fn disguised(key: &str, known: &[&str]) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    !known.contains(&key) && known.iter().any(|name| name.chars().map(fold).eq(key.chars().map(fold)))
}

/// Reads a string, borrowed from the text when it has no escapes. Used for keys.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// The keys seen so far in one object. Most objects have few: those are kept in place and compared one by one.
struct Keys<'de> {
    few: [Cow<'de, str>; FEW_KEYS],
    count: usize,
    many: Option<HashSet<Cow<'de, str>>>,
}

impl<'de> Keys<'de> {
    const fn new() -> Self {
        Self { few: [const { Cow::Borrowed("") }; FEW_KEYS], count: 0, many: None }
    }

    /// Adds a key; false when it was there before.
    fn insert(&mut self, key: Cow<'de, str>) -> bool {
        let few = self.few.get(..self.count).unwrap_or_default();
        if few.contains(&key) {
            return false;
        }
        if let Some(free) = self.few.get_mut(self.count) {
            *free = key;
            self.count += 1;
            return true;
        }
        self.many.get_or_insert_default().insert(key)
    }
}

/// Collects the members of one object.
struct Members<'f> {
    fault: &'f Cell<Fault>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Keys::new();
        let mut members = Vec::with_capacity(8);
        while let Some(key) = map.next_key_seed(Key)? {
            if !keys.insert(key.clone()) {
                self.fault.set(Fault::DuplicateKey);
                return Err(A::Error::custom("duplicate key"));
            }
            let value = map.next_value::<&RawValue>()?.get();
            members.push(Member { key, value });
        }
        Ok(members)
    }
}

/// Visits a value and everything in it.
#[derive(Clone, Copy)]
struct Walk<'f> {
    levels_left: u32,
    fault: &'f Cell<Fault>,
}

impl Walk<'_> {
    fn fail<T, E: serde::de::Error>(&self, fault: Fault) -> Result<T, E> {
        self.fault.set(fault);
        Err(E::custom("refused"))
    }

    /// The walk one level further down.
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.levels_left.checked_sub(1) {
            Some(levels_left) => Ok(Self { levels_left, ..self }),
            None => self.fail(Fault::Depth),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = Keys::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if !keys.insert(key) {
                return self.fail(Fault::DuplicateKey);
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}
