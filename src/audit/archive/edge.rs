//! The right edge of the tree, as tiles see it: of each level the hashes that do not fill a tile yet.
//!
//! [`Frontier`] keeps less, but a tile that becomes full has to be written whole. Nothing here reads or writes files.

use crate::audit::tlog::frontier::FrontierError;
use crate::audit::tlog::tile::{Content, FULL};
use crate::audit::tlog::{Frontier, Tile, TreeHash};

/// How many levels of tiles a tree can have.
const LEVELS: usize = 8;
/// How many levels of the tree one level of tiles spans.
const HEIGHT: u32 = FULL.trailing_zeros();

/// A tile's hashes.
pub(super) type Row = Vec<TreeHash>;

/// Where a tree grows. INVARIANT: the row of a level has as many hashes as the tree has beyond that level's full tiles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Edge {
    size: u64,
    rows: [Row; LEVELS],
}

impl Edge {
    /// How many leaves the tree has.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; the tiles that are full now are added to `full`, from the bottom up.
    pub(super) fn append(&mut self, leaf: TreeHash, full: &mut Vec<(Tile, Row)>) -> Result<(), FrontierError> {
        let (mut hash, size) = (leaf, self.size + 1);
        for (content, row) in contents().zip(&mut self.rows) {
            row.push(hash);
            if row.len() < usize::from(FULL) {
                self.size = size;
                return Ok(());
            }
            let row = std::mem::take(row);
            hash = roof(&row)?;
            full.push((last_tile(content, size - 1, size).ok_or(FrontierError::TooLarge)?, row));
        }
        Err(FrontierError::TooLarge)
    }

    /// The tiles that are not full, from the bottom up.
    pub(super) fn partial(&self) -> impl Iterator<Item = (Tile, &Row)> {
        let rows = contents().zip(&self.rows).filter(|(_, row)| !row.is_empty());
        rows.filter_map(|(content, row)| Some((last_tile(content, self.size, self.size)?, row)))
    }

    /// The edge of the tree of `size` leaves, all of them in full tiles of leaf hashes; `read` reads full tiles.
    pub(super) fn restore<E: From<FrontierError>>(size: u64, mut read: impl FnMut(Tile) -> Result<Row, E>) -> Result<Self, E> {
        let mut edge = Self { size, ..Self::default() };
        // The hash of a full tile is an entry of the tile above.
        for ((below, row), level) in contents().zip(edge.rows.iter_mut().skip(1)).zip(1_u32..) {
            let count = size.checked_shr(level * HEIGHT).unwrap_or(0);
            for index in count - count % u64::from(FULL)..count {
                let tile = Tile::in_tree(below, index, size).ok_or(FrontierError::TooLarge)?;
                row.push(roof(&read(tile)?)?);
            }
        }
        Ok(edge)
    }

    /// The edge of the tree, as proofs see it.
    pub(super) fn frontier(&self) -> Result<Frontier, FrontierError> {
        let mut peaks = Vec::new();
        for row in self.rows.iter().rev() {
            let mut rest = row.as_slice();
            while let Some(bit) = rest.len().checked_ilog2() {
                let (subtree, after) = rest.split_at(1 << bit);
                peaks.push(roof(subtree)?);
                rest = after;
            }
        }
        Frontier::from_parts(self.size, peaks)
    }
}

/// The hash over a power of two of hashes.
pub(super) fn roof(hashes: &[TreeHash]) -> Result<TreeHash, FrontierError> {
    let mut tree = Frontier::new();
    hashes.iter().try_for_each(|hash| tree.append(*hash, |_, _| {}).map(drop))?;
    Ok(tree.root())
}

/// The names of the tiles that are not full in the tree of `size` leaves.
pub(super) fn partial_tiles(size: u64) -> impl Iterator<Item = Tile> {
    let all = [Content::Entries].into_iter().chain(contents());
    all.filter_map(move |content| last_tile(content, size, size)).filter(|tile| !tile.is_full())
}

/// The tile of the tree of `size` leaves that stands over `leaf`.
fn last_tile(content: Content, leaf: u64, size: u64) -> Option<Tile> {
    let level = match content {
        Content::Entries => 0,
        Content::Hashes(level) => level,
    };
    let index = leaf.checked_shr((u32::from(level) + 1) * HEIGHT).unwrap_or(0);
    Tile::in_tree(content, index, size)
}

/// The hash tiles of each level, from the bottom up.
fn contents() -> impl Iterator<Item = Content> {
    (0_u8..).take(LEVELS).map(Content::Hashes)
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;
