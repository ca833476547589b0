//! What an epoch's database holds: the keys, and the bytes under them.
//!
//! - `S` -> seed: where the epoch begins, so that the log goes on without the databases before it.
//! - `L` + number of the first leaf (u64, big-endian) -> chunk: leaves that were committed together, and the signed checkpoint of the log
//!   after them. They are one value, so that no crash separates a leaf from the signature that covers it. A group that takes several
//!   chunks has its checkpoint in the last one.
//! - `P` + number of a leaf + part (u8) -> a piece of what was kept of its call, enciphered.
//!
//! A chunk is: the format (a byte), the hash of its last leaf, the frontier of the tree after it and the checkpoint (each with its length
//! as u16 before it, empty when another chunk of the group follows), and each leaf as u16 length and bytes: a C2SP entry bundle.

use std::sync::Arc;

use super::chain::LeafHash;
use super::tlog::{Frontier, SignedCheckpoint};
use crate::domain::Timestamp;

/// The first byte of seeds and chunks.
const FORMAT: u8 = 2;
/// A chunk is closed before its leaves grow beyond this; one longest leaf fits.
pub(super) const CHUNK: usize = super::encode::MAX_LEAF + 64;

/// The letter before the number in the keys of chunks.
pub(super) const LEAVES: u8 = b'L';
/// The letter before the number in the keys of kept bytes.
pub(super) const KEPT: u8 = b'P';
/// Kept bytes are stored in pieces of this length.
pub(super) const KEPT_PART: usize = 32 << 10;
/// The key of the seed.
pub(super) const SEED: &[u8] = b"S";

/// The key of a chunk, or the beginning of the keys of what was kept of one call.
pub(super) fn key(letter: u8, number: u64) -> [u8; 9] {
    let mut key = [letter; 9];
    for (to, from) in key.iter_mut().skip(1).zip(number.to_be_bytes()) {
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

/// What is wrong with the bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The format byte is not one that this version reads.
    #[error("its format is not known to this version")]
    Format,
    /// The bytes end in the middle of a leaf, or hold none.
    #[error("its bytes are cut short")]
    Short,
    /// The tree or the checkpoint that belongs to it cannot be read.
    #[error("its checkpoint cannot be read")]
    Checkpoint,
}

/// Where an epoch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seed {
    /// The tree of everything before it.
    pub(super) frontier: Frontier,
    /// The hash of the leaf before its first.
    pub(super) prev: LeafHash,
    /// When it began.
    pub(super) begun: Timestamp,
    /// The newest checkpoint when it began, which covers what was carried over, too.
    pub(super) checkpoint: Arc<SignedCheckpoint>,
}

impl Seed {
    /// The number of its first leaf.
    pub(super) const fn first(&self) -> u64 {
        self.frontier.size()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(self.prev.as_bytes());
        bytes.extend_from_slice(&self.begun.as_micros().to_be_bytes());
        put_counted(&mut bytes, &self.frontier.encode());
        put_counted(&mut bytes, self.checkpoint.to_string().as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ChunkError> {
        let (prev, rest) = after_format(bytes)?.split_first_chunk().ok_or(ChunkError::Short)?;
        let (begun, rest) = rest.split_first_chunk().ok_or(ChunkError::Short)?;
        let (frontier, rest) = split_counted(rest).ok_or(ChunkError::Short)?;
        let (checkpoint, _) = split_counted(rest).filter(|(_, rest)| rest.is_empty()).ok_or(ChunkError::Short)?;
        Ok(Self {
            frontier: Frontier::decode(frontier).map_err(|_| ChunkError::Checkpoint)?,
            prev: LeafHash::from_bytes(*prev),
            begun: Timestamp::from_micros(i64::from_be_bytes(*begun)),
            checkpoint: Arc::new(SignedCheckpoint::parse(checkpoint).map_err(|_| ChunkError::Checkpoint)?),
        })
    }
}

/// The tree after a chunk, and the checkpoint that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) frontier: Frontier,
    pub(super) checkpoint: Arc<SignedCheckpoint>,
}

/// A chunk being put together. Its buffers are used again.
#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    bundle: Vec<u8>,
    value: Vec<u8>,
    first: u64,
}

