//! Inclusion and consistency proofs: RFC 6962 sections 2.1.1 and 2.1.2, checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.
//!
//! Making a proof needs hashes of complete subtrees, which a [`HashReader`] hands over; [`inclusion_nodes`] and [`consistency_nodes`]
//! tell beforehand which, for readers that have to fetch them. Checking needs the proof alone. Loops take one step for each bit of
//! the size; nothing recurses. Sizes end at [`MAX_SIZE`], so that no sum overflows.

use super::frontier::fold;
use super::hash::TreeHash;

/// The most leaves a tree can have.
pub const MAX_SIZE: u64 = 1 << 62;
/// The most hashes a proof can have.
pub const MAX_PROOF: usize = 63;

/// A complete subtree: the leaves from `index << level` on, `1 << level` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// How far above the leaves its root stands.
    pub level: u8,
    /// How many subtrees of the same level stand to its left.
    pub index: u64,
}

impl Node {
    /// The subtree that is one leaf.
    #[must_use]
    pub const fn leaf(index: u64) -> Self {
        Self { level: 0, index }
    }

    /// The subtree of twice the size that this one is a half of.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self { level: self.level.saturating_add(1), index: self.index >> 1 }
    }
}

/// Knows the hashes of complete subtrees.
pub trait HashReader {
    /// Why a hash cannot be had.
    type Error;

    /// The hash of a complete subtree.
    fn read(&self, node: Node) -> Result<TreeHash, Self::Error>;
}

/// Why a proof does not prove anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A size is above [`MAX_SIZE`].
    #[error("a tree of {0} leaves is too large")]
    TooLarge(u64),
    /// The tree has no leaf with that index.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: u64,
        /// How many leaves there are.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("a tree of {new} leaves cannot continue one of {old}")]
    Shrunk {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
    /// There are more or fewer hashes than sizes and index ask for.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Root,
    /// The hashes do not lead to the older root, or two trees of one size have two roots.
    #[error("the proof does not lead to the older root")]
    OldRoot,
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such proof.
    #[error(transparent)]
    Impossible(ProofError),
    /// A hash that it takes could not be read.
    #[error("failed to read the hash of subtree {} at level {}", .node.index, .node.level)]
    Read {
        /// The subtree.
        node: Node,
        /// What the reader says.
        source: E,
    },
}

/// The hashes that show that leaf `index` is in the tree of `size` leaves, the leaf's sister first.
pub fn prove_inclusion<R: HashReader>(index: u64, size: u64, reader: &R) -> Result<Vec<TreeHash>, ProveError<R::Error>> {
    hash_spans(&inclusion_spans(index, size).map_err(ProveError::Impossible)?, reader)
}

/// The hashes that show that the tree of `new` leaves begins with the leaves of the tree of `old`.
pub fn prove_consistency<R: HashReader>(old: u64, new: u64, reader: &R) -> Result<Vec<TreeHash>, ProveError<R::Error>> {
    hash_spans(&consistency_spans(old, new).map_err(ProveError::Impossible)?, reader)
}

/// The root of the tree of `size` leaves.
pub fn root<R: HashReader>(size: u64, reader: &R) -> Result<TreeHash, ProveError<R::Error>> {
    check_size(size).map_err(ProveError::Impossible)?;
    Span { start: 0, end: size }.hash(reader)
}

/// Which hashes [`prove_inclusion`] reads.
pub fn inclusion_nodes(index: u64, size: u64) -> Result<Vec<Node>, ProofError> {
    Ok(inclusion_spans(index, size)?.into_iter().flat_map(Span::nodes).collect())
}

/// Which hashes [`prove_consistency`] reads.
pub fn consistency_nodes(old: u64, new: u64) -> Result<Vec<Node>, ProofError> {
    Ok(consistency_spans(old, new)?.into_iter().flat_map(Span::nodes).collect())
}

/// Which hashes [`root`] reads: the frontier of the tree.
pub fn root_nodes(size: u64) -> Result<Vec<Node>, ProofError> {
    check_size(size)?;
    Ok(Span { start: 0, end: size }.nodes().collect())
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root.
pub fn verify_inclusion(leaf: &TreeHash, index: u64, size: u64, proof: &[TreeHash], root: &TreeHash) -> Result<(), ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let (mut climb, mut hash) = (Climb { at: index, last: size - 1 }, *leaf);
    for sister in proof {
        hash = match climb.step()? {
            Side::Left => TreeHash::node(sister, &hash),
            Side::Right => TreeHash::node(&hash, sister),
        };
    }
    climb.finish()?;
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `new` leaves begins with the leaves of the tree of `old`. The empty tree begins every tree, and needs no
/// hashes for it, as do trees of one size.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[TreeHash],
    old_root: &TreeHash,
    new_root: &TreeHash,
) -> Result<(), ProofError> {
    check_order(old, new)?;
    if old == 0 || old == new {
        return verify_trivial(old, new, proof, old_root, new_root);
    }
    // The older tree is a complete subtree of the newer one when its size is a power of two; its root is then left out of the proof.
    let (first, rest) = if old.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(ProofError::Length)? };
    let mut climb = Climb { at: old - 1, last: new - 1 };
    climb.skip(climb.at.trailing_ones());
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sister in rest {
        match climb.step()? {
            Side::Left => {
                old_hash = TreeHash::node(sister, &old_hash);
                new_hash = TreeHash::node(sister, &new_hash);
            }
            Side::Right => new_hash = TreeHash::node(&new_hash, sister),
        }
    }
    climb.finish()?;
    if old_hash != *old_root {
        return Err(ProofError::OldRoot);
    }
    if new_hash == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The two cases that take no hashes.
