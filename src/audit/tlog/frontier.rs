//! The right edge of a growing tree: what an append and the root after it need, and nothing else.
//!
//! A tree of n leaves falls apart into one complete subtree for each 1 in the binary form of n; their hashes, largest subtree first,
//! are the frontier (RFC 9162 section 2.1.2 computes the same with a stack). Appending is like adding 1: subtrees of equal size
//! merge. State is at most 62 hashes. What becomes of the hashes that fall out is the caller's business: [`Frontier::append`]
//! names each, which is what tiles ([`super::tile`]) are made of.

use super::hash::{HASH_LEN, TreeHash};
use super::merkle::{MAX_SIZE, Node};

/// The bytes of the size in the stored form.
const SIZE_LEN: usize = 8;

/// Why a frontier could not be made or grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The tree would get more than [`MAX_SIZE`] leaves.
    #[error("the tree has more than 2^62 leaves")]
    TooLarge,
    /// The number of hashes is not the number of ones in the binary form of the size.
    #[error("a tree of {size} leaves has {expected} peaks, not {found}")]
    Peaks {
        /// How many leaves the tree is said to have.
        size: u64,
        /// How many hashes that takes.
        expected: u32,
        /// How many there are.
        found: usize,
    },
    /// The stored form is cut short, or not a whole number of hashes.
    #[error("the stored form is cut short")]
    Short,
}

/// The complete subtrees of a tree, largest first. INVARIANT: there are as many as the size has ones in binary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<TreeHash>,
}

impl Frontier {
    /// The frontier of a tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// Puts a stored frontier together again.
    pub fn from_parts(size: u64, peaks: Vec<TreeHash>) -> Result<Self, FrontierError> {
        if size > MAX_SIZE {
            return Err(FrontierError::TooLarge);
        }
        let (expected, found) = (size.count_ones(), peaks.len());
        if usize::try_from(expected) == Ok(found) {
            Ok(Self { size, peaks })
        } else {
            Err(FrontierError::Peaks { size, expected, found })
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, peaks) = bytes.split_first_chunk::<SIZE_LEN>().ok_or(FrontierError::Short)?;
        let (peaks, []) = peaks.as_chunks::<HASH_LEN>() else { return Err(FrontierError::Short) };
        Self::from_parts(u64::from_be_bytes(*size), peaks.iter().copied().map(TreeHash::from_bytes).collect())
    }

    /// The form to store: the size (u64, big-endian), then the hashes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.peaks.iter().for_each(|peak| bytes.extend_from_slice(peak.as_bytes()));
        bytes
    }

    /// Appends a leaf and tells its index. `completed` hears of every subtree that is now complete, the leaf first.
    pub fn append(&mut self, leaf: TreeHash, mut completed: impl FnMut(Node, &TreeHash)) -> Result<u64, FrontierError> {
        if self.size >= MAX_SIZE {
            return Err(FrontierError::TooLarge);
        }
        let index = self.size;
        let (mut hash, mut node) = (leaf, Node::leaf(index));
        completed(node, &hash);
        // INVARIANT: each 1 at the end of the size stands for a subtree that the new leaf completes the sister of.
        let merging = usize::try_from(index.trailing_ones()).unwrap_or(usize::MAX);
        let kept = self.peaks.len().saturating_sub(merging);
        for left in self.peaks.drain(kept..).rev() {
            hash = TreeHash::node(&left, &hash);
            node = node.parent();
            completed(node, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
        Ok(index)
    }

    /// The frontier of the tree's first leaves, as many as fill whole subtrees of `1 << level`.
    #[must_use]
    pub fn whole(&self, level: u32) -> Self {
        let size = self.size.checked_shr(level).map_or(0, |count| count << level);
        let kept = usize::try_from(size.count_ones()).unwrap_or(usize::MAX);
        Self { size, peaks: self.peaks.iter().take(kept).copied().collect() }
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        fold(self.peaks.iter().copied())
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[TreeHash] {
        &self.peaks
    }
}

/// The hash over complete subtrees that shrink from left to right.
pub(super) fn fold(subtrees: impl DoubleEndedIterator<Item = TreeHash>) -> TreeHash {
    subtrees.rev().reduce(|right, left| TreeHash::node(&left, &right)).unwrap_or(TreeHash::EMPTY)
}

#[cfg(test)]
#[path = "frontier_tests.rs"]
mod tests;
