//! What must hold of claims, so that a token is of a certain kind.

use serde_json::Value;

use super::claims::at;
use crate::domain::JsonPointer;

/// Something that holds of a token's claims, or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which claim it is about.
    pub claim: JsonPointer,
    /// What is asked of it.
    pub test: Test,
}

/// What is asked of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is this text, in which `{client}` stands for the id of the program that asked for the token, and `{client_lower}` for the
    /// same in lower case.
    Is(String),
    /// It is there.
    Present,
    /// It is not there.
    Absent,
}

impl Condition {
    /// Whether it holds. A text that speaks of the program does not hold of a token that names none.
    pub(super) fn holds(&self, claims: &Value, client: Option<&str>) -> bool {
        let found = at(claims, &self.claim);
        match &self.test {
            Test::Present => found.is_some(),
            Test::Absent => found.is_none(),
            Test::Is(text) => expected(text, client).is_some_and(|expected| match found {
                Some(Value::String(text)) => *text == expected,
                Some(Value::Bool(flag)) => flag.to_string() == expected,
                Some(Value::Number(number)) => number.to_string() == expected,
                _ => false,
            }),
        }
    }
}

/// The text that is expected. The program's id goes in as it is: what looks like a placeholder in it is none.
fn expected(text: &str, client: Option<&str>) -> Option<String> {
    for (placeholder, lower) in [("{client}", false), ("{client_lower}", true)] {
        if let Some((before, after)) = text.split_once(placeholder) {
            let client = client?;
            let client = if lower { client.to_ascii_lowercase() } else { client.to_owned() };
            return Some(format!("{before}{client}{after}"));
        }
    }
    Some(text.to_owned())
}
