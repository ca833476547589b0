//! The bytes of the log: leaves, the chain through them, and the chunks and keys under which they are stored.
//!
//! - `leaf hash = SHA-256(0x00 || leaf)`: the leaf hash of RFC 6962, so that a Merkle tree can later stand on the same hashes.
//! - Each leaf names the hash of the one before (`prev`); the first names 32 zero bytes.
//! - `L` + number of the first leaf (u64, big-endian) -> chunk: a format byte, the hash of the chunk's last leaf, then each leaf as
//!   u16 length (big-endian) and bytes, which is the C2SP entry bundle. One chunk holds what was committed together, so that the
//!   chunk that is written last *is* the head of the log: head and leaves cannot disagree after a crash, and a commit is one write.
//! - `P` + number of a leaf + part (u8) -> a piece of what was kept of its call, enciphered (see [`super::private`]).
//!
//! A later form adds its own keys (`T` tiles, `C` checkpoints, `X` cursors); readers here look only at theirs.

use std::fmt;

use base64::Engine as _;
use ring::digest;

use super::json::encode_base64;

/// The first byte of a chunk.
const FORMAT: u8 = 1;
/// A format byte and a hash.
const CHUNK_HEADER: usize = 33;
/// A chunk is closed before it grows beyond this; one longest leaf fits.
pub(super) const CHUNK: usize = super::encode::MAX_LEAF + 64;
/// Kept bytes are stored in pieces of this length.
pub(super) const KEPT_PART: usize = 32 << 10;

/// The hash of a leaf, and with it of everything before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeafHash([u8; 32]);

impl LeafHash {
    /// What the first leaf names as the one before it.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash of a leaf.
    #[must_use]
    pub fn of(leaf: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[0]);
        context.update(leaf);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    /// Reads the base64 form; `None` when it is not that of 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LeafHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        encode_base64(&self.0).iter().try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

impl fmt::Debug for LeafHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many records there are; also the number of the next one.
    pub size: u64,
    /// The hash of the last one.
    pub hash: LeafHash,
}

impl Head {
    /// The head of a log without records.
    pub const EMPTY: Self = Self { size: 0, hash: LeafHash::ZERO };
}

/// The letter before the number in the keys of chunks.
pub(super) const LEAVES: u8 = b'L';
/// The letter before the number in the keys of kept bytes.
pub(super) const KEPT: u8 = b'P';

/// The key of a chunk, or the beginning of the keys of what was kept of one call.
pub(super) fn key(letter: u8, first: u64) -> [u8; 9] {
    let mut key = [letter; 9];
    for (to, from) in key.iter_mut().skip(1).zip(first.to_be_bytes()) {
        *to = from;
    }
    key
}

/// The key of a piece of what was kept of one call.
pub(super) fn kept_key(seq: u64, part: u8) -> [u8; 10] {
    let mut whole = [part; 10];
    for (to, from) in whole.iter_mut().zip(key(KEPT, seq)) {
        *to = from;
    }
    whole
}

/// The number in a key.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(1..)?.first_chunk()?))
}

/// A chunk being put together. Its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    bytes: Vec<u8>,
    first: u64,
}

impl ChunkWriter {
    /// Begins a chunk with leaf number `first`.
    pub(super) fn begin(&mut self, first: u64) {
        self.first = first;
        self.bytes.clear();
        self.bytes.resize(CHUNK_HEADER, FORMAT);
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() <= CHUNK_HEADER
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds the leaf that `write` appends, and hands back its hash.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> LeafHash {
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        write(&mut self.bytes);
        let (head, leaf) = self.bytes.split_at_mut(length_at + 2);
        // A leaf is at most 32 KiB, which `Draft` makes sure of.
        let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes();
        head.iter_mut().skip(length_at).zip(length).for_each(|(to, from)| *to = from);
        LeafHash::of(leaf)
    }

    /// The finished value, when `last` is the hash of the leaf added last.
    pub(super) fn finish(&mut self, last: &LeafHash) -> &[u8] {
        self.bytes.iter_mut().skip(1).zip(last.as_bytes()).for_each(|(to, from)| *to = *from);
        &self.bytes
    }
}

/// What is wrong with the bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The format byte is not one that this version reads.
    #[error("its format is not known to this version")]
    Format,
    /// The bytes end in the middle of a leaf, or hold none.
    #[error("its bytes are cut short")]
    Short,
}

/// A stored chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) first: u64,
    /// What the chunk says the hash of its last leaf is.
    pub(super) last_hash: LeafHash,
    bundle: &'a [u8],
}

impl<'a> Chunk<'a> {
    pub(super) fn read(key: &[u8], value: &'a [u8]) -> Result<Self, ChunkError> {
        let first = number(key).ok_or(ChunkError::Format)?;
        let (&format, rest) = value.split_first().ok_or(ChunkError::Short)?;
        if format != FORMAT {
            return Err(ChunkError::Format);
        }
        let (hash, bundle) = rest.split_at_checked(32).ok_or(ChunkError::Short)?;
        let last_hash = LeafHash(hash.try_into().map_err(|_| ChunkError::Short)?);
        if bundle.is_empty() { Err(ChunkError::Short) } else { Ok(Self { first, last_hash, bundle }) }
    }

    /// The leaves with their numbers.
    pub(super) fn leaves(&self) -> Leaves<'a> {
        Leaves { seq: self.first, rest: self.bundle }
    }
}

/// The leaves of a chunk, in order.
pub(super) struct Leaves<'a> {
    seq: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for Leaves<'a> {
    type Item = Result<(u64, &'a [u8]), ChunkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((leaf, rest)) = split_leaf(self.rest) else {
            self.rest = &[];
            return Some(Err(ChunkError::Short));
        };
        let seq = self.seq;
        self.seq += 1;
        self.rest = rest;
        Some(Ok((seq, leaf)))
    }
}

fn split_leaf(bundle: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bundle.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
