//! The text of a schema as a tree whose parts remember their text, and the places in it that a `$ref` can name.
//!
//! Parts keep their text because a `default` must reach the converter as it was written: a float has forgotten its last digits.
//! Whatever two readers could read differently is refused as a whole. What the keywords mean is in `mapper`.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::super::input::object;

/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 1 << 20;
/// The most levels of nesting of the text. Each level of a value takes two to four of them.
const MAX_LEVELS: u32 = 64;

/// A JSON value in a schema.
#[derive(Debug)]
pub(super) struct Node<'a> {
    text: &'a str,
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    /// The members, sorted by their keys.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    Array(Vec<Node<'a>>),
    Scalar,
}

/// Why a text is not taken as a schema.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) pointer: String,
    pub(super) reason: &'static str,
}

impl Fault {
    pub(super) const fn here(reason: &'static str) -> Self {
        Self { pointer: String::new(), reason }
    }

    /// The same fault, seen from one level further up.
    fn below(mut self, token: &str) -> Self {
        let mut step = String::new();
        push_token(&mut step, token);
        self.pointer.insert_str(0, &step);
        self
    }
}

impl<'a> Node<'a> {
    /// Reads a whole text.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Fault> {
        if text.len() > MAX_TEXT {
            return Err(Fault::here("is longer than 1 MiB"));
        }
        let text = std::str::from_utf8(text).map_err(|_| Fault::here("is not UTF-8"))?;
        let raw: &RawValue = serde_json::from_str(text).map_err(|_| Fault::here("is not JSON"))?;
        Self::read(raw, MAX_LEVELS)
    }

    fn read(raw: &'a RawValue, levels: u32) -> Result<Self, Fault> {
        let text = raw.get();
        let kind = match text.as_bytes().first() {
            Some(b'{' | b'[') if levels == 0 => return Err(Fault::here("is nested more than 64 levels deep")),
            Some(b'{') => Kind::Object(Self::read_object(raw, levels)?),
            Some(b'[') => Kind::Array(Self::read_array(text, levels)?),
            _ => Kind::Scalar,
        };
        Ok(Self { text, kind })
    }

    fn read_object(raw: &'a RawValue, levels: u32) -> Result<Vec<(Cow<'a, str>, Self)>, Fault> {
        let mut read = Vec::new();
        for (key, value) in object(raw).map_err(Fault::here)? {
            let value = Self::read(value, levels - 1).map_err(|fault| fault.below(&key))?;
            read.push((key, value));
        }
        read.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(read)
    }

    fn read_array(text: &'a str, levels: u32) -> Result<Vec<Self>, Fault> {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| Fault::here("is not JSON"))?;
        let items = items.into_iter().enumerate();
        items.map(|(at, item)| Self::read(item, levels - 1).map_err(|fault| fault.below(&at.to_string()))).collect()
    }

    /// The text as it was written.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// The members in the order of their keys; none when it is not an object.
    pub(super) fn members(&self) -> &[(Cow<'a, str>, Self)] {
        match &self.kind {
            Kind::Object(members) => members,
            Kind::Array(_) | Kind::Scalar => &[],
        }
    }

    /// The elements; none when it is not an array.
    pub(super) fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(elements) => elements,
            Kind::Object(_) | Kind::Scalar => &[],
        }
    }

    pub(super) const fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    pub(super) const fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// The member of this key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let members = self.members();
        let at = members.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        members.get(at).map(|(_, value)| value)
    }

    /// The decoded string; `None` for anything else, also for a string that is not text (a lone surrogate).
    pub(super) fn string(&self) -> Option<String> {
        self.text.starts_with('"').then(|| serde_json::from_str(self.text).ok()).flatten()
    }

    /// Whether it is a schema of its own, to which the references in it are relative.
    pub(super) fn has_own_identity(&self) -> bool {
        self.get("$id").is_some_and(|id| id.text.starts_with('"'))
    }

    /// The place that a `$ref` names, and its JSON pointer; `None` when it names nothing in this document.
    pub(super) fn referred(&self, reference: &str) -> Option<(&Self, String)> {
        let fragment = reference.strip_prefix('#')?;
        let decoded = percent_decoded(fragment)?;
        let mut node = self;
        let mut pointer = String::new();
        if decoded.is_empty() {
            return Some((node, pointer));
        }
        for token in decoded.strip_prefix('/')?.split('/') {
            // Behind a schema with an identity of its own a pointer from here means nothing that readers agree on.
            if !pointer.is_empty() && node.has_own_identity() {
                return None;
            }
            let token = token.replace("~1", "/").replace("~0", "~");
            push_token(&mut pointer, &token);
            node = match &node.kind {
                Kind::Object(_) => node.get(&token)?,
                Kind::Array(elements) => elements.get(index(&token)?)?,
                Kind::Scalar => return None,
            };
        }
        Some((node, pointer))
    }
}

/// Adds a step to a JSON pointer, cut when it is very long: a pointer is for people, and its length is not the server's to choose.
pub(super) fn push_token(pointer: &mut String, token: &str) {
    let _ = write!(pointer, "/{}", shortened(token).replace('~', "~0").replace('/', "~1"));
}

/// A name of the server's as it is shown to people.
pub(super) fn shortened(name: &str) -> Cow<'_, str> {
    const MAX_SHOWN: usize = 128;
    match name.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", name.split_at(end).0).into(),
        None => name.into(),
    }
}

/// An array index as RFC 6901 writes them: without leading zeros.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|digit| digit.is_ascii_digit()));
    plain.then(|| token.parse().ok()).flatten()
}

fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        let valid = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| valid)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
