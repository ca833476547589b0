//! Outcomes belong to decisions: which are open, and which outcome is of none. Memory is bounded, whatever the log says.
//!
//! Most outcomes stand close to their decision, and are settled where bundles are read ([`SpanPairs`]); the others meet the open
//! decisions of the whole log ([`Pairs`]). An outcome that meets none makes the record be read again that it names.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::DecisionId;

use super::leaf::{Body, Leaf};

/// How many open decisions are remembered by number and name. Older ones are only counted.
const OPEN: usize = 1 << 20;
/// How many faulty records are remembered, so that outcomes of them are not called faulty too.
const DOUBTFUL: usize = 1 << 16;

/// An outcome of a decision that stands in an earlier span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Far {
    pub(super) seq: u64,
    pub(super) id: DecisionId,
    pub(super) of: u64,
}

/// A record as far as outcomes ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Decision {
        id: DecisionId,
        open: bool,
    },
    Other,
    /// Missing, or so wrong that nobody knows what it was.
    Doubtful,
}

/// The decisions and outcomes of one span. INVARIANT: there is a slot for each record from `first` on that was passed so far.
#[derive(Debug)]
pub(super) struct SpanPairs {
    first: u64,
    slots: Vec<Slot>,
    far: Vec<Far>,
}

impl SpanPairs {
    pub(super) const fn new(first: u64) -> Self {
        Self { first, slots: Vec::new(), far: Vec::new() }
    }

    /// Passes a record; `false` when it is the outcome of a record that is not the decision it names.
    pub(super) fn pass(&mut self, seq: u64, body: &Body<'_>) -> bool {
        let (slot, fine) = match body {
            Body::Decision { id, allows } => (Slot::Decision { id: *id, open: *allows }, true),
            Body::Outcome { id, of } => (Slot::Other, self.settle(seq, *id, *of)),
            Body::Key(_) | Body::Prune(_) | Body::Plain => (Slot::Other, true),
        };
        self.slots.push(slot);
        fine
    }

    /// Passes so many records of which nobody knows what they are.
    pub(super) fn pass_doubtful(&mut self, count: usize) {
        self.slots.resize(self.slots.len() + count, Slot::Doubtful);
    }

    fn settle(&mut self, seq: u64, id: DecisionId, of: u64) -> bool {
        let Some(place) = of.checked_sub(self.first) else {
            self.far.push(Far { seq, id, of });
            return true;
        };
        match usize::try_from(place).ok().and_then(|place| self.slots.get_mut(place)) {
            Some(Slot::Decision { id: found, open }) if *found == id => {
                // A second outcome is odd, but breaks nothing.
                *open = false;
                true
            }
            Some(Slot::Doubtful) => true,
            Some(Slot::Decision { .. } | Slot::Other) | None => false,
        }
    }
}

/// The open decisions of a log.
#[derive(Debug)]
pub(super) struct Pairs {
    /// How many are remembered.
    limit: usize,
    open: BTreeMap<u64, DecisionId>,
    /// How many older ones are open.
    forgotten: u64,
    /// All of the forgotten ones stand below this number.
    forgotten_below: u64,
    doubtful: BTreeSet<u64>,
}

impl Default for Pairs {
    fn default() -> Self {
        Self::remembering(OPEN)
    }
}

impl Pairs {
    const fn remembering(limit: usize) -> Self {
        Self { limit, open: BTreeMap::new(), forgotten: 0, forgotten_below: 0, doubtful: BTreeSet::new() }
    }

    /// Takes in a span, whose far outcomes have been settled.
    pub(super) fn add(&mut self, span: &SpanPairs) {
        for (seq, slot) in (span.first..).zip(&span.slots) {
            match slot {
                Slot::Decision { id, open: true } => _ = self.open.insert(seq, *id),
                Slot::Doubtful if self.doubtful.len() < DOUBTFUL => _ = self.doubtful.insert(seq),
                Slot::Decision { open: false, .. } | Slot::Other | Slot::Doubtful => {}
            }
        }
        while self.open.len() > self.limit {
            let Some((seq, _)) = self.open.pop_first() else { break };
            self.forgotten += 1;
            self.forgotten_below = seq + 1;
        }
    }

    /// The outcomes of a span whose decisions stand before it.
    pub(super) fn far(span: &SpanPairs) -> &[Far] {
        &span.far
    }

    /// Settles an outcome; `false` when its decision must be read again.
    pub(super) fn settle(&mut self, far: &Far) -> bool {
        let known = self.open.get(&far.of) == Some(&far.id);
        if known {
            self.open.remove(&far.of);
        }
        known || self.doubtful.contains(&far.of)
    }

    /// Settles an outcome whose decision was read again; `false` when that is not the decision it names.
    pub(super) fn settle_with(&mut self, far: &Far, record: Option<&[u8]>) -> bool {
        // What is gone or damaged is told elsewhere.
        let Some(Ok(leaf)) = record.map(Leaf::read) else { return true };
        match leaf.body {
            Body::Decision { id, allows } if id == far.id => {
                if allows && far.of < self.forgotten_below {
                    self.forgotten = self.forgotten.saturating_sub(1);
                }
                true
            }
            Body::Decision { .. } | Body::Outcome { .. } | Body::Key(_) | Body::Prune(_) | Body::Plain => false,
        }
    }

    /// How many decisions are open.
    pub(super) fn open(&self) -> u64 {
        self.forgotten + self.open.len() as u64
    }
}

#[cfg(test)]
#[path = "pairs_tests.rs"]
mod tests;
