//! The bytes of tiles, read from the log and held against its own hashes: what leaves the machine is what the log has signed.

use std::ops::Range;

use bytes::Bytes;

use super::source::{Source, SourceError, root_at};
use crate::audit::tlog::tile::{Content, FULL, encode_entries, encode_hashes};
use crate::audit::tlog::{Checkpoint, Tile, TreeHash};

/// How many levels of the tree one level of tiles spans.
const HEIGHT: u8 = 8;

/// The bytes of a tile.
pub(super) fn read(source: &dyn Source, tile: Tile) -> Result<Bytes, SourceError> {
    let start = tile.index().saturating_mul(u64::from(FULL));
    let range = start..start.saturating_add(u64::from(tile.width()));
    match tile.content() {
        Content::Entries => entries(source, tile, range),
        Content::Hashes(level) => Ok(encode_hashes(&hashes(source, level.saturating_mul(HEIGHT), range)?).into()),
    }
}

fn entries(source: &dyn Source, tile: Tile, range: Range<u64>) -> Result<Bytes, SourceError> {
    let leaves = source.entries(range.clone())?;
    let hashes = hashes(source, 0, range)?;
    let intact = leaves.len() == hashes.len() && leaves.iter().zip(&hashes).all(|(leaf, hash)| TreeHash::leaf(leaf) == *hash);
    if !intact {
        return Err(SourceError::because(format!("the records of `{tile}` are not those that were hashed")));
    }
    let encoded = encode_entries(leaves.iter().map(Vec::as_slice));
    encoded.map(Bytes::from).ok_or_else(|| SourceError::because(format!("a record of `{tile}` is too long")))
}

fn hashes(source: &dyn Source, level: u8, range: Range<u64>) -> Result<Vec<TreeHash>, SourceError> {
    let wanted = range.end.saturating_sub(range.start);
    let hashes = source.hashes(level, range)?;
    if u64::try_from(hashes.len()) == Ok(wanted) {
        Ok(hashes)
    } else {
        Err(SourceError::because(format!("the log gave {} hashes instead of {wanted}", hashes.len())))
    }
}

/// Whether the hashes of the log lead to the root that it has signed.
pub(super) fn vouch(source: &dyn Source, checkpoint: &Checkpoint) -> Result<(), SourceError> {
    if root_at(source, checkpoint.size())? == *checkpoint.root() {
        Ok(())
    } else {
        Err(SourceError::because(format!("the hashes of the first {} records do not lead to the signed root", checkpoint.size())))
    }
}
