//! The tree over a log's leaves, grown bundle by bundle: its root at any size on the way, and the hash tiles above level 0.
//!
//! The root over a full bundle is a leaf of a smaller tree, so that what happens for each leaf happens where bundles are read, in
//! parallel, and only one step in 256 is left to do in order.

use super::super::tlog::frontier::FrontierError;
use super::super::tlog::tile::{Content, FULL};
use super::super::tlog::{Frontier, Tile, TreeHash};

/// The root of the tree over as many hashes as a full bundle has; `None` for another number of them.
pub(super) fn bundle_root(hashes: &[TreeHash]) -> Option<TreeHash> {
    if hashes.len() != usize::from(FULL) {
        return None;
    }
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.as_chunks().0.iter().map(|[left, right]| TreeHash::node(left, right)).collect();
    }
    level.pop()
}

/// A hash tile above level 0, and what must be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UpperTile {
    pub(super) tile: Tile,
    pub(super) hashes: Vec<TreeHash>,
}

/// A growing tree. INVARIANT: `bundles` counts full bundles, `rest` has fewer leaves than one.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    /// Full bundles, as leaves of a tree of their own.
    bundles: Frontier,
    /// The leaves after the last full bundle.
    rest: Frontier,
    /// The hashes of the hash tile of level 1 that is not full yet, then those of level 2, and so on.
    open: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// How many leaves there are.
    pub(super) fn size(&self) -> u64 {
        self.size_before_rest() + self.rest.size()
    }

    /// Adds a full bundle, and hands back the hash tiles that are now full. Nothing was added before that is not a full bundle.
    pub(super) fn add_bundle(&mut self, root: TreeHash) -> Result<Vec<UpperTile>, FrontierError> {
        let open = &mut self.open;
        let mut entries = Vec::new();
        self.bundles.append(root, |node, hash| {
            // Each eighth level of the tree is a level of tiles; a bundle's root stands at the first of them.
            if node.level % 8 == 0 {
                entries.push((usize::from(node.level / 8), node.index, *hash));
            }
        })?;
        let mut full = Vec::new();
        for (level, index, hash) in entries {
            if open.len() <= level {
                open.resize_with(level + 1, Vec::new);
            }
            let Some(tile) = open.get_mut(level) else { continue };
            tile.push(hash);
            if tile.len() == usize::from(FULL) {
                full.extend(upper(level, index + 1, std::mem::take(tile)));
            }
        }
        Ok(full)
    }

    /// Adds the leaves after the last full bundle, fewer than one.
    pub(super) fn add_rest(&mut self, hashes: &[TreeHash]) -> Result<(), FrontierError> {
        hashes.iter().try_for_each(|hash| self.rest.append(*hash, |_, _| {}).map(|_| ()))
    }

    /// The tree as it is after some of the leaves that come next: `each` is told those of `sizes`, which ascend, that the tree has then.
    /// There are no more leaves than a bundle has, and nothing was added before that is not a full bundle.
    pub(super) fn on_the_way(
        &self,
        leaves: &[TreeHash],
        sizes: &[u64],
        mut each: impl FnMut(Frontier),
    ) -> Result<(), FrontierError> {
        let (mut rest, mut sizes) = (Frontier::new(), sizes.iter().copied().peekable());
        for leaf in leaves {
            rest.append(*leaf, |_, _| {})?;
            if sizes.next_if_eq(&(self.size() + rest.size())).is_none() {
                continue;
            }
            each(self.with(&rest)?);
        }
        Ok(())
    }

    /// All of the tree.
    pub(super) fn frontier(&self) -> Result<Frontier, FrontierError> {
        self.with(&self.rest)
    }

    fn with(&self, rest: &Frontier) -> Result<Frontier, FrontierError> {
        let mut bundles = self.bundles.clone();
        // A full bundle may merge with those before it.
        let peaks = match rest.peaks() {
            [root] if rest.size() == u64::from(FULL) => {
                bundles.append(*root, |_, _| {})?;
                &[]
            }
            peaks => peaks,
        };
        let size = self.size_before_rest() + rest.size();
        Frontier::from_parts(size, bundles.peaks().iter().chain(peaks).copied().collect())
    }

    fn size_before_rest(&self) -> u64 {
        self.bundles.size() * u64::from(FULL)
    }

    /// The hash tiles above level 0 that are not full.
    pub(super) fn partial_tiles(&self) -> Vec<UpperTile> {
        let count = |level: usize| self.bundles.size().checked_shr(u32::try_from(level * 8).unwrap_or(u32::MAX)).unwrap_or(0);
        let tiles = self.open.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty());
        tiles.filter_map(|(level, hashes)| upper(level, count(level), hashes.clone())).collect()
    }
}

/// The tile of a level above that of bundles' roots, when it has so many hashes.
fn upper(level: usize, count: u64, hashes: Vec<TreeHash>) -> Option<UpperTile> {
    let content = Content::Hashes(u8::try_from(level + 1).ok()?);
    let index = count.checked_sub(1)? / u64::from(FULL);
    // The size that this many hashes of the level stand for, as nothing else is asked of it.
    let size = count.checked_shl(u32::try_from((level + 1) * 8).ok()?)?;
    Some(UpperTile { tile: Tile::in_tree(content, index, size)?, hashes })
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
