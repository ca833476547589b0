//! What the tests of the transparency log share: trees that keep every hash.

use std::collections::HashMap;

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::frontier::Frontier;
use super::hash::TreeHash;
use super::merkle::{HashReader, Node};
pub(super) use crate::note::fixtures::{cosigner, name, signing_key, some_flips};

/// The log of most tests.
pub(super) const ORIGIN: &str = "audit.example/sidecar/test";

/// A tree whose leaf n is the decimal text of n.
#[derive(Default)]
pub(in crate::audit) struct Tree {
    pub(super) frontier: Frontier,
    pub(super) nodes: HashMap<Node, TreeHash>,
}

impl Tree {
    pub(in crate::audit) fn of(size: u64) -> Self {
        let mut tree = Self::default();
        (0..size).for_each(|_| tree.grow());
        tree
    }

    pub(super) fn grow(&mut self) {
        let leaf = TreeHash::leaf(&leaf(self.frontier.size()));
        let nodes = &mut self.nodes;
        self.frontier.append(leaf, |node, hash| _ = nodes.insert(node, *hash)).unwrap();
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(&name(ORIGIN), self.frontier.size(), self.frontier.root()).unwrap()
    }

    /// The checkpoint, signed with the key of seed 1.
    pub(super) fn signed(&self) -> SignedCheckpoint {
        SignedCheckpoint::sign(self.checkpoint(), &[&signing_key(ORIGIN, 1)]).unwrap()
    }
}

impl HashReader for Tree {
    type Error = Node;

    fn read(&self, node: Node) -> Result<TreeHash, Node> {
        self.nodes.get(&node).copied().ok_or(node)
    }
}

pub(super) fn leaf(index: u64) -> Vec<u8> {
    index.to_string().into_bytes()
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
