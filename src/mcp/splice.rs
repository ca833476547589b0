//! Changes a text in a few places and leaves every other byte as it is.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

/// Where `part` lies in `whole`; `None` when it is no slice of it.
pub(super) fn span(whole: &[u8], part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

/// Changes to one text, to be made all at once.
#[derive(Debug)]
pub(super) struct Splice<'a> {
    text: &'a Bytes,
    edits: Vec<(Range<usize>, Bytes)>,
}

impl<'a> Splice<'a> {
    pub(super) const fn of(text: &'a Bytes) -> Self {
        Self { text, edits: Vec::new() }
    }

    /// Puts `new` in the place of `part`, a slice of the text. Nothing happens when it is no slice of it.
    pub(super) fn replace(&mut self, part: &str, new: impl Into<Bytes>) {
        self.edits.extend(span(self.text, part).map(|range| (range, new.into())));
    }

    /// Puts `new` directly behind the bracket that opens `value`, a slice of the text.
    pub(super) fn insert_first(&mut self, value: &str, new: impl Into<Bytes>) {
        let opened = span(self.text, value).map(|range| range.start.saturating_add(1));
        self.edits.extend(opened.map(|at| (at..at, new.into())));
    }

    /// Leaves only the elements of an array for which `kept` is true. Of the text between two elements, what stood before a kept one
    /// stays, so that the rest of the array keeps its layout. `elements` are slices of the text, in order.
    pub(super) fn retain(&mut self, elements: &[&str], kept: &[bool]) {
        let spans: Vec<Range<usize>> = elements.iter().filter_map(|element| span(self.text, element)).collect();
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return };
        if kept.iter().all(|keep| *keep) {
            return;
        }
        let mut left = BytesMut::new();
        let mut previous_end = first.start;
        for (span, keep) in spans.iter().zip(kept) {
            if *keep {
                let from = if left.is_empty() { span.start } else { previous_end };
                left.put_slice(self.text.get(from..span.end).unwrap_or_default());
            }
            previous_end = span.end;
        }
        self.edits.push((first.start..last.end, left.freeze()));
    }

    /// The text with all changes made; the same handle when there are none.
    pub(super) fn apply(mut self) -> Bytes {
        if self.edits.is_empty() {
            return self.text.clone();
        }
        self.edits.sort_by_key(|(range, _)| range.start);
        let mut out = BytesMut::with_capacity(self.text.len());
        let mut at = 0;
        for (range, new) in &self.edits {
            out.put_slice(self.text.get(at..range.start).unwrap_or_default());
            out.put_slice(new);
            at = range.end;
        }
        out.put_slice(self.text.get(at..).unwrap_or_default());
        out.freeze()
    }
}
