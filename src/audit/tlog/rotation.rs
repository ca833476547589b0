//! Which key signs for a log at which size, and how one key follows another.
//!
//! No specification says how; these are our rules. The last checkpoint of the old key is the first of the new one and carries both
//! signatures, after which the old private key is destroyed: whoever steals the new one cannot sign shorter logs, and whoever kept
//! the old one cannot sign longer ones. A schedule is what a verifier keeps, as lines `from to key` with `-` for the last `to`.

use std::fmt;
use std::str::FromStr;

use super::checkpoint::SignedCheckpoint;
use super::key::{Algorithm, VerifierKey};
use super::note::VerifyNoteError;
use super::text::parse_decimal;

/// How many keys a schedule can hold.
pub const MAX_TERMS: usize = 1024;

/// Why a text is not a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The line, counted from 1, is not of the form `from to key`.
    #[error("line {0} does not read `from to key`")]
    Line(usize),
    /// The line does not begin where the one before ends, ends before it begins, or is open while others follow.
    #[error("line {0} does not continue the one before")]
    Order(usize),
    /// The line has a key that stands in another one, too.
    #[error("line {0} has a key that was used before")]
    Reused(usize),
    /// There is no line, the last one is not open, or there are more than [`MAX_TERMS`].
    #[error("a schedule has 1 to {MAX_TERMS} lines, of which the last has `-` as its end")]
    Ends,
    /// The key is a witness's.
    #[error("a log signs with a key of type 1")]
    Algorithm,
}

/// Why a key does not follow another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// The new key has another name, is a witness's, or was used before.
    #[error("the new key has another name, is of another kind, or was used before")]
    Key,
    /// The checkpoint is about another log.
    #[error("the checkpoint is of the log `{0}`")]
    Origin(String),
    /// The current key has not signed anything larger yet, so that its term would be empty.
    #[error("the term of the current key begins at {0}, and would end there")]
    Empty(u64),
    /// One of the two signatures is missing.
    #[error("the checkpoint lacks the signature of the old or the new key")]
    Unsigned,
    /// One of the two signatures is wrong.
    #[error(transparent)]
    Forged(VerifyNoteError),
    /// The schedule is full.
    #[error("a schedule holds at most {MAX_TERMS} keys")]
    Full,
}

/// One key and the sizes at which it signs, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    from: u64,
    to: Option<u64>,
    key: VerifierKey,
}

impl Term {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The smallest size at which the key signs.
    #[must_use]
    pub const fn from(&self) -> u64 {
        self.from
    }

    /// Whether the key signs checkpoints of this size.
    #[must_use]
    pub fn covers(&self, size: u64) -> bool {
        self.from <= size && self.to.is_none_or(|to| size <= to)
    }
}

/// The keys of a log, oldest first. INVARIANT: each term ends at the size at which the next begins, only the last is open, and no
/// key stands twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchedule {
    earlier: Vec<Term>,
    current: Term,
}

impl KeySchedule {
    /// A log that has had one key so far.
    pub fn new(key: VerifierKey) -> Result<Self, ScheduleError> {
        match key.algorithm() {
            Algorithm::Ed25519 => Ok(Self { earlier: Vec::new(), current: Term { from: 0, to: None, key } }),
            Algorithm::Cosignature => Err(ScheduleError::Algorithm),
        }
    }

    /// The terms, oldest first.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        self.earlier.iter().chain([&self.current])
    }

    /// The keys that sign at this size: two where one follows the other, otherwise one; none before the first term.
    #[must_use]
    pub fn keys_at(&self, size: u64) -> Vec<VerifierKey> {
        self.terms().filter(|term| term.covers(size)).map(|term| term.key.clone()).collect()
    }

    /// The key that signs now.
    #[must_use]
    pub const fn current(&self) -> &VerifierKey {
        &self.current.key
    }

    /// Lets `key` follow the current one from the size of `signed` on, which both have signed.
    pub fn rotate(&self, signed: &SignedCheckpoint, key: VerifierKey) -> Result<Self, RotationError> {
        let (old, size) = (&self.current, signed.checkpoint().size());
        if self.earlier.len() + 1 >= MAX_TERMS {
            return Err(RotationError::Full);
        }
        let fits = key.name() == old.key.name() && key.algorithm() == Algorithm::Ed25519;
        if !fits || self.terms().any(|term| term.key.public() == key.public()) {
            return Err(RotationError::Key);
        }
        if signed.checkpoint().origin() != old.key.name().as_str() {
            return Err(RotationError::Origin(signed.checkpoint().origin().to_owned()));
        }
        if size <= old.from {
            return Err(RotationError::Empty(old.from));
        }
        check_both(signed, &[old.key.clone(), key.clone()])?;
        let mut earlier = self.earlier.clone();
        earlier.push(Term { to: Some(size), ..old.clone() });
        Ok(Self { earlier, current: Term { from: size, to: None, key } })
    }
}

fn check_both(signed: &SignedCheckpoint, keys: &[VerifierKey; 2]) -> Result<(), RotationError> {
    match signed.note().verify(keys) {
        Ok(signers) if signers.as_slice().len() == keys.len() => Ok(()),
        Ok(_) | Err(VerifyNoteError::Unknown) => Err(RotationError::Unsigned),
        Err(forged @ VerifyNoteError::Forged(_)) => Err(RotationError::Forged(forged)),
    }
}

impl FromStr for KeySchedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let lines = text.strip_suffix('\n').ok_or(ScheduleError::Ends)?;
        let mut terms: Vec<Term> = Vec::new();
        for (line, number) in lines.split('\n').zip(1..=MAX_TERMS + 1) {
            let term = parse_term(line).ok_or(ScheduleError::Line(number))?;
            if term.key.algorithm() != Algorithm::Ed25519 {
                return Err(ScheduleError::Algorithm);
            }
            if term.to.is_some_and(|to| to <= term.from) || terms.last().is_some_and(|last| last.to != Some(term.from)) {
                return Err(ScheduleError::Order(number));
            }
            if terms.iter().any(|earlier| earlier.key.public() == term.key.public()) {
                return Err(ScheduleError::Reused(number));
            }
            terms.push(term);
        }
        match terms.pop() {
            Some(current) if current.to.is_none() && terms.len() < MAX_TERMS => Ok(Self { earlier: terms, current }),
            _ => Err(ScheduleError::Ends),
        }
    }
}

fn parse_term(line: &str) -> Option<Term> {
    let mut words = line.splitn(3, ' ');
    let from = parse_decimal(words.next()?)?;
    let to = match words.next()? {
        "-" => None,
        to => Some(parse_decimal(to)?),
    };
    Some(Term { from, to, key: words.next()?.parse().ok()? })
}

impl fmt::Display for KeySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.terms().try_for_each(|Term { from, to, key }| match to {
            Some(to) => writeln!(f, "{from} {to} {key}"),
            None => writeln!(f, "{from} - {key}"),
        })
    }
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
