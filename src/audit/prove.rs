//! Receipts: the proof that the log has a record, for somebody who does not have the log (C2SP tlog-proof).

use std::path::Path;

use super::reader::{AuditReader, ReadError, StoredRecord};
use super::snapshot::{SnapshotError, with_snapshot};
use super::tlog::merkle::prove_inclusion;
use super::tlog::proof::ProofFormError;
use super::tlog::{Proof, SignedCheckpoint};

/// A record and its proof.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The record.
    pub record: StoredRecord,
    /// That the log has it.
    pub proof: Proof,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The log could not be opened.
    #[error(transparent)]
    Open(#[from] SnapshotError),
    /// A record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such record.
    #[error("there is no record {0}")]
    NoRecord(u64),
    /// No checkpoint covers it yet: it was written when the process was killed, and nobody was told that it is there.
    #[error("no checkpoint covers record {0} yet: start the sidecar once")]
    Unsigned(u64),
    /// The proof could not be put together.
    #[error("the proof could not be put together")]
    Form(#[from] ProofFormError),
}

impl AuditReader {
    /// Proves that the log has a record, to whoever believes its checkpoints: the newest one, or the newest that was cosigned.
    ///
    /// # Errors
    ///
    /// [`ProveError`].
    pub fn prove(&self, seq: u64) -> Result<Proven, ProveError> {
        let record = self.get(seq)?.ok_or(ProveError::NoRecord(seq))?;
        let covers = |checkpoint: &SignedCheckpoint| (seq + 1..=self.len()).contains(&checkpoint.checkpoint().size());
        let cosigned = std::fs::read(self.directory().join("cosigned")).ok().and_then(|note| SignedCheckpoint::parse(&note).ok());
        let newest = || Some((*self.checkpoint()).clone()).filter(covers);
        let checkpoint = cosigned.filter(covers).or_else(newest).ok_or(ProveError::Unsigned(seq))?;
        let size = checkpoint.checkpoint().size();
        let path = prove_inclusion(seq, size, &self.hashes(size)?).map_err(|error| ReadError::Tree(error.to_string()))?;
        Ok(Proven { record, proof: Proof::new(seq, path, checkpoint)? })
    }
}

/// Proves that the log in `directory`, whether or not a sidecar writes it, has a record. Works on a copy below `scratch`.
///
/// # Errors
///
/// [`ProveError`].
pub fn prove(directory: &Path, scratch: &Path, seq: u64) -> Result<Proven, ProveError> {
    with_snapshot(directory, scratch, |reader| reader.prove(seq))
}
