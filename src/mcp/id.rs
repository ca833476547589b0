//! The id of a request: echoed as it was written, compared by what it means.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;

use crate::json;

/// An id, and with it a progress token, is no longer than this many bytes: it is kept in tables until it is answered.
const MAX_BYTES: usize = 1024;

/// A JSON-RPC id or MCP progress token: a string or an integer (MCP allows neither `null` nor fractions).
///
/// Two ids are equal when they mean the same: `"a"` and `"\u0061"` do, `1` and `"1"` do not.
#[derive(Debug, Clone)]
pub struct RawId {
    text: Bytes,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Value {
    Integer(i128),
    Text(Arc<str>),
}

impl RawId {
    /// An id of our own making.
    #[must_use]
    pub fn from_text(id: &str) -> Self {
        Self { text: Bytes::from(serde_json::Value::from(id).to_string()), value: Value::Text(id.into()) }
    }

    /// The id that `text` (one JSON value) writes; `None` when it is no id.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let value = match json::string(text) {
            Ok(string) => Value::Text(string.into()),
            Err(_) => Value::Integer(integer(text)?),
        };
        // A copy: an id outlives its message by as long as the answer takes, and must not hold all of it.
        Some(Self { text: Bytes::copy_from_slice(text.as_bytes()), value })
    }

    /// The id's JSON text as it was written, to be echoed.
    #[must_use]
    pub const fn as_json(&self) -> &Bytes {
        &self.text
    }

    /// The decoded string, when the id is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Integer(_) => None,
        }
    }
}

/// An integer without fraction and exponent that fits 64 bits, signed or unsigned. `-0` is none: some parsers make a float of it.
fn integer(text: &str) -> Option<i128> {
    let value: i128 = text.parse().ok()?;
    let in_range = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value);
    (in_range && !text.starts_with('+') && text != "-0").then_some(value)
}

impl PartialEq for RawId {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for RawId {}

impl Hash for RawId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}