impl ChunkWriter {
    /// Begins a chunk with leaf number `first`.
    pub(super) fn begin(&mut self, first: u64) {
        self.first = first;
        self.bundle.clear();
    }

    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bundle.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.bundle.len()
    }

    /// Adds the leaf that `write` appends, and hands back its hash.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> LeafHash {
        let length_at = self.bundle.len();
        self.bundle.extend_from_slice(&[0, 0]);
        write(&mut self.bundle);
        let (head, leaf) = self.bundle.split_at_mut(length_at + 2);
        // A leaf is at most 32 KiB, which `Draft` makes sure of.
        let length = u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes();
        head.iter_mut().skip(length_at).zip(length).for_each(|(to, from)| *to = from);
        LeafHash::of(leaf)
    }

    /// The finished value, when `last` is the hash of the leaf added last.
    pub(super) fn finish(&mut self, last: &LeafHash, edge: Option<&Edge>) -> &[u8] {
        self.value.clear();
        self.value.push(FORMAT);
        self.value.extend_from_slice(last.as_bytes());
        let parts = edge.map(|edge| [edge.frontier.encode(), edge.checkpoint.to_string().into_bytes()]);
        for part in &parts.unwrap_or_default() {
            put_counted(&mut self.value, part);
        }
        self.value.extend_from_slice(&self.bundle);
        &self.value
    }
}

/// A stored chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) first: u64,
    /// What the chunk says the hash of its last leaf is.
    pub(super) last_hash: LeafHash,
    edge: [&'a [u8]; 2],
    bundle: &'a [u8],
}

impl<'a> Chunk<'a> {
    pub(super) fn read(key: &[u8], value: &'a [u8]) -> Result<Self, ChunkError> {
        let first = number(key).ok_or(ChunkError::Format)?;
        let (hash, rest) = after_format(value)?.split_first_chunk().ok_or(ChunkError::Short)?;
        let (frontier, rest) = split_counted(rest).ok_or(ChunkError::Short)?;
        let (checkpoint, bundle) = split_counted(rest).ok_or(ChunkError::Short)?;
        if bundle.is_empty() {
            return Err(ChunkError::Short);
        }
        Ok(Self { first, last_hash: LeafHash::from_bytes(*hash), edge: [frontier, checkpoint], bundle })
    }

    /// The tree after it; nothing when its group goes on in the next chunk.
    pub(super) fn edge(&self) -> Result<Option<Edge>, ChunkError> {
        let [frontier, checkpoint] = self.edge;
        if frontier.is_empty() && checkpoint.is_empty() {
            return Ok(None);
        }
        let frontier = Frontier::decode(frontier).map_err(|_| ChunkError::Checkpoint)?;
        let checkpoint = SignedCheckpoint::parse(checkpoint).map_err(|_| ChunkError::Checkpoint)?;
        let said = checkpoint.checkpoint();
        let agree = said.size() == frontier.size() && *said.root() == frontier.root();
        agree.then(|| Some(Edge { frontier, checkpoint: Arc::new(checkpoint) })).ok_or(ChunkError::Checkpoint)
    }

    /// The tree and the checkpoint after it as they are stored, for whoever judges them; both empty when its group goes on in the next
    /// chunk.
    pub(super) const fn stored_edge(&self) -> [&'a [u8]; 2] {
        self.edge
    }

    /// Its leaves as they are stored.
    pub(super) const fn bundle(&self) -> &'a [u8] {
        self.bundle
    }

    /// The hashes of its leaves; nothing when the last is not the one that the chunk names.
    pub(super) fn hashes(&self) -> Result<Option<Vec<LeafHash>>, ChunkError> {
        let hashes = self.leaves().map(|leaf| leaf.map(|(_, leaf)| LeafHash::of(leaf))).collect::<Result<Vec<_>, _>>()?;
        Ok((hashes.last() == Some(&self.last_hash)).then_some(hashes))
    }

    /// The leaves with their numbers.
    pub(super) const fn leaves(&self) -> Leaves<'a> {
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
        let Some((leaf, rest)) = split_counted(self.rest) else {
            self.rest = &[];
            return Some(Err(ChunkError::Short));
        };
        let seq = self.seq;
        self.seq += 1;
        self.rest = rest;
        Some(Ok((seq, leaf)))
    }
}

fn after_format(bytes: &[u8]) -> Result<&[u8], ChunkError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => Ok(rest),
        Some(_) => Err(ChunkError::Format),
        None => Err(ChunkError::Short),
    }
}

/// Appends bytes with their number before them. A frontier has 62 hashes at most, a checkpoint of ours two signatures.
fn put_counted(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend_from_slice(bytes);
}

/// The bytes whose number stands before them, and the rest.
fn split_counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
