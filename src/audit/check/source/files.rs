//! A log as files in the layout of C2SP tlog-tiles: `checkpoint`, `tile/entries/…` and `tile/<level>/…`.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::super::super::tlog::Tile;
use super::super::super::tlog::hash::HASH_LEN;
use super::super::super::tlog::note::MAX_NOTE;
use super::super::super::tlog::tile::{Content, FULL};
use super::super::spans::{Bundle, Found, ReadError, Spans, nth_record, split_record};

/// The name of the newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// The longest checkpoint, in bytes.
pub const MAX_CHECKPOINT: usize = MAX_NOTE;
/// The name of the list of keys beside a checkpoint.
pub const TRUST: &str = "trust";
/// The longest list of keys, in bytes.
pub const MAX_TRUST: usize = 512 << 10;
/// The longest entry bundle: 256 entries of 65,535 bytes and their lengths.
const MAX_ENTRIES: usize = 256 * (2 + 65_535);
/// The longest hash tile.
const MAX_HASHES: usize = 256 * HASH_LEN;
/// How many bundles are read together.
const SPAN: u64 = 8;

/// A file that is wanted, and how long it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The most bytes it can have.
    pub limit: usize,
}

/// Files by their names.
pub trait Files: Sync {
    /// What stands under a name.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be said.
    fn get(&self, name: &str, limit: usize) -> Result<Found, ReadError>;

    /// What stands under several names, in their order. Where asking takes a while, they are asked for together.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when that cannot be said of one.
    fn get_all(&self, wanted: &[Wanted]) -> Result<Vec<Found>, ReadError> {
        wanted.iter().map(|wanted| self.get(&wanted.name, wanted.limit)).collect()
    }
}

impl<F: Files> Files for &F {
    fn get(&self, name: &str, limit: usize) -> Result<Found, ReadError> {
        F::get(self, name, limit)
    }

    fn get_all(&self, wanted: &[Wanted]) -> Result<Vec<Found>, ReadError> {
        F::get_all(self, wanted)
    }
}

/// The bundles of a log that is kept as files.
#[derive(Debug)]
pub struct TileSpans<F> {
    files: F,
    size: u64,
    /// The next bundle to be read.
    next: AtomicU64,
}

impl<F: Files> TileSpans<F> {
    /// The first `size` records. When that is no multiple of 256, partial tiles are read, or full ones that have taken their place.
    pub const fn new(files: F, size: u64) -> Self {
        Self { files, size, next: AtomicU64::new(0) }
    }

    /// How many records there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    fn tile(&self, content: Content, index: u64) -> Option<Tile> {
        Tile::in_tree(content, index, self.size)
    }

    /// A tile; of one that has grown since, the part that is wanted.
    fn grown(&self, tile: Tile, found: Found) -> Result<Found, ReadError> {
        if tile.is_full() || found != Found::Nothing {
            return Ok(found);
        }
        let full = wanted(tile.full());
        Ok(match self.files.get(&full.name, full.limit)? {
            Found::Bytes(bytes) => Found::Bytes(first_part(tile, &bytes)),
            other => other,
        })
    }
}

impl<F: Files> Spans for TileSpans<F> {
    type Ticket = std::ops::Range<u64>;

    fn next(&self) -> Option<Self::Ticket> {
        let first = self.next.fetch_add(SPAN, Ordering::Relaxed);
        let end = self.size.div_ceil(u64::from(FULL)).min(first.saturating_add(SPAN));
        (first < end).then_some(first..end)
    }

    fn read(&self, ticket: Self::Ticket) -> Result<Vec<Bundle>, ReadError> {
        let tiles = |index| Some([self.tile(Content::Hashes(0), index)?, self.tile(Content::Entries, index)?]);
        let tiles: Vec<[Tile; 2]> = ticket.filter_map(tiles).collect();
        let names: Vec<Wanted> = tiles.iter().flatten().map(|tile| wanted(*tile)).collect();
        let mut found = self.files.get_all(&names)?.into_iter();
        let mut bundles = Vec::with_capacity(tiles.len());
        for [hashes, entries] in tiles {
            let mut next = |tile| self.grown(tile, found.next().unwrap_or(Found::Nothing));
            let (first, count) = (hashes.index() * u64::from(FULL), hashes.width());
            let (hashes, entries) = (Some(next(hashes)?), next(entries)?);
            bundles.push(Bundle { first, count, entries, hashes, claims: Vec::new(), fault: None });
        }
        Ok(bundles)
    }

    fn upper_tile(&self, tile: Tile) -> Result<Option<Found>, ReadError> {
        let asked = wanted(tile);
        self.grown(tile, self.files.get(&asked.name, asked.limit)?).map(Some)
    }

    fn record(&self, seq: u64) -> Result<Option<Bytes>, ReadError> {
        let Some(tile) = self.tile(Content::Entries, seq / u64::from(FULL)) else { return Ok(None) };
        let asked = wanted(tile);
        match self.grown(tile, self.files.get(&asked.name, asked.limit)?)? {
            Found::Bytes(bytes) => Ok(nth_record(&bytes, seq % u64::from(FULL)).map(|record| bytes.slice_ref(record))),
            Found::Nothing | Found::Unfit => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<u64> {
        Some(self.size)
    }
}

fn wanted(tile: Tile) -> Wanted {
    let limit = if tile.content() == Content::Entries { MAX_ENTRIES } else { MAX_HASHES };
    Wanted { name: tile.to_string(), limit }
}

/// The bytes that a partial tile had of those that it has now; all of them when they are too few.
fn first_part(tile: Tile, bytes: &Bytes) -> Bytes {
    let length = match tile.content() {
        Content::Hashes(_) => usize::from(tile.width()) * HASH_LEN,
        Content::Entries => {
            let mut rest = bytes.as_ref();
            (0..tile.width()).try_for_each(|_| split_record(rest).map(|(_, after)| rest = after));
            bytes.len() - rest.len()
        }
    };
    bytes.slice(..length.min(bytes.len()))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
