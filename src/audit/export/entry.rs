//! One record on its way out: its bytes, where it stands in which log, and what could be read of it.

use crate::audit::chain::LeafHash;
use crate::audit::reader::StoredRecord;

use super::leaf::Leaf;

/// A record of a log.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    origin: &'a str,
    seq: u64,
    hash: LeafHash,
    bytes: &'a [u8],
    leaf: Option<Leaf>,
}

impl<'a> Entry<'a> {
    /// The record `seq` of the log `origin` with these bytes.
    #[must_use]
    pub fn new(origin: &'a str, seq: u64, bytes: &'a [u8]) -> Self {
        Self { origin, seq, hash: LeafHash::of(bytes), bytes, leaf: Leaf::read(bytes) }
    }

    /// A stored record of the log `origin`.
    #[must_use]
    pub fn of(origin: &'a str, record: &'a StoredRecord) -> Self {
        Self { origin, seq: record.seq(), hash: record.hash(), bytes: record.leaf(), leaf: Leaf::read(record.leaf()) }
    }

    /// The name of the log.
    #[must_use]
    pub const fn origin(&self) -> &'a str {
        self.origin
    }

    /// Where it stands in the log.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of its bytes, which is a leaf of the log's tree.
    #[must_use]
    pub const fn hash(&self) -> LeafHash {
        self.hash
    }

    /// Its bytes as they are stored.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What it says; `None` when it is no JSON object.
    #[must_use]
    pub const fn leaf(&self) -> Option<&Leaf> {
        self.leaf.as_ref()
    }

    /// A name that no other record of any log has.
    #[must_use]
    pub fn uid(&self) -> String {
        format!("{}/{}", self.origin, self.seq)
    }
}
