//! The hashes of the Merkle tree: RFC 6962 section 2.1, the same as RFC 9162 section 2.1.1, with SHA-256.
//!
//! A byte before the input tells leaves (0) from nodes (1), so that no leaf can be passed off as a node. What the leaf hash of a
//! record is to the chain (`LeafHash`), it is to the tree. Read next: [`super::frontier`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

/// How many bytes a hash has.
pub const HASH_LEN: usize = 32;

/// The hash of a leaf, of a node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; HASH_LEN]);

impl TreeHash {
    /// The root of a tree without leaves: SHA-256 of nothing.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4,
        0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// The hash of a leaf with these bytes.
    #[must_use]
    pub fn leaf(bytes: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[0]);
        context.update(bytes);
        Self::of(&context.finish())
    }

    /// The hash of the node over two subtrees.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[1]);
        context.update(&left.0);
        context.update(&right.0);
        Self::of(&context.finish())
    }

    /// A hash that was stored somewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// Reads the base64 form; `None` when it is not the canonical one of 32 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(STANDARD.decode(text).ok()?.try_into().ok()?))
    }

    fn of(digest: &digest::Digest) -> Self {
        let mut bytes = [0; HASH_LEN];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads lines of one hash each up to a blank line, at most `limit` of them; after them is what follows the blank line.
pub(super) fn split_hashes(text: &str, limit: usize) -> Option<(Vec<TreeHash>, &str)> {
    let (mut hashes, mut rest) = (Vec::new(), text);
    loop {
        let (line, after) = rest.split_once('\n')?;
        rest = after;
        if line.is_empty() {
            return Some((hashes, rest));
        }
        if hashes.len() == limit {
            return None;
        }
        hashes.push(TreeHash::parse(line)?);
    }
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
