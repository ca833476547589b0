//! What the text forms of C2SP have in common: decimal numbers and base64 (RFC 4648 section 4) with one spelling each.
//!
//! Every reader here refuses what the writer would have written differently, so that a text and its meaning are one to one and a
//! changed byte never goes unnoticed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Reads a decimal number: digits only, and no zero before others.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if canonical && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Reads base64 in its canonical form.
pub(crate) fn parse_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Writes base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Whether a text has characters that none of the forms allow: those below U+0020 other than the newline.
pub(crate) fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
