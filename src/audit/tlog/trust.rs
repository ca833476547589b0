//! What it takes to believe a checkpoint: the log's name and keys, and how many of which witnesses must have seen it.
//!
//! C2SP tlog-proof and tlog-witness leave this policy to whoever verifies; this is ours. A [`VerifiedCheckpoint`] can only be made
//! here, and everything that proofs prove, they prove against one.

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::hash::TreeHash;
use super::key::{Algorithm, KeyName, VerifierKey};
use super::merkle::{ProofError, verify_consistency, verify_inclusion};
use super::note::VerifyNoteError;
use super::rotation::KeySchedule;

/// Why trust cannot be put like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A key is not a witness's.
    #[error("a witness signs with a key of type 4")]
    Algorithm,
    /// Two witnesses have the same key, so that one could count as two.
    #[error("two witnesses have the same key")]
    Twice,
    /// More witnesses are asked for than there are.
    #[error("{quorum} witnesses are asked for, and {witnesses} are known")]
    Quorum {
        /// How many are asked for.
        quorum: usize,
        /// How many there are.
        witnesses: usize,
    },
}

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistrustError {
    /// It is about another log.
    #[error("the checkpoint is of the log `{0}`")]
    Origin(String),
    /// No key of the log has signed it.
    #[error("the log has not signed the checkpoint")]
    Unsigned,
    /// The only keys of the log that have signed it sign at other sizes.
    #[error("the log has signed the checkpoint with a key that is not in force at size {0}")]
    OutOfTerm(u64),
    /// A signature with a known name and id is wrong.
    #[error(transparent)]
    Forged(VerifyNoteError),
    /// Too few witnesses have signed it.
    #[error("{found} known witnesses have signed the checkpoint, {quorum} are needed")]
    Witnesses {
        /// How many have signed.
        found: usize,
        /// How many are needed.
        quorum: usize,
    },
}

/// Whom to believe about one log.
#[derive(Debug, Clone)]
pub struct Trust {
    origin: String,
    keys: KeySchedule,
    witnesses: Vec<VerifierKey>,
    quorum: usize,
}

impl Trust {
    /// Believes the log's own keys alone.
    #[must_use]
    pub fn new(origin: impl Into<String>, keys: KeySchedule) -> Self {
        Self { origin: origin.into(), keys, witnesses: Vec::new(), quorum: 0 }
    }

    /// Asks in addition for the cosignatures of at least `quorum` of the witnesses.
    pub fn with_witnesses(self, witnesses: Vec<VerifierKey>, quorum: usize) -> Result<Self, TrustError> {
        if witnesses.iter().any(|key| key.algorithm() != Algorithm::Cosignature) {
            return Err(TrustError::Algorithm);
        }
        let mut publics: Vec<_> = witnesses.iter().map(VerifierKey::public).collect();
        publics.sort_unstable();
        publics.dedup();
        if publics.len() != witnesses.len() {
            return Err(TrustError::Twice);
        }
        if quorum > witnesses.len() {
            return Err(TrustError::Quorum { quorum, witnesses: witnesses.len() });
        }
        Ok(Self { witnesses, quorum, ..self })
    }

    /// Checks origin, signatures and quorum.
    pub fn verify(&self, signed: &SignedCheckpoint) -> Result<VerifiedCheckpoint, DistrustError> {
        let checkpoint = signed.checkpoint();
        if checkpoint.origin() != self.origin {
            return Err(DistrustError::Origin(checkpoint.origin().to_owned()));
        }
        match signed.note().verify(&self.keys.keys_at(checkpoint.size())) {
            Ok(_) => {}
            Err(VerifyNoteError::Unknown) => return Err(self.unsigned(signed)),
            Err(forged @ VerifyNoteError::Forged(_)) => return Err(DistrustError::Forged(forged)),
        }
        let cosigned = self.cosigned(signed)?;
        if cosigned.len() < self.quorum {
            return Err(DistrustError::Witnesses { found: cosigned.len(), quorum: self.quorum });
        }
        Ok(VerifiedCheckpoint { checkpoint: checkpoint.clone(), cosigned })
    }

    fn unsigned(&self, signed: &SignedCheckpoint) -> DistrustError {
        let claimed = |key: &VerifierKey| signed.note().signatures().iter().any(|signature| signature.claims(key));
        if self.keys.terms().any(|term| claimed(term.key())) {
            DistrustError::OutOfTerm(signed.checkpoint().size())
        } else {
            DistrustError::Unsigned
        }
    }

    fn cosigned(&self, signed: &SignedCheckpoint) -> Result<Vec<(KeyName, u64)>, DistrustError> {
        match signed.note().verify(&self.witnesses) {
            Ok(signers) => {
                let seen = signers.as_slice().iter().filter_map(|signer| Some((signer.key.name().clone(), signer.time?)));
                Ok(seen.collect())
            }
            Err(VerifyNoteError::Unknown) => Ok(Vec::new()),
            Err(forged @ VerifyNoteError::Forged(_)) => Err(DistrustError::Forged(forged)),
        }
    }
}

/// A checkpoint that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    cosigned: Vec<(KeyName, u64)>,
}

impl VerifiedCheckpoint {
    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Which known witnesses say that they have seen it, and when, in seconds since 1970.
    #[must_use]
    pub fn cosigned(&self) -> &[(KeyName, u64)] {
        &self.cosigned
    }

    /// Checks that `leaf` is leaf `index` of the log.
    pub fn includes(&self, leaf: &TreeHash, index: u64, proof: &[TreeHash]) -> Result<(), ProofError> {
        verify_inclusion(leaf, index, self.checkpoint.size(), proof, self.checkpoint.root())
    }

    /// Checks that the log has only grown since `older`.
    pub fn continues(&self, older: &Checkpoint, proof: &[TreeHash]) -> Result<(), ProofError> {
        let newer = &self.checkpoint;
        verify_consistency(older.size(), newer.size(), proof, older.root(), newer.root())
    }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
