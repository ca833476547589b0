//! JSON Patch (RFC 6902), as much as is needed: `add`, `replace` and `remove`, and a document that is changed by them as they are made.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Op {
    /// Puts a member into an object, in place of the one that is there, or an element into a list, before the one that is there.
    Add {
        /// Where, as a JSON pointer; `-` is the end of a list.
        path: String,
        /// What.
        value: Value,
    },
    /// Puts something in place of what is there.
    Replace {
        /// Where, as a JSON pointer.
        path: String,
        /// What.
        value: Value,
    },
    /// Takes out what is there.
    Remove {
        /// Where, as a JSON pointer.
        path: String,
    },
}

impl Op {
    /// The same, in a document that has this one at `prefix`.
    #[must_use]
    pub fn below(self, prefix: &str) -> Self {
        let at = |path: String| format!("{prefix}{path}");
        match self {
            Self::Add { path, value } => Self::Add { path: at(path), value },
            Self::Replace { path, value } => Self::Replace { path: at(path), value },
            Self::Remove { path } => Self::Remove { path: at(path) },
        }
    }
}

/// An operation that does not fit the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be changed at `{0}`")]
pub struct Misfit(String);

/// Changes `document` by one operation.
///
/// # Errors
/// When there is nothing at its path that it could change; the document is as it was.
pub fn apply(document: &mut Value, op: &Op) -> Result<(), Misfit> {
    let (Op::Add { path, .. } | Op::Replace { path, .. } | Op::Remove { path }) = op;
    let misfit = || Misfit(path.clone());
    let (parent, last) = path.rsplit_once('/').ok_or_else(misfit)?;
    let key = last.replace("~1", "/").replace("~0", "~");
    let changed = match (document.pointer_mut(parent), op) {
        (Some(Value::Object(map)), Op::Add { value, .. }) => {
            map.insert(key, value.clone());
            true
        }
        (Some(Value::Object(map)), Op::Replace { value, .. }) => map.get_mut(&key).map(|old| *old = value.clone()).is_some(),
        (Some(Value::Object(map)), Op::Remove { .. }) => map.remove(&key).is_some(),
        (Some(Value::Array(list)), Op::Add { value, .. }) => {
            let place = if key == "-" { Some(list.len()) } else { index(&key) };
            place.filter(|place| *place <= list.len()).map(|place| list.insert(place, value.clone())).is_some()
        }
        (Some(Value::Array(list)), Op::Replace { value, .. }) => {
            index(&key).and_then(|place| list.get_mut(place)).map(|old| *old = value.clone()).is_some()
        }
        (Some(Value::Array(list)), Op::Remove { .. }) => {
            index(&key).filter(|place| *place < list.len()).map(|place| list.remove(place)).is_some()
        }
        _ => false,
    };
    if changed { Ok(()) } else { Err(misfit()) }
}

/// A place in a list: digits without a leading zero.
fn index(key: &str) -> Option<usize> {
    let digits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    key.parse().ok().filter(|_| digits)
}

/// One word of a JSON pointer.
pub(super) fn word(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A document, and the operations that made it what it is.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) document: Value,
    pub(super) ops: Vec<Op>,
}

impl Draft {
    pub(super) const fn new(document: Value) -> Self {
        Self { document, ops: Vec::new() }
    }

    pub(super) fn at(&self, path: &str) -> Option<&Value> {
        self.document.pointer(path)
    }

    pub(super) fn list(&self, path: &str) -> &[Value] {
        self.at(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn add(&mut self, path: impl Into<String>, value: Value) -> Result<(), Misfit> {
        self.make(Op::Add { path: path.into(), value })
    }

    pub(super) fn replace(&mut self, path: impl Into<String>, value: Value) -> Result<(), Misfit> {
        self.make(Op::Replace { path: path.into(), value })
    }

    pub(super) fn remove(&mut self, path: impl Into<String>) -> Result<(), Misfit> {
        self.make(Op::Remove { path: path.into() })
    }

    /// Makes sure that there is a list or an object here: whether it had to be made. `null` counts as nothing, as it does for an API server.
    pub(super) fn ensure(&mut self, path: &str, empty: Value) -> Result<bool, Misfit> {
        match self.at(path) {
            Some(Value::Null) | None => self.add(path, empty).map(|()| true),
            Some(_) => Ok(false),
        }
    }

    fn make(&mut self, op: Op) -> Result<(), Misfit> {
        apply(&mut self.document, &op)?;
        self.ops.push(op);
        Ok(())
    }
}

pub(super) fn object() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
