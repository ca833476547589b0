//! Receipts that need nothing else, after C2SP tlog-proof: where a leaf stands, the hashes that lead to the root, and a checkpoint.
//!
//! Whoever holds the leaf, such a proof and the keys ([`Trust`]) can check offline that the leaf is in the log. The extra data is
//! not covered by any signature, and nothing here looks at it.

use std::fmt;

use super::checkpoint::{CheckpointError, SignedCheckpoint};
use super::hash::{TreeHash, split_hashes};
use super::merkle::{MAX_PROOF, ProofError};
use super::note::MAX_NOTE;
use super::text::{base64, parse_base64, parse_decimal};
use super::trust::{DistrustError, Trust, VerifiedCheckpoint};

/// The most extra data, in bytes.
pub const MAX_EXTRA: usize = 48 << 10;
/// The longest proof, in bytes: a note, the extra data in base64, 63 hashes and the short lines.
pub const MAX_BYTES: usize = MAX_NOTE + MAX_EXTRA / 3 * 4 + 8 * 1024;
/// The first line.
const MAGIC: &str = "c2sp.org/tlog-proof@v1\n";

/// Why bytes are not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFormError {
    /// It is longer than [`MAX_BYTES`], or not UTF-8.
    #[error("a proof is UTF-8 of at most {MAX_BYTES} bytes")]
    Text,
    /// The first line is another one.
    #[error("the first line of a proof is `c2sp.org/tlog-proof@v1`")]
    Magic,
    /// The extra data is empty, longer than [`MAX_EXTRA`], or not base64.
    #[error("the extra data of a proof is base64 of 1 to {MAX_EXTRA} bytes")]
    Extra,
    /// The line with the index is missing, or not a decimal number.
    #[error("a proof has a line `index` and a number")]
    Index,
    /// The hashes are not base64 of 32 bytes, too many, or have no blank line after them.
    #[error("a proof has at most {MAX_PROOF} hashes and a blank line after them")]
    Hashes,
    /// What follows is not a checkpoint.
    #[error("a proof ends with a checkpoint")]
    Checkpoint(#[from] CheckpointError),
}

/// Why a proof does not prove that the log has the leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyProofError {
    /// The checkpoint is not believed.
    #[error("the checkpoint is not to be believed")]
    Checkpoint(#[from] DistrustError),
    /// The leaf is not in the tree of the checkpoint at that index.
    #[error("the leaf is not in the log")]
    Inclusion(#[from] ProofError),
}

/// A leaf's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    extra: Vec<u8>,
    index: u64,
    hashes: Vec<TreeHash>,
    checkpoint: SignedCheckpoint,
}

impl Proof {
    /// Puts a proof together; `hashes` are those of [`super::merkle::prove_inclusion`].
    pub fn new(index: u64, hashes: Vec<TreeHash>, checkpoint: SignedCheckpoint) -> Result<Self, ProofFormError> {
        if hashes.len() > MAX_PROOF {
            return Err(ProofFormError::Hashes);
        }
        Ok(Self { extra: Vec::new(), index, hashes, checkpoint })
    }

    /// The proof with extra data, which no signature covers; without any when it is empty.
    pub fn with_extra(self, extra: Vec<u8>) -> Result<Self, ProofFormError> {
        if extra.len() > MAX_EXTRA { Err(ProofFormError::Extra) } else { Ok(Self { extra, ..self }) }
    }

    /// Reads a proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFormError> {
        if bytes.len() > MAX_BYTES {
            return Err(ProofFormError::Text);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofFormError::Text)?;
        let (extra, rest) = parse_extra(text.strip_prefix(MAGIC).ok_or(ProofFormError::Magic)?)?;
        let line = rest.strip_prefix("index ").and_then(|rest| rest.split_once('\n'));
        let (index, rest) = line.ok_or(ProofFormError::Index)?;
        let index = parse_decimal(index).ok_or(ProofFormError::Index)?;
        let (hashes, rest) = split_hashes(rest, MAX_PROOF).ok_or(ProofFormError::Hashes)?;
        Ok(Self { extra, index, hashes, checkpoint: SignedCheckpoint::parse(rest.as_bytes())? })
    }

    /// Checks everything: that the checkpoint is to be believed, and that `leaf` is in its tree.
    pub fn verify(&self, leaf: &[u8], trust: &Trust) -> Result<VerifiedCheckpoint, VerifyProofError> {
        self.verify_hash(&TreeHash::leaf(leaf), trust)
    }

    /// The same for whoever knows only the leaf's hash.
    pub fn verify_hash(&self, leaf: &TreeHash, trust: &Trust) -> Result<VerifiedCheckpoint, VerifyProofError> {
        let checkpoint = trust.verify(&self.checkpoint)?;
        checkpoint.includes(leaf, self.index, &self.hashes)?;
        Ok(checkpoint)
    }

    /// Where the leaf stands.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint, which nobody has checked yet.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Data that no signature covers; empty when there is none.
    #[must_use]
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }
}

fn parse_extra(text: &str) -> Result<(Vec<u8>, &str), ProofFormError> {
    let Some(rest) = text.strip_prefix("extra ") else { return Ok((Vec::new(), text)) };
    let (extra, rest) = rest.split_once('\n').ok_or(ProofFormError::Extra)?;
    match parse_base64(extra) {
        Some(extra) if (1..=MAX_EXTRA).contains(&extra.len()) => Ok((extra, rest)),
        _ => Err(ProofFormError::Extra),
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MAGIC)?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", base64(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
