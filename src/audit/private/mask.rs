//! Takes values out of a JSON text before anything of it is written or committed to.
//!
//! What is to go is named by JSON pointers (RFC 6901) in which a whole step may be `*`: every member, every element. In the place of each
//! value stands [`MASK`]; every other byte stays as it was. A masked value is in no commitment either, since the commitment is to the text
//! with the mask in it.
//!
//! Some readers do not care about the case of a key (Go's, among others), so a key that differs from a step only in case is masked, too.
//! A key that stands twice is masked twice. A pointer does not reach into a string: JSON inside a text is text.
//!
//! One pass over the text, which follows the pointers and skips over everything else; it goes no deeper than they do.

mod walk;

use std::ops::Range;
use std::sync::Arc;

use crate::domain::JsonPointer;
use walk::{Found, walk};

/// What stands in the place of a value. No tool has a reason to say this.
pub const MASK: &str = r#"{"dev.cedarpost/masked":true}"#;

/// The most steps of a pointer. The parser itself goes no deeper than 127 levels.
pub const MAX_STEPS: usize = 32;

/// Why a text could not be masked. Nothing of it may be written then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmaskable {
    /// It is not one JSON value that can be read without doubt, as far as the pointers lead into it.
    NotJson,
    /// More values would be masked than is bearable.
    TooMany,
}

impl Unmaskable {
    /// The word in leaves.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::TooMany => "too_many",
        }
    }
}

/// What is taken out. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks(Arc<[Mask]>);

/// One pointer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mask {
    /// As it was written: what a leaf says was masked.
    pointer: Arc<str>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Every,
    One {
        /// A key, folded.
        key: String,
        /// The same as the number of an element, when it is one.
        index: Option<usize>,
    },
}

impl Step {
    fn of(text: &str) -> Self {
        if text == "*" {
            return Self::Every;
        }
        // RFC 6901 writes numbers without leading zeros.
        let index = text.parse::<usize>().ok().filter(|number| number.to_string() == text);
        Self::One { key: folded(text).collect(), index }
    }

    fn fits_key(&self, key: &str) -> bool {
        match self {
            Self::Every => true,
            Self::One { key: wanted, .. } => folded(key).eq(wanted.chars()),
        }
    }

    fn fits_index(&self, at: usize) -> bool {
        match self {
            Self::Every => true,
            Self::One { index, .. } => *index == Some(at),
        }
    }
}

/// A key as a reader sees it who does not care about case. `ſ` and the Kelvin sign are the two letters beyond ASCII that fold into it.
fn folded(key: &str) -> impl Iterator<Item = char> {
    key.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    })
}

impl Masks {
    /// What these pointers lead to.
    #[must_use]
    pub fn new<'a>(pointers: impl IntoIterator<Item = &'a JsonPointer>) -> Self {
        let mask =
            |pointer: &JsonPointer| Mask { pointer: pointer.to_string().into(), steps: pointer.steps().map(Step::of).collect() };
        Self::sorted(pointers.into_iter().map(mask).collect())
    }

    fn sorted(mut masks: Vec<Mask>) -> Self {
        masks.sort();
        masks.dedup();
        Self(masks.into())
    }

    /// Whether nothing is taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What either takes out.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        match (self.is_empty(), more.is_empty()) {
            (_, true) => self.clone(),
            (true, false) => more.clone(),
            (false, false) => Self::sorted(self.0.iter().chain(more.0.iter()).cloned().collect()),
        }
    }

    /// What is taken out of the value that `place` leads to, as pointers from there: all of it, when a mask leads to it or above it.
    #[must_use]
    pub fn below(&self, place: &JsonPointer) -> Self {
        let inner = |mask: &Mask| {
            let mut steps = mask.steps.iter();
            for step in place.steps() {
                let Some(next) = steps.next() else { break };
                // A step may lead through an object or an array; which of them is not known here.
                if !next.fits_key(step) {
                    return None;
                }
            }
            Some(Mask { pointer: Arc::clone(&mask.pointer), steps: steps.cloned().collect() })
        };
        Self::sorted(self.0.iter().filter_map(inner).collect())
    }

    /// Finds what is to be taken out of a text.
    ///
    /// # Errors
    ///
    /// [`Unmaskable`] when it cannot be known that nothing is overlooked.
    pub fn find<'t>(&self, text: &'t [u8]) -> Result<Masked<'t>, Unmaskable> {
        if self.is_empty() {
            return Ok(Masked { text, values: Vec::new(), hit: Vec::new() });
        }
        let whole = std::str::from_utf8(text).map_err(|_| Unmaskable::NotJson)?;
        let Found { values, hit } = walk(&self.0, whole)?;
        let hit = self.0.iter().zip(hit).filter(|(_, hit)| *hit).map(|(mask, _)| Arc::clone(&mask.pointer));
        let mut hit: Vec<_> = hit.collect();
        // Two masks of different places may have come to the same pointer.
        hit.dedup();
        Ok(Masked { text, values, hit })
    }
}

/// A text of which values are masked.
#[derive(Debug)]
pub struct Masked<'t> {
    text: &'t [u8],
    /// Where the values were, in order.
    values: Vec<Range<usize>>,
    /// The pointers that led to them.
    pub(super) hit: Vec<Arc<str>>,
}

impl<'t> Masked<'t> {
    /// The text with the masks in it, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &'t [u8]> {
        let starts = std::iter::once(0).chain(self.values.iter().map(|value| value.end));
        let ends = self.values.iter().map(|value| value.start).chain([self.text.len()]);
        let masks = std::iter::repeat_n(MASK.as_bytes(), self.values.len()).chain([&[][..]]);
        starts.zip(ends).zip(masks).flat_map(|((start, end), mask)| [self.text.get(start..end).unwrap_or_default(), mask])
    }

    /// The length of the text with the masks in it.
    #[must_use]
    pub fn length(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
