//! Witnessing, after C2SP tlog-witness: the body of `add-checkpoint`, its answers, and how a witness decides.
//!
//! A witness remembers the last checkpoint of each log it knows and cosigns only what continues it. [`Witness::judge`] hands out an
//! [`Accepted`] that holds the witness until the checkpoint is stored ([`Accepted::commit`]); only then there is something to
//! cosign with. So no two requests race, and no answer leaves before its checkpoint is safe. HTTP is spoken elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::cosignature::Cosigner;
use super::hash::{TreeHash, split_hashes};
use super::key::{Algorithm, VerifierKey};
use super::merkle::{MAX_PROOF, MAX_SIZE, ProofError, verify_consistency};
use super::note::{MAX_NOTE, Signature, VerifyNoteError, parse_signatures};
use super::rotation::ScheduleError;
use super::text::parse_decimal;

/// The longest body, in bytes: a note, 63 hashes and the short lines.
pub const MAX_BODY: usize = MAX_NOTE + 4 * 1024;
/// The content type of an answer whose body is a size.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// Why a body is not a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is longer than [`MAX_BODY`], or not UTF-8.
    #[error("a request is UTF-8 of at most {MAX_BODY} bytes")]
    Text,
    /// The first line is not `old` and a size.
    #[error("the first line of a request is `old` and a size")]
    Old,
    /// The hashes are not base64 of 32 bytes, too many, or have no blank line after them.
    #[error("a request has at most {MAX_PROOF} hashes and a blank line after them")]
    Hashes,
    /// What follows is not a checkpoint.
    #[error("a request ends with a checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The old size is above that of the checkpoint.
    #[error("the old size is above that of the checkpoint")]
    Order,
}

