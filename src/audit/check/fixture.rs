//! What the tests here share: a log of a few kinds of records, as files in memory and as what a database stores.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::tlog::tile::{Content, encode_entries, encode_hashes, growth};
use super::super::tlog::{Checkpoint, Frontier, KeyName, KeySchedule, Node, SignedCheckpoint, SigningKey, Tile, TreeHash};
use super::run::{Question, Trusted};
use super::source::{Files, Stored};
use super::spans::{Claim, Found, ReadError};

/// The log of all tests here.
const ORIGIN: &str = "audit.example/sidecar/check";

/// Files by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(pub(super) BTreeMap<String, Bytes>);

impl Files for Memory {
    fn get(&self, name: &str, limit: usize) -> Result<Found, ReadError> {
        Ok(match self.0.get(name) {
            None => Found::Nothing,
            Some(bytes) if bytes.len() > limit => Found::Unfit,
            Some(bytes) => Found::Bytes(bytes.clone()),
        })
    }
}

/// A log whose records follow each other as they should.
pub(super) struct Log {
    pub(super) leaves: Vec<Vec<u8>>,
    key: SigningKey,
    frontiers: Vec<Frontier>,
    nodes: BTreeMap<Node, TreeHash>,
}

impl Log {
    /// Starts, and then decisions that allow and their outcomes.
    pub(super) fn of(size: u64) -> Self {
        let mut log = Self::empty();
        for seq in 0..size {
            let id = |of: u64| format!("01ARZ3NDEKTSV4RRFFQ{of:07}");
            let members = match seq {
                0 => vec![("t", json!("start"))],
                seq if seq % 2 == 1 => vec![("decision", json!("allow")), ("id", json!(id(seq))), ("t", json!("decision"))],
                seq => vec![
                    ("decision_seq", json!(seq - 1)),
                    ("id", json!(id(seq - 1))),
                    ("outcome", json!("ok")),
                    ("t", json!("outcome")),
                ],
            };
            log.push(members);
        }
        log
    }

    pub(super) fn empty() -> Self {
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend_from_slice(&[7; 32]);
        let key = SigningKey::from_pkcs8(KeyName::new(ORIGIN).unwrap(), &der).unwrap();
        Self { leaves: Vec::new(), key, frontiers: vec![Frontier::new()], nodes: BTreeMap::new() }
    }

    /// Appends a record with these members and those that all records have.
    pub(super) fn push(&mut self, members: Vec<(&str, Value)>) {
        let prev = self.leaves.last().map_or(TreeHash::from_bytes([0; 32]), |leaf| TreeHash::leaf(leaf));
        let seq = self.leaves.len();
        let time = format!("2026-11-22T10:15:14.{seq:06}Z");
        let common = [("prev", json!(prev.to_string())), ("seq", json!(seq)), ("ts", json!(time)), ("v", json!(1))];
        let members: BTreeMap<&str, Value> = common.into_iter().chain(members).collect();
        self.push_leaf(serde_json::to_vec(&members).unwrap());
    }

    /// Appends any bytes.
    pub(super) fn push_leaf(&mut self, leaf: Vec<u8>) {
        let mut frontier = self.frontiers.last().unwrap().clone();
        frontier.append(TreeHash::leaf(&leaf), |node, hash| _ = self.nodes.insert(node, *hash)).unwrap();
        self.frontiers.push(frontier);
        self.leaves.push(leaf);
    }

    pub(super) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(super) fn frontier(&self, size: u64) -> &Frontier {
        &self.frontiers[usize::try_from(size).unwrap()]
    }

    pub(super) fn checkpoint(&self, size: u64) -> Bytes {
        let checkpoint = Checkpoint::new(self.key.verifier().name(), size, self.frontier(size).root()).unwrap();
        SignedCheckpoint::sign(checkpoint, &[&self.key]).unwrap().to_string().into()
    }

    pub(super) fn question(&self) -> Question {
        let trusted = Trusted::schedule(KeySchedule::new(self.key.verifier().clone()).unwrap());
        Question { threads: 2, ..Question::new(trusted) }
    }

    fn entries(&self, range: Range<u64>) -> Bytes {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        encode_entries(self.leaves[range].iter().map(Vec::as_slice)).unwrap().into()
    }

    /// The files of the first `size` records.
    pub(super) fn files(&self, size: u64) -> Memory {
        let bytes = |tile: Tile| -> Bytes {
            let range = tile.index() * 256..tile.index() * 256 + u64::from(tile.width());
            match tile.content() {
                Content::Entries => self.entries(range),
                Content::Hashes(level) => {
                    let hashes: Vec<_> = range.map(|index| self.nodes[&Node { level: level * 8, index }]).collect();
                    encode_hashes(&hashes).into()
                }
            }
        };
        let tiles = growth(0, size).map(|tile| (tile.to_string(), bytes(tile)));
        Memory(tiles.chain([("checkpoint".to_owned(), self.checkpoint(size))]).collect())
    }

    /// What a database has stored of the records in `range`, `step` of them at a time.
    pub(super) fn stored(&self, range: Range<u64>, step: u64) -> Vec<Stored> {
        let firsts = (range.start..range.end).step_by(usize::try_from(step).unwrap());
        let stored = firsts.map(|first| {
            let end = range.end.min(first + step);
            let last = TreeHash::leaf(&self.leaves[usize::try_from(end - 1).unwrap()]);
            let claim = Claim { last, edge: Some((self.frontier(end).clone(), self.checkpoint(end))) };
            Stored { first, entries: self.entries(first..end), claim }
        });
        stored.collect()
    }

    /// One record.
    pub(super) fn record(&self, seq: u64) -> Option<Bytes> {
        self.leaves.get(usize::try_from(seq).ok()?).cloned().map(Bytes::from)
    }
}
