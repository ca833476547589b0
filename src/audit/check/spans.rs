//! What a verifier reads: a log's records in bundles, wherever they are kept.
//!
//! A bundle is what C2SP tlog-tiles calls an entry bundle: up to 256 records, the first of which has a number that is a multiple of
//! 256. [`super::source`] has the places that bundles come from.

use std::error::Error;

use bytes::Bytes;

use super::super::tlog::{Frontier, Tile, TreeHash};
use super::fault::Fault;

/// Why something that is there could not be read. That is not a fault of the log: nobody knows what it holds.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {what}")]
pub struct ReadError {
    /// What was being read.
    what: String,
    /// The cause.
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl ReadError {
    /// An error while reading `what`: a file's name, say.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: source.into() }
    }
}

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These bytes.
    Bytes(Bytes),
    /// Nothing.
    Nothing,
    /// Something longer than what is looked for can be, or no file.
    Unfit,
}

/// Up to 256 records that follow each other.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The number of the first: a multiple of 256.
    pub first: u64,
    /// How many there are: 256, but for the last bundle of a log.
    pub count: u16,
    /// The records, each as its length (u16, big-endian) and its bytes.
    pub entries: Found,
    /// The hash tile over the records; `None` where none are kept.
    pub hashes: Option<Found>,
    /// What the log's own database says about the tree when it has so many records, each of which ends at one of these.
    pub claims: Vec<(u64, Claim)>,
    /// What the source has found wrong after these records; then they are the last.
    pub fault: Option<Fault>,
}

/// What a log's own database says about its first records.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The hash of the last of them.
    pub last: TreeHash,
    /// The tree, and the signed checkpoint of it; nothing between records that were committed together.
    pub edge: Option<(Frontier, Bytes)>,
}

/// A log as bundles, in order. Tickets are taken by one thread at a time; what they stand for is read by many at once.
pub trait Spans: Sync {
    /// Stands for some bundles that follow those of the ticket before.
    type Ticket;

    /// The next ticket; `None` at the end of the log.
    fn next(&self) -> Option<Self::Ticket>;

    /// The bundles of a ticket: the first begins where those of the ticket before end.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    fn read(&self, ticket: Self::Ticket) -> Result<Vec<Bundle>, ReadError>;

    /// A hash tile above level 0; `None` when this one is not kept.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    fn upper_tile(&self, tile: Tile) -> Result<Option<Found>, ReadError>;

    /// One record that was read before; `None` when there is none. Asked for rarely.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    fn record(&self, seq: u64) -> Result<Option<Bytes>, ReadError>;

    /// How many records the log has, when that is known beforehand.
    fn size_hint(&self) -> Option<u64>;
}

/// Cuts the next record off the bytes of a bundle; `None` when they are cut short.
pub(super) fn split_record(entries: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = entries.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// The record at a place in a bundle.
pub(super) fn nth_record(entries: &[u8], place: u64) -> Option<&[u8]> {
    let mut rest = entries;
    for _ in 0..place {
        rest = split_record(rest)?.1;
    }
    Some(split_record(rest)?.0)
}
