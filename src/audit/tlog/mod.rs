//! The transparency log: what makes the audit log provable to others, in the formats that other tools read.
//!
//! The leaves of the audit log are also the leaves of a Merkle tree, whose root is signed. Nothing here does any I/O or reads the
//! clock: bytes and times come in, bytes and decisions go out. Whatever comes from outside is refused in doubt, at bounded cost.
//!
//! - The tree: [`hash`], [`frontier`] (appending), [`merkle`] (proofs).
//! - Signed texts: [`checkpoint`], over [`crate::note`].
//! - What to believe: [`rotation`] (keys that follow each other), [`trust`], [`proof`] (receipts).
//! - Publishing: [`tile`] (the log as files), [`witness`] (others who vouch that there is one log).

pub mod checkpoint;
pub mod frontier;
pub mod hash;
pub mod merkle;
pub mod proof;
pub mod rotation;
pub mod tile;
pub mod trust;
pub mod witness;

use crate::note::text;
pub use crate::note::{self, Algorithm, Cosigner, KeyName, Note, Signature, SigningKey, VerifierKey, cosignature, key};
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use frontier::Frontier;
pub use hash::TreeHash;
pub use merkle::{HashReader, Node};
pub use proof::Proof;
pub use rotation::KeySchedule;
pub use tile::{Tile, TileHashes, TileReader};
pub use trust::{Trust, VerifiedCheckpoint};
pub use witness::{AddCheckpoint, Witness};

#[cfg(test)]
pub(super) mod fixtures;
#[cfg(test)]
mod foreign_tests;
