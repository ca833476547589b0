//! Hash tiles of the archive, for proofs: full ones from their files, those of the right edge computed from the tiles below.
//!
//! While the log grows only full tiles are on disk. A partial one takes up to 255 files to compute once, and after that only what has
//! been added.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::edge::roof;
use super::read::{ArchiveError, ArchiveReader};
use crate::audit::tlog::tile::{Content, FULL};
use crate::audit::tlog::{Tile, TileHashes, TileReader, TreeHash};

/// How many tiles are kept in memory, each of 8 KiB at most.
const CACHED: usize = 32;

/// Tiles that were asked for last, the newest first; each with as many hashes as were needed so far.
#[derive(Debug, Default)]
pub(super) struct TileCache(Mutex<VecDeque<(Tile, Arc<[TreeHash]>)>>);

impl TileCache {
    /// The hashes that are known of a tile, by the name it has when it is full.
    fn get(&self, tile: Tile) -> Option<Arc<[TreeHash]>> {
        let mut tiles = self.0.lock();
        let at = tiles.iter().position(|(cached, _)| *cached == tile)?;
        let found = tiles.remove(at)?;
        let hashes = Arc::clone(&found.1);
        tiles.push_front(found);
        Some(hashes)
    }

    fn put(&self, tile: Tile, hashes: Arc<[TreeHash]>) {
        let mut tiles = self.0.lock();
        tiles.retain(|(cached, _)| *cached != tile);
        tiles.push_front((tile, hashes));
        tiles.truncate(CACHED);
    }
}

impl ArchiveReader {
    /// The hashes of the tree of all archived records.
    #[must_use]
    pub fn tree(&self) -> TileHashes<Self> {
        TileHashes::new(self.clone(), self.archived())
    }

    /// The hashes of a partial tile, of which some may be known: each is the one over a full tile below.
    fn compute(&self, tile: Tile, known: &[TreeHash]) -> Result<Vec<TreeHash>, ArchiveError> {
        let missing = || ArchiveError::Missing(self.layout().tile(tile));
        let Content::Hashes(level @ 1..) = tile.content() else { return Err(missing()) };
        let first = tile.index().saturating_mul(FULL.into());
        let mut hashes = known.to_vec();
        for index in first + known.len() as u64..first + u64::from(tile.width()) {
            let below =
                Tile::in_tree(Content::Hashes(level - 1), index, self.archived()).filter(Tile::is_full).ok_or_else(missing)?;
            hashes.push(roof(&self.read_hashes(below)?)?);
        }
        Ok(hashes)
    }
}

impl TileReader for ArchiveReader {
    type Error = ArchiveError;
    type Hashes = Arc<[TreeHash]>;

    fn hashes(&self, tile: Tile) -> Result<Self::Hashes, ArchiveError> {
        let known = self.shared.tiles.get(tile.full());
        if let Some(known) = known.as_ref().filter(|known| known.len() >= usize::from(tile.width())) {
            return Ok(Arc::clone(known));
        }
        let full = tile.full().end_index() <= self.archived();
        let hashes: Arc<[TreeHash]> =
            if full { self.read_hashes(tile.full())? } else { self.compute(tile, known.as_deref().unwrap_or_default())? }.into();
        self.shared.tiles.put(tile.full(), Arc::clone(&hashes));
        Ok(hashes)
    }
}

#[cfg(test)]
#[path = "tiles_tests.rs"]
mod tests;
