//! Proofs that were used, for as long as they could be used again.

use std::collections::{BTreeMap, HashSet};

use parking_lot::Mutex;
use ring::digest::{Context, SHA256};

use crate::domain::Timestamp;

/// Proofs by digest, each until it would be too old anyway.
#[derive(Debug)]
pub(super) struct Spent {
    known: Mutex<Known>,
    most: usize,
}

#[derive(Debug, Default)]
struct Known {
    digests: HashSet<[u8; 32]>,
    /// Those that may be forgotten at a time.
    ends: BTreeMap<Timestamp, Vec<[u8; 32]>>,
}

impl Spent {
    pub(super) fn new(most: usize) -> Self {
        Self { known: Mutex::default(), most }
    }

    /// Whether this proof is used for the first time. When too many are remembered none is accepted: to forget one would let somebody
    /// use it again.
    pub(super) fn spend(&self, thumbprint: &str, id: &str, until: Timestamp, now: Timestamp) -> bool {
        let mut context = Context::new(&SHA256);
        // A thumbprint has no NUL, so the two cannot run into each other.
        [thumbprint.as_bytes(), b"\0", id.as_bytes()].into_iter().for_each(|part| context.update(part));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        let mut known = self.known.lock();
        known.forget(now);
        if known.digests.len() >= self.most || !known.digests.insert(digest) {
            return false;
        }
        known.ends.entry(until).or_default().push(digest);
        true
    }
}

impl Known {
    fn forget(&mut self, now: Timestamp) {
        while let Some(first) = self.ends.first_entry().filter(|first| *first.key() < now) {
            for digest in first.remove() {
                self.digests.remove(&digest);
            }
        }
    }
}
