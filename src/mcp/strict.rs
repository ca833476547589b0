//! JSON that comes to us in other ways than as a message, read as strictly as one.

use super::jsonrpc::Limits;
use crate::json::{self, Fault};

/// Why a JSON text is refused; a sentence that goes on after the name of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStrict {
    /// It is longer than the limit, in bytes.
    #[error("is longer than {0} bytes")]
    Long(usize),
    /// Not JSON, or not one value, or something in it that parsers do not agree on.
    #[error("is not JSON that every parser reads alike")]
    Syntax,
    /// It is nested deeper than the limit, in levels.
    #[error("is nested deeper than {0} levels")]
    Deep(u32),
    /// A key stands twice in one object, however it is spelled.
    #[error("has a key twice in one object")]
    DuplicateKey,
}

/// Accepts a text that is one JSON value which every parser reads alike, as the parameters of a message must be.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_json(text: &[u8], limits: Limits) -> Result<(), NotStrict> {
    if text.len() > limits.max_bytes {
        return Err(NotStrict::Long(limits.max_bytes));
    }
    let text = std::str::from_utf8(text).map_err(|_| NotStrict::Syntax)?;
    json::check(text, limits.max_depth).map_err(|fault| match fault {
        Fault::Depth => NotStrict::Deep(limits.max_depth.min(Limits::DEEPEST)),
        Fault::DuplicateKey => NotStrict::DuplicateKey,
        Fault::Syntax | Fault::Shape => NotStrict::Syntax,
    })
}

#[cfg(test)]
#[path = "strict_tests.rs"]
mod tests;
