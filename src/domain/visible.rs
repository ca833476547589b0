//! Text of strangers, so that what a person reads is what a machine reads.
//!
//! A tool's description is read by a model, which takes notice of characters that a terminal or a review does not show: zero-width
//! letters, tags, marks that turn the direction of reading. Letters that only look alike (`а` and `a`) are not told apart here.

use std::borrow::Cow;

/// Whether a reader does not see the character, or sees because of it something else than what stands there: control characters,
/// direction marks, and what Unicode calls default-ignorable.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text with every hidden character written out, as in `\u{202e}`; a line break too, so that a line stays a line.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => out.extend(letter.escape_default()),
            hidden if is_hidden(hidden) => out.extend(hidden.escape_unicode()),
            seen => out.push(seen),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
#[path = "visible_tests.rs"]
mod tests;