fn verify_trivial(old: u64, new: u64, proof: &[TreeHash], old_root: &TreeHash, new_root: &TreeHash) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length);
    }
    if (old == new && old_root != new_root) || (old == 0 && *old_root != TreeHash::EMPTY) {
        return Err(ProofError::OldRoot);
    }
    Ok(())
}

const fn check_size(size: u64) -> Result<(), ProofError> {
    if size > MAX_SIZE { Err(ProofError::TooLarge(size)) } else { Ok(()) }
}

fn check_order(old: u64, new: u64) -> Result<(), ProofError> {
    check_size(old)?;
    check_size(new)?;
    if old > new { Err(ProofError::Shrunk { old, new }) } else { Ok(()) }
}

/// On which side of the path a sister stands.
enum Side {
    Left,
    Right,
}

/// The way from a leaf to the root: where the path is on this level, and the last place of the level.
struct Climb {
    at: u64,
    last: u64,
}

impl Climb {
    /// Goes up by one sister, and tells where she stands.
    fn step(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length);
        }
        if self.at & 1 == 0 && self.at < self.last {
            self.skip(1);
            return Ok(Side::Right);
        }
        // On the right edge a subtree may be its own parent for some levels, until it is a right child.
        self.skip(self.at.trailing_zeros() + 1);
        Ok(Side::Left)
    }

    fn skip(&mut self, levels: u32) {
        self.at = self.at.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    fn finish(&self) -> Result<(), ProofError> {
        if self.last == 0 { Ok(()) } else { Err(ProofError::Length) }
    }
}

/// Leaves that stand side by side and are what one hash of a proof is over. INVARIANT: `start` is a multiple of the smallest power
/// of two that is not below the length, so that the span is a tree of its own.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// The complete subtrees that it consists of, largest first.
    fn nodes(self) -> impl Iterator<Item = Node> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let level = (self.end - start).checked_ilog2()?;
            let node = Node { level: u8::try_from(level).ok()?, index: start >> level };
            start += 1 << level;
            Some(node)
        })
    }

    fn hash<R: HashReader>(self, reader: &R) -> Result<TreeHash, ProveError<R::Error>> {
        let read = |node| reader.read(node).map_err(|source| ProveError::Read { node, source });
        let hashes = self.nodes().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(fold(hashes.into_iter()))
    }

    /// Where the left half ends: the largest power of two below the length.
    fn middle(self) -> Option<u64> {
        Some(self.start + (1 << (self.end - self.start).checked_sub(1)?.checked_ilog2()?))
    }
}

fn hash_spans<R: HashReader>(spans: &[Span], reader: &R) -> Result<Vec<TreeHash>, ProveError<R::Error>> {
    spans.iter().map(|span| span.hash(reader)).collect()
}

fn inclusion_spans(index: u64, size: u64) -> Result<Vec<Span>, ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let (mut spans, mut span) = (Vec::new(), Span { start: 0, end: size });
    while let Some(middle) = span.middle() {
        let (left, right) = (Span { end: middle, ..span }, Span { start: middle, ..span });
        let (path, sister) = if index < middle { (left, right) } else { (right, left) };
        spans.push(sister);
        span = path;
    }
    spans.reverse();
    Ok(spans)
}

fn consistency_spans(old: u64, new: u64) -> Result<Vec<Span>, ProofError> {
    check_order(old, new)?;
    let (mut spans, mut span) = (Vec::new(), Span { start: 0, end: new });
    if old == 0 {
        return Ok(spans);
    }
    while span.end != old {
        let Some(middle) = span.middle() else { break };
        let (left, right) = (Span { end: middle, ..span }, Span { start: middle, ..span });
        let (path, sister) = if old <= middle { (left, right) } else { (right, left) };
        spans.push(sister);
        span = path;
    }
    // What is left ends where the older tree ends; whoever checks knows its hash only when it is all of the older tree.
    if span.start != 0 {
        spans.push(span);
    }
    spans.reverse();
    Ok(spans)
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
mod tests;
