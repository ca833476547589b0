//! Tokens that were verified a moment ago, by their digest: never past their end, never with a key that is gone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};

use super::verified::Verified;
use crate::domain::Timestamp;

/// The digest that a token is remembered by. The token itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        // SHA-256 has 32 bytes, always.
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

/// On whose word a token is believed: an issuer by its place in the configuration, and how many keys it had lost by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) issuer: usize,
    pub(super) epoch: u64,
}

#[derive(Debug)]
struct Entry {
    verified: Arc<Verified>,
    word: Word,
    until: Timestamp,
}

/// The tokens that are remembered.
#[derive(Debug)]
pub(super) struct Remembered {
    known: Mutex<Known>,
    most: usize,
    longest_micros: i64,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<TokenDigest, Entry>,
    /// The oldest in front.
    order: VecDeque<TokenDigest>,
}

impl Remembered {
    /// Remembers at most so many, each no longer than this.
    pub(super) fn new(most: usize, longest: Duration) -> Self {
        let longest_micros = i64::try_from(longest.as_micros()).unwrap_or(i64::MAX);
        Self { known: Mutex::default(), most, longest_micros }
    }

    /// The token, if it is still good. `epoch` tells how many keys an issuer has lost by now.
    pub(super) fn get(
        &self,
        digest: &TokenDigest,
        now: Timestamp,
        epoch: impl FnOnce(usize) -> u64,
    ) -> Option<(usize, Arc<Verified>)> {
        let mut known = self.known.lock();
        let entry = known.entries.get(digest)?;
        if entry.until > now && epoch(entry.word.issuer) == entry.word.epoch {
            return Some((entry.word.issuer, Arc::clone(&entry.verified)));
        }
        known.entries.remove(digest);
        None
    }

    /// Remembers a token that was verified. INVARIANT: `word` was taken before the keys were looked at, so that a key that went away
    /// meanwhile makes the token forgotten.
    pub(super) fn put(&self, digest: TokenDigest, verified: Arc<Verified>, word: Word, now: Timestamp) {
        if self.most == 0 {
            return;
        }
        let longest = Timestamp::from_micros(now.as_micros().saturating_add(self.longest_micros));
        let until = verified.expires.min(longest);
        let mut known = self.known.lock();
        if let Some(entry) = known.entries.get_mut(&digest) {
            *entry = Entry { verified, word, until };
            return;
        }
        while known.order.len() >= self.most {
            let Some(oldest) = known.order.pop_front() else { break };
            known.entries.remove(&oldest);
        }
        known.entries.insert(digest, Entry { verified, word, until });
        known.order.push_back(digest);
    }

    /// Forgets a token.
    pub(super) fn forget(&self, digest: &TokenDigest) {
        self.known.lock().entries.remove(digest);
    }
}

#[cfg(test)]
#[path = "remembered_tests.rs"]
mod tests;
