//! Closing the log in order: `tiles/` becomes a complete log of its own, which foreign tools read as it stands.

use super::edge::partial_tiles;
use super::files::{Archive, WriteError};
use super::layout::bundle_of;
use super::read::read_if_there;
use crate::audit::tlog::tile::{encode_entries, encode_hashes};
use crate::audit::tlog::{Checkpoint, SignedCheckpoint, TreeHash};

impl Archive {
    /// Makes `tiles/` a complete log: `leaves` are the records after the last full bundle, `checkpoint` covers all. The archive itself
    /// does not grow by this: when the log goes on, these records are appended with the rest of their bundle.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; the checkpoint in `tiles/` then still is an earlier one, if there was one, and what it covers is there.
    pub fn close_partial(&mut self, leaves: &[&[u8]], checkpoint: &SignedCheckpoint) -> Result<(), WriteError> {
        let said = checkpoint.checkpoint();
        let (mut edge, mut full) = (self.edge.clone(), Vec::new());
        leaves.iter().try_for_each(|leaf| edge.append(TreeHash::leaf(leaf), &mut full))?;
        if !full.is_empty() || edge.size() != said.size() || edge.frontier()?.root() != *said.root() {
            return Err(WriteError::Checkpoint { size: said.size() });
        }
        self.make_durable()?;
        // The checkpoint before may cover some of these files as well, so that they are replaced, not written.
        if let Some(bundle) = bundle_of(self.size(), said.size()) {
            let bytes = encode_entries(leaves.iter().copied()).ok_or(WriteError::TooLong(self.size()))?;
            self.replace(&self.layout().tile(bundle), &bytes)?;
        }
        edge.partial().try_for_each(|(tile, row)| self.replace(&self.layout().tile(tile), &encode_hashes(row)))?;
        self.sync()?;
        let before = self.published()?;
        self.replace(&self.layout().checkpoint(), checkpoint.to_string().as_bytes())?;
        self.remove_outgrown(before)
    }

    /// The size of the tree whose checkpoint stands in `tiles/`.
    fn published(&self) -> Result<u64, WriteError> {
        let text = read_if_there(&self.layout().checkpoint())?;
        let checkpoint = text.and_then(|text| SignedCheckpoint::parse(&text).ok());
        Ok(checkpoint.as_ref().map(SignedCheckpoint::checkpoint).map_or(0, Checkpoint::size))
    }

    /// Removes the partial tiles of the checkpoint before, of `size` records, that are full now.
    fn remove_outgrown(&self, size: u64) -> Result<(), WriteError> {
        for tile in partial_tiles(size).filter(|tile| tile.full().end_index() <= self.size()) {
            let path = self.layout().tile(tile);
            self.remove(&path)?;
            // Still earlier checkpoints may have tiles of other widths beside it.
            let _ = path.parent().map(std::fs::remove_dir);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "close_tests.rs"]
mod tests;
