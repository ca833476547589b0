//! A leaf with gaps: what the caller's task makes of a record, and what the one thread that writes the log puts into it.

use std::ops::Range;

use super::super::chain::LeafHash;
use super::super::json::{Json, encode_base64};
use super::super::private::content::{Committed, PrivateError, Sealed};
use super::super::private::salts::Salts;
use super::super::record::Kind;

/// What the gaps of a leaf take at most: two times 32 bytes as base64, a number, a time.
pub(super) const GAPS: usize = 44 + 44 + 20 + 27;

/// What only a record's place in the log decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// The commitment to a text, which needs the salt of the record's number.
    Commit,
    /// The hash of the record before.
    Prev,
    /// The record's number.
    Seq,
    /// The record's time.
    Time,
}

/// The gaps of a leaf, each with where it is, in the order of the text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gaps([Option<(Gap, usize)>; 4]);

impl Gaps {
    /// Notes a gap behind those there are.
    pub(super) fn push(&mut self, gap: Gap, at: usize) {
        // No leaf has one twice, so there is room.
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some((gap, at));
        }
    }
}

/// A leaf with gaps, and what is committed to and kept with it.
#[derive(Debug)]
pub(in crate::audit) struct Draft {
    pub(in crate::audit) kind: Kind,
    text: Vec<u8>,
    gaps: Gaps,
    content: Option<Committed>,
}

impl Draft {
    /// INVARIANT: a draft has content exactly when it has a gap for the commitment to it.
    pub(super) fn new(kind: Kind, text: Vec<u8>, gaps: Gaps, content: Option<Committed>) -> Self {
        Self { kind, text, gaps, content }
    }

    /// The length of the finished leaf at most, in bytes.
    pub(in crate::audit) fn max_leaf(&self) -> usize {
        self.text.len() + GAPS
    }

    /// What the record takes at most, in bytes: its leaf and what is kept with it.
    pub(in crate::audit) fn max_len(&self) -> usize {
        self.max_leaf() + self.content.as_ref().map_or(0, Committed::weight)
    }

    /// Makes the commitment, and enciphers what is kept, for the record's number. The record must not exist yet.
    pub(in crate::audit) fn seal(&self, salts: &mut Salts, seq: u64) -> Result<Sealed, PrivateError> {
        self.content.as_ref().map_or_else(|| Ok(Sealed::default()), |content| content.seal(salts, seq))
    }

    /// Appends the finished leaf to `out`; `sealed` is what [`Draft::seal`] made of this draft for `seq`.
    pub(in crate::audit) fn finish(&self, prev: &LeafHash, seq: u64, ts: &str, sealed: &Sealed, out: &mut Vec<u8>) {
        let mut written = 0;
        for (gap, at) in self.gaps.0.iter().flatten() {
            out.extend_from_slice(self.part(written..*at));
            match gap {
                Gap::Commit => sealed.commit.iter().for_each(|commit| out.extend_from_slice(&encode_base64(commit))),
                Gap::Prev => out.extend_from_slice(&encode_base64(prev.as_bytes())),
                Gap::Seq => {
                    let mut digits = Json::default();
                    digits.integer(seq);
                    out.extend_from_slice(&digits.into_text());
                }
                Gap::Time => out.extend_from_slice(ts.as_bytes()),
            }
            written = *at;
        }
        out.extend_from_slice(self.part(written..self.text.len()));
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }
}
