//! What the tests of the transparency log share: keys with known seeds, and trees that keep every hash.

use std::collections::HashMap;

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::cosignature::Cosigner;
use super::frontier::Frontier;
use super::hash::TreeHash;
use super::key::KeyName;
use super::merkle::{HashReader, Node};
use super::note::SigningKey;

/// The log of most tests.
pub(super) const ORIGIN: &str = "audit.example/sidecar/test";

/// An Ed25519 key in PKCS #8 form (version 1, as `openssl genpkey` writes it) with 32 times the same byte as its seed.
pub(super) fn pkcs8(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[seed; 32]);
    der
}

pub(super) fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

pub(super) fn signing_key(key_name: &str, seed: u8) -> SigningKey {
    SigningKey::from_pkcs8(name(key_name), &pkcs8(seed)).unwrap()
}

pub(super) fn cosigner(key_name: &str, seed: u8) -> Cosigner {
    Cosigner::from_pkcs8(name(key_name), &pkcs8(seed)).unwrap()
}

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

/// Every form of `bytes` with one bit changed, and where.
pub(super) fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, flipped)
    })
}

/// One changed bit of each byte, another one from byte to byte, and the one that tells capitals from small letters: for checks that
/// take a signature each.
pub(super) fn some_flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    flips(bytes).enumerate().filter(|(bit, (byte, _))| bit % 8 == byte % 8 || bit % 8 == 5).map(|(_, flip)| flip)
}
