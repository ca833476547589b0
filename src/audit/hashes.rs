//! The hashes of the log's Merkle tree, for proofs and roots of any size: from the archive's tiles as far as it goes, and after that
//! computed from the leaves.

use super::tlog::merkle::{self, HashReader, Node, ProveError};
use super::tlog::{Frontier, TreeHash};

/// Why a hash of the tree cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HashError<E> {
    /// The tree has no such part.
    #[error("the log does not have {0} records")]
    Outside(u64),
    /// The archive does not have it.
    #[error(transparent)]
    Archive(#[from] E),
}

/// Reads hashes of the tree of the records that are archived and of those after them.
#[derive(Debug)]
pub struct Hashes<A> {
    archive: A,
    /// How many records the archive has.
    archived: u64,
    /// The leaf hashes after those.
    tail: Vec<TreeHash>,
}

impl<A: HashReader> Hashes<A> {
    pub(super) const fn new(archive: A, archived: u64, tail: Vec<TreeHash>) -> Self {
        Self { archive, archived, tail }
    }

    /// The root of the first `size` records.
    ///
    /// # Errors
    ///
    /// [`ProveError`]; also when there are not so many.
    pub fn root(&self, size: u64) -> Result<TreeHash, ProveError<HashError<A::Error>>> {
        merkle::root(size, self)
    }
}

impl<A: HashReader> HashReader for Hashes<A> {
    type Error = HashError<A::Error>;

    fn read(&self, node: Node) -> Result<TreeHash, Self::Error> {
        let span = 1_u64.checked_shl(node.level.into()).unwrap_or(u64::MAX);
        let start = node.index.saturating_mul(span);
        let end = start.saturating_add(span);
        if end <= self.archived {
            return Ok(self.archive.read(node)?);
        }
        if start >= self.archived {
            let at = |seq: u64| usize::try_from(seq - self.archived).unwrap_or(usize::MAX);
            let leaves = self.tail.get(at(start)..at(end)).ok_or(HashError::Outside(end))?;
            let mut tree = Frontier::new();
            leaves.iter().try_for_each(|leaf| tree.append(*leaf, |_, _| {}).map(drop)).map_err(|_| HashError::Outside(end))?;
            return Ok(tree.root());
        }
        // One half of it at least is whole on either side.
        let half = |index| self.read(Node { level: node.level.saturating_sub(1), index });
        Ok(TreeHash::node(&half(2 * node.index)?, &half(2 * node.index + 1)?))
    }
}

#[cfg(test)]
#[path = "hashes_tests.rs"]
mod tests;
