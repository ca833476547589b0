//! A place in a JSON document (RFC 6901).

use std::fmt;
use std::str::FromStr;

/// A JSON pointer: the keys, or numbers in arrays, that lead to a value. Empty is the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonPointer(Vec<String>);

/// A text that is not a JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a JSON pointer is empty or begins with `/`, and after `~` stands `0` (for `~`) or `1` (for `/`)")]
pub struct NotAPointer;

impl JsonPointer {
    /// The member of this name of the whole document.
    #[must_use]
    pub fn of_member(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The member of this name of what is at this place.
    #[must_use]
    pub fn then(mut self, name: &str) -> Self {
        self.0.push(name.to_owned());
        self
    }

    /// The steps from the whole document to the value.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for JsonPointer {
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let steps = text.strip_prefix('/').ok_or(NotAPointer)?;
        steps.split('/').map(unescape).collect::<Option<_>>().map(Self).ok_or(NotAPointer)
    }
}

fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (escaped, rest) = match part.split_at_checked(1)? {
            ("0", rest) => ('~', rest),
            ("1", rest) => ('/', rest),
            _ => return None,
        };
        text.push(escaped);
        text.push_str(rest);
    }
    Some(text)
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

#[cfg(test)]
#[path = "pointer_tests.rs"]
mod tests;
