//! Tiles, after C2SP tlog-tiles: the log as files that never change, with names that never mean anything else.
//!
//! A hash tile holds up to 256 hashes of one level (each over 256 of the level below), an entry bundle the 256 leaves under a tile
//! of level 0. [`growth`] names what to write when the log has grown, [`TileHashes`] reads the hashes that proofs take. Where tiles
//! are kept is not decided here; a name is relative to wherever that is.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::hash::{HASH_LEN, TreeHash};
use super::merkle::{HashReader, Node};
use super::text::parse_decimal;

/// How many hashes or entries a full tile has.
pub const FULL: u16 = 256;
/// How many levels of the tree one level of tiles spans.
const HEIGHT: u8 = 8;
/// The highest level that a name can have.
const MAX_LEVEL: u8 = 63;
/// The highest level of a tile with anything in it, in a tree of 2^62 leaves.
const TOP: u8 = 7;

/// What is in a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Leaves.
    Entries,
    /// Hashes of this level: leaf hashes at 0.
    Hashes(u8),
}

impl Content {
    /// Entries stand under the hashes of level 0.
    const fn level(self) -> u8 {
        match self {
            Self::Entries => 0,
            Self::Hashes(level) => level,
        }
    }

    /// How many of these a tree of `size` leaves has.
    fn count(self, size: u64) -> u64 {
        size.checked_shr(u32::from(self.level()) * u32::from(HEIGHT)).unwrap_or(0)
    }
}

/// The text is not the name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a tile")]
pub struct TileNameError;

/// Which tile it is. INVARIANT: 1 to 256 wide, at level 63 or below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    content: Content,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile of a tree of `size` leaves, as wide as it is there; `None` when that tree has nothing in it.
    #[must_use]
    pub fn in_tree(content: Content, index: u64, size: u64) -> Option<Self> {
        let rest = content.count(size).checked_sub(index.checked_mul(u64::from(FULL))?)?;
        let width = u16::try_from(rest).unwrap_or(FULL).min(FULL);
        (width > 0 && content.level() <= MAX_LEVEL).then_some(Self { content, index, width })
    }

    /// What is in it.
    #[must_use]
    pub const fn content(&self) -> Content {
        self.content
    }

    /// How many tiles of the same content stand before it.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it has.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it is full; a partial tile can be deleted once the full one is there.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == FULL
    }

    /// The same tile when it is full.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: FULL, ..self }
    }

    /// The leaf after the last that the full tile spans: it can be pruned when that is not above the log's minimum index.
    #[must_use]
    pub fn end_index(&self) -> u64 {
        let span = 1_u64.checked_shl((u32::from(self.content.level()) + 1) * u32::from(HEIGHT));
        let end = span.and_then(|span| self.index.checked_add(1)?.checked_mul(span));
        end.unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Entries => f.write_str("tile/entries/")?,
            Content::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        // 10^18 is the largest power of a thousand in 64 bits.
        let groups = (1..=6).rev().map(|power| 1000_u64.pow(power));
        groups.filter(|group| self.index >= *group).try_for_each(|group| write!(f, "x{:03}/", self.index / group % 1000))?;
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = TileNameError;

    fn from_str(name: &str) -> Result<Self, TileNameError> {
        // Only one spelling is the right one, and it is the one we would write.
        parse_name(name).filter(|tile| tile.to_string() == name).ok_or(TileNameError)
    }
}

fn parse_name(name: &str) -> Option<Tile> {
    let (content, rest) = name.strip_prefix("tile/")?.split_once('/')?;
    let content = match content {
        "entries" => Content::Entries,
        level => Content::Hashes(u8::try_from(parse_decimal(level)?).ok().filter(|level| *level <= MAX_LEVEL)?),
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, u16::try_from(parse_decimal(width)?).ok().filter(|width| (1..FULL).contains(width))?),
        None => (rest, FULL),
    };
    let index = index.split('/').try_fold(0_u64, |index, group| {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let digits = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?;
        index.checked_mul(1000)?.checked_add(digits?)
    })?;
    Some(Tile { content, index, width })
}

/// The tiles that a tree of `new` leaves has and one of `old` leaves has not, in the order to write them: the leaves first, then
/// hashes from the bottom up.
pub fn growth(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let contents = [Content::Entries].into_iter().chain((0..=TOP).map(Content::Hashes));
    contents.flat_map(move |content| {
        let (before, after) = (content.count(old), content.count(new));
        let end = if before < after { after.div_ceil(u64::from(FULL)) } else { 0 };
        (before / u64::from(FULL)..end).filter_map(move |index| Tile::in_tree(content, index, new))
    })
}