/// What a log asks of a witness: to cosign a checkpoint that continues the one of size `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<TreeHash>,
    checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Asks for a cosignature; `proof` is that of [`super::merkle::prove_consistency`].
    pub fn new(old: u64, proof: Vec<TreeHash>, checkpoint: SignedCheckpoint) -> Result<Self, RequestError> {
        if proof.len() > MAX_PROOF {
            return Err(RequestError::Hashes);
        }
        if old > checkpoint.checkpoint().size() {
            return Err(RequestError::Order);
        }
        Ok(Self { old, proof, checkpoint })
    }

    /// Reads the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > MAX_BODY {
            return Err(RequestError::Text);
        }
        let text = std::str::from_utf8(body).map_err(|_| RequestError::Text)?;
        let (old, rest) = text.strip_prefix("old ").and_then(|rest| rest.split_once('\n')).ok_or(RequestError::Old)?;
        let old = parse_decimal(old).ok_or(RequestError::Old)?;
        let (proof, rest) = split_hashes(rest, MAX_PROOF).ok_or(RequestError::Hashes)?;
        Self::new(old, proof, SignedCheckpoint::parse(rest.as_bytes())?)
    }

    /// The checkpoint with the cosignatures of an answer's body. Lines of unknown witnesses are left out.
    pub fn accept(&self, answer: &[u8], witnesses: &[VerifierKey]) -> Result<SignedCheckpoint, AnswerError> {
        let lines = std::str::from_utf8(answer).map_err(|_| AnswerError::Form)?;
        let known = |signature: &Signature| witnesses.iter().any(|key| signature.claims(key));
        let cosignatures = parse_signatures(lines).map_err(|_| AnswerError::Form)?.into_iter().filter(known);
        let mut any = false;
        let mut checkpoint = self.checkpoint.clone();
        for cosignature in cosignatures {
            any = true;
            checkpoint = checkpoint.with(cosignature).map_err(|_| AnswerError::Form)?;
        }
        if !any {
            return Err(AnswerError::Signature(VerifyNoteError::Unknown));
        }
        checkpoint.note().verify(witnesses)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why the answer of a witness is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not lines of signatures.
    #[error("the answer of the witness is not lines of signatures")]
    Form,
    /// No known witness has cosigned, or one wrongly.
    #[error("the answer of the witness has no good cosignature")]
    Signature(#[from] VerifyNoteError),
}

/// Reads the body of a conflict: the size that the witness has cosigned last.
#[must_use]
pub fn parse_size(body: &[u8]) -> Option<u64> {
    parse_decimal(std::str::from_utf8(body).ok()?.strip_suffix('\n')?).filter(|size| *size <= MAX_SIZE)
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read.
    #[error("the request is malformed")]
    Malformed(#[from] RequestError),
    /// The log is not one that the witness knows.
    #[error("the log is not known")]
    UnknownLog,
    /// No known key of the log has signed, or one wrongly.
    #[error("the log has not signed the checkpoint")]
    Signature(#[source] VerifyNoteError),
    /// The witness has cosigned last at another size, or at this one with another root.
    #[error("the last checkpoint has size {0}")]
    Conflict(u64),
    /// The checkpoint does not continue the last one.
    #[error("the checkpoint is not proven to continue the last one")]
    Inconsistent(#[source] ProofError),
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Signature(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent(_) => 422,
        }
    }

    /// The body, when it is a size ([`SIZE_TYPE`]).
    #[must_use]
    pub fn size_body(&self) -> Option<String> {
        match self {
            Self::Conflict(size) => Some(format!("{size}\n")),
            Self::Malformed(_) | Self::Signature(_) | Self::UnknownLog | Self::Inconsistent(_) => None,
        }
    }
}

/// A log that the witness knows.
#[derive(Debug, Clone)]
pub struct KnownLog {
    keys: Vec<VerifierKey>,
    size: u64,
    root: TreeHash,
}

impl KnownLog {
    /// A log with its keys, and the checkpoint that the witness stored last, if any.
    pub fn new(keys: Vec<VerifierKey>, last: Option<&Checkpoint>) -> Result<Self, ScheduleError> {
        if keys.iter().any(|key| key.algorithm() != Algorithm::Ed25519) {
            return Err(ScheduleError::Algorithm);
        }
        let (size, root) = last.map_or((0, TreeHash::EMPTY), |last| (last.size(), *last.root()));
        Ok(Self { keys, size, root })
    }
}

/// The logs that a witness knows, by origin.
#[derive(Debug, Default)]
pub struct Witness {
    logs: BTreeMap<String, KnownLog>,
}

impl Witness {
    /// A witness for these logs.
    #[must_use]
    pub const fn new(logs: BTreeMap<String, KnownLog>) -> Self {
        Self { logs }
    }

    /// Decides about the body of a request.
    pub fn judge(&mut self, body: &[u8]) -> Result<Accepted<'_>, Refusal> {
        let AddCheckpoint { old, proof, checkpoint } = AddCheckpoint::parse(body)?;
        let log = self.logs.get_mut(checkpoint.checkpoint().origin()).ok_or(Refusal::UnknownLog)?;
        checkpoint.note().verify(&log.keys).map_err(Refusal::Signature)?;
        let (size, root) = (checkpoint.checkpoint().size(), *checkpoint.checkpoint().root());
        if old != log.size || (size == log.size && root != log.root) {
            return Err(Refusal::Conflict(log.size));
        }
        verify_consistency(old, size, &proof, &log.root, &root).map_err(Refusal::Inconsistent)?;
        Ok(Accepted { log, checkpoint })
    }
}

/// A checkpoint that continues the last one of its log, and is not stored yet.
#[derive(Debug)]
#[must_use]
pub struct Accepted<'w> {
    log: &'w mut KnownLog,
    checkpoint: SignedCheckpoint,
}

impl Accepted<'_> {
    /// Stores the checkpoint, so that it survives a crash, and takes it as the last one. When storing fails, nothing has happened.
    pub fn commit<E>(self, store: impl FnOnce(&SignedCheckpoint) -> Result<(), E>) -> Result<Committed, E> {
        store(&self.checkpoint)?;
        self.log.size = self.checkpoint.checkpoint().size();
        self.log.root = *self.checkpoint.checkpoint().root();
        Ok(Committed { checkpoint: self.checkpoint })
    }
}

/// A checkpoint that is stored and can be cosigned.
#[derive(Debug)]
#[must_use]
pub struct Committed {
    checkpoint: SignedCheckpoint,
}

impl Committed {
    /// The body of the answer with status 200. `time` is now, in seconds since 1970.
    #[must_use]
    pub fn cosign(&self, cosigner: &Cosigner, time: u64) -> String {
        format!("{}\n", cosigner.cosign(self.checkpoint.note().text(), time))
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
