//! One entry bundle: 256 records as they stand in a file, each of them checked against its hash when it is looked at.
//!
//! The hashes come from the tile of leaf hashes under the bundle. So bit rot is told at the record that has it; that the tile itself is
//! the right one is for proofs and `verify` to say.

use std::path::{Path, PathBuf};

use super::read::ArchiveError;
use crate::audit::StoredRecord;
use crate::audit::tlog::TreeHash;

/// The records of a bundle.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    first: u64,
    bytes: Vec<u8>,
    /// Where the leaf of each record begins, and where it ends.
    leaves: Vec<(usize, usize)>,
    hashes: Vec<TreeHash>,
}

impl Bundle {
    /// Takes the bytes of a file apart, which hold as many records as there are `hashes`.
    pub(super) fn decode(path: PathBuf, first: u64, bytes: Vec<u8>, hashes: Vec<TreeHash>) -> Result<Self, ArchiveError> {
        let leaves = Vec::with_capacity(hashes.len());
        let mut bundle = Self { path, first, bytes, leaves, hashes };
        let mut at = 0;
        while bundle.leaves.len() < bundle.hashes.len() {
            let span = leaf_at(&bundle.bytes, at).ok_or_else(|| bundle.broken("the bundle is cut short"))?;
            bundle.leaves.push(span);
            at = span.1;
        }
        if at == bundle.bytes.len() { Ok(bundle) } else { Err(bundle.broken("the bundle goes on after its last record")) }
    }

    /// Lengths and bytes do not fit together: what is wrong begins with the first record that does not have its hash.
    fn broken(&self, what: &'static str) -> ArchiveError {
        let has_hash = |(leaf, hash): &(&[u8], &TreeHash)| TreeHash::leaf(leaf) == **hash;
        let whole = self.unchecked().zip(&self.hashes).take_while(has_hash).count();
        damaged(&self.path, self.first + whole as u64, what)
    }

    /// The number of its first record.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The record with a number.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`]; also when the record is not in this bundle.
    pub fn record(&self, seq: u64) -> Result<StoredRecord, ArchiveError> {
        self.leaf(seq).map(|leaf| StoredRecord::new(seq, leaf))
    }

    /// The bytes of the record with a number.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Damaged`]; also when the record is not in this bundle.
    pub fn leaf(&self, seq: u64) -> Result<&[u8], ArchiveError> {
        let place = seq.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let found = place.and_then(|place| Some((self.unchecked().nth(place)?, self.hashes.get(place)?)));
        let (leaf, hash) = found.ok_or_else(|| damaged(&self.path, seq, "the bundle does not have it"))?;
        if TreeHash::leaf(leaf) == *hash {
            Ok(leaf)
        } else {
            Err(damaged(&self.path, seq, "its bytes do not have the hash of its tile"))
        }
    }

    /// The bytes of all records as they stand in the file, for those who check them in another way.
    pub fn unchecked(&self) -> impl Iterator<Item = &[u8]> {
        self.leaves.iter().map(|(start, end)| self.bytes.get(*start..*end).unwrap_or_default())
    }
}

/// Where the leaf stands whose length stands at `at`.
fn leaf_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let length = bytes.get(at..)?.first_chunk()?;
    let start = at + length.len();
    let end = start + usize::from(u16::from_be_bytes(*length));
    (end <= bytes.len()).then_some((start, end))
}

fn damaged(path: &Path, seq: u64, what: &'static str) -> ArchiveError {
    ArchiveError::Damaged { path: path.into(), seq, what }
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
