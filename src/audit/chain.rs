//! The chain through the log: each leaf names the hash of the one before.
//!
//! `leaf hash = SHA-256(0x00 || leaf)`, which is also the leaf hash of RFC 6962, so that the chain and the Merkle tree stand on the same
//! hashes. The first leaf names 32 zero bytes.

use std::fmt;

use base64::Engine as _;
use ring::digest;

use super::json::encode_base64;
use super::tlog::TreeHash;

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

    /// A hash that was stored somewhere.
    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
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

impl From<LeafHash> for TreeHash {
    fn from(hash: LeafHash) -> Self {
        Self::from_bytes(hash.0)
    }
}