/// Knows the hash tiles of a tree.
pub trait TileReader {
    /// Why a tile cannot be had.
    type Error;
    /// The hashes of a tile.
    type Hashes: AsRef<[TreeHash]>;

    /// The hashes of a tile. When a partial one is gone, those of the full one do as well.
    fn hashes(&self, tile: Tile) -> Result<Self::Hashes, Self::Error>;
}

/// Why a hash could not be read from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileHashError<E> {
    /// The tree has no such complete subtree.
    #[error("the tree has no such subtree")]
    Outside,
    /// The tile has fewer hashes than its name says.
    #[error("the tile `{0}` is cut short")]
    Short(Tile),
    /// The tile could not be read.
    #[error("failed to read the tile `{tile}`")]
    Read {
        /// The tile.
        tile: Tile,
        /// What the reader says.
        source: E,
    },
}

/// Reads hashes of a tree from its tiles. Nothing vouches for them: whoever builds on tiles checks the root.
#[derive(Debug, Clone, Copy)]
pub struct TileHashes<R> {
    reader: R,
    size: u64,
}

impl<R: TileReader> TileHashes<R> {
    /// The hashes of the tree of `size` leaves.
    pub const fn new(reader: R, size: u64) -> Self {
        Self { reader, size }
    }
}

impl<R: TileReader> HashReader for TileHashes<R> {
    type Error = TileHashError<R::Error>;

    fn read(&self, node: Node) -> Result<TreeHash, Self::Error> {
        let (tile, range) = locate(node, self.size).ok_or(TileHashError::Outside)?;
        let hashes = self.reader.hashes(tile).map_err(|source| TileHashError::Read { tile, source })?;
        let hashes = hashes.as_ref().get(range).ok_or(TileHashError::Short(tile))?;
        merge(hashes.to_vec()).ok_or(TileHashError::Short(tile))
    }
}

/// The tiles that hold these hashes in the tree of `size` leaves; `None` when one is not in the tree.
#[must_use]
pub fn tiles_for(nodes: &[Node], size: u64) -> Option<BTreeSet<Tile>> {
    nodes.iter().map(|node| Some(locate(*node, size)?.0)).collect()
}

/// The tile, and where in it the hashes stand that the subtree's is made of.
fn locate(node: Node, size: u64) -> Option<(Tile, Range<usize>)> {
    let count = 1_u64 << (node.level % HEIGHT);
    let first = node.index.checked_mul(count)?;
    let tile = Tile::in_tree(Content::Hashes(node.level / HEIGHT), first / u64::from(FULL), size)?;
    let start = first % u64::from(FULL);
    let end = start + count;
    (end <= u64::from(tile.width)).then_some(())?;
    Some((tile, usize::try_from(start).ok()?..usize::try_from(end).ok()?))
}

/// The hash over a power of two of hashes.
fn merge(mut hashes: Vec<TreeHash>) -> Option<TreeHash> {
    while hashes.len() > 1 {
        hashes = hashes.as_chunks().0.iter().map(|[left, right]| TreeHash::node(left, right)).collect();
    }
    hashes.pop()
}

/// The bytes of a hash tile.
#[must_use]
pub fn encode_hashes(hashes: &[TreeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Reads the bytes of a hash tile; `None` when they are not as many as its width says.
#[must_use]
pub fn decode_hashes(tile: Tile, bytes: &[u8]) -> Option<Vec<TreeHash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
    let whole = rest.is_empty() && hashes.len() == usize::from(tile.width);
    whole.then(|| hashes.iter().copied().map(TreeHash::from_bytes).collect())
}

/// The bytes of an entry bundle; `None` when an entry is longer than 65,535 bytes.
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    entries.into_iter().try_fold(Vec::new(), |mut bytes, entry| {
        bytes.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(entry);
        Some(bytes)
    })
}

/// Reads the bytes of an entry bundle; `None` when they are not as many entries as its width says, and nothing else.
#[must_use]
pub fn decode_entries(tile: Tile, bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut entries, mut rest) = (Vec::with_capacity(usize::from(tile.width)), bytes);
    for _ in 0..tile.width {
        let (length, after) = rest.split_first_chunk()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = after;
    }
    rest.is_empty().then_some(entries)
}

#[cfg(test)]
#[path = "tile_tests.rs"]
mod tests;
