//! What a verification found: what the log holds, what is wrong with it, and what follows from both.

use std::collections::BTreeMap;

use crate::domain::Timestamp;

use super::super::tlog::tile::Content;
use super::super::tlog::{KeyName, Tile, TreeHash};
use super::fault::{Fault, Place};
use super::heads::TreeHead;

/// How many faults are kept to be told; the rest is only counted.
const TOLD: usize = 100;

/// What is wrong with a log, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    told: BTreeMap<(Place, u64), Fault>,
    counts: BTreeMap<&'static str, u64>,
    total: u64,
}

impl Faults {
    /// Adds one.
    pub(super) fn add(&mut self, fault: Fault) {
        *self.counts.entry(fault.code()).or_default() += 1;
        self.told.insert((fault.place(), self.total), fault);
        self.total += 1;
        if self.told.len() > TOLD {
            self.told.pop_last();
        }
    }

    /// The first.
    #[must_use]
    pub fn first(&self) -> Option<&Fault> {
        self.told.values().next()
    }

    /// The first hundred.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.told.values()
    }

    /// How many there are of each code.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// How many there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// What the tree says about the records that no fault names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The records have the root that was signed: every byte of every record is as it was signed.
    Signed,
    /// The hash tiles have the root that was signed: the records that faults name were changed, and no others.
    OnlyNamed,
    /// Neither has: any record may have been changed, those after the largest head that holds at least.
    Open,
}

/// What became of an older head that somebody has kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// Where it was kept.
    pub name: String,
    /// What it says.
    pub head: TreeHead,
    /// It was kept in the log's own directory.
    pub inside: bool,
    /// Whether the log still begins with these records; `None` when that cannot be told, because hashes are missing.
    pub holds: Option<bool>,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many records the log has, and the root of their tree.
    pub tree: TreeHead,
    /// The hash of the last record.
    pub head: TreeHash,
    /// How many of the records were there to be read.
    pub read: u64,
    /// Records below this number may be gone, as the newest prune record says; 0 when there is none.
    pub min_index: u64,
    /// The time of the first record that was read.
    pub first: Option<Timestamp>,
    /// The time of the last record that was read.
    pub last: Option<Timestamp>,
    /// The calls that were allowed and have no outcome: under way, or cut off by a crash.
    pub without_outcome: u64,
    /// Whether a checkpoint that is to be believed covers all records.
    pub signed: bool,
    /// Which known witnesses say when they have seen that checkpoint, in seconds since 1970.
    pub cosigned: Vec<(KeyName, u64)>,
    /// The older heads.
    pub anchors: Vec<Anchored>,
    /// What is wrong.
    pub faults: Faults,
    /// What follows for records that no fault names.
    pub rest: Rest,
    /// Records below this number stand in files of entry bundles.
    pub(super) in_tiles: u64,
}

impl Report {
    /// Whether nothing is wrong and everything is signed.
    #[must_use]
    pub const fn verified(&self) -> bool {
        self.signed && self.faults.is_empty()
    }

    /// The file that a fault is about, by its name in the log.
    #[must_use]
    pub fn file(&self, fault: &Fault) -> Option<String> {
        match (fault, fault.record()) {
            (Fault::Checkpoint(_), _) => Some("checkpoint".to_owned()),
            (Fault::Tile { tile, .. }, _) => Some(tile.to_string()),
            (_, Some(seq)) if seq < self.in_tiles => {
                Tile::in_tree(Content::Entries, seq / 256, self.in_tiles).map(|tile| tile.to_string())
            }
            _ => None,
        }
    }
}
