//! Checks a whole log, link by link, without disturbing whoever writes it.
//!
//! A copy of the database is checked (see [`crate::storage::copy`]), so that evidence is never opened for writing and a running
//! sidecar is not stopped. A fault in a copy whose original was written to meanwhile is looked at again in a new copy.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::domain::{DecisionId, Timestamp};
use crate::storage::{Copy, CopyError, StorageError};

use super::anchor::{self, AnchorError};
use super::chain::{Chunk, ChunkError, Head, LEAVES, LeafHash, key};
use super::open::{AnchorMismatch, compare_with_anchor, database_path};
use super::reader::{AuditReader, ReadError};
use super::record::Kind;
use super::time::parse_time;
use super::tlog::{Frontier, TreeHash};

/// How many copies of a log that is being written are looked at before a fault is believed.
const ATTEMPTS: usize = 3;

/// The Merkle tree of a log's first records: their number, and the tree's root (RFC 9162, section 2.1.1). Kept elsewhere, it proves
/// later that these records are still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// How many records.
    pub size: u64,
    /// The root.
    pub root: TreeHash,
}

impl TreeHead {
    /// The tree of a log without records.
    pub const EMPTY: Self = Self { size: 0, root: TreeHash::EMPTY };
}

impl fmt::Display for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.size, self.root)
    }
}

impl FromStr for TreeHead {
    type Err = &'static str;

    /// Reads `SIZE:ROOT` as it is written by `Display`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (size, root) = text.split_once(':').ok_or("this is not SIZE:ROOT")?;
        let size = size.parse().map_err(|_| "the size is not a number of records")?;
        Ok(Self { size, root: TreeHash::parse(root).ok_or("the root is not the base64 form of 32 bytes")? })
    }
}

/// What a log that holds together contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How far it goes: the number of records, and the hash of the last.
    pub head: Head,
    /// The Merkle tree of all its records.
    pub tree: TreeHead,
    /// The time of the first record.
    pub first: Option<Timestamp>,
    /// The time of the last record.
    pub last: Option<Timestamp>,
    /// The calls that were allowed and have no outcome: under way, or cut off by a crash.
    pub without_outcome: u64,
}

/// Why a log does not hold together, or could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no log.
    #[error("there is no audit log in `{0}`")]
    NoLog(PathBuf),
    /// The anchor cannot be read.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The log is not the one the anchor has seen.
    #[error(transparent)]
    Anchored(#[from] AnchorMismatch),
    /// The log does not contain the records of a tree head that was kept.
    #[error("the log does not begin with the {} records of the tree head that was kept: they were changed, or are gone", .0.size)]
    Kept(TreeHead),
    /// The tree has more leaves than the specification allows.
    #[error("the log has too many records for a tree")]
    TooLarge,
    /// No copy could be made.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The database cannot be read.
    #[error("failed to read on after record {after}")]
    Storage {
        /// How many records were read.
        after: u64,
        /// The cause.
        #[source]
        source: StorageError,
    },
    /// A record is not right.
    #[error("record {seq}: {fault}")]
    Record {
        /// Which.
        seq: u64,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another record stands in its place.
    #[error("missing; the next one found is {found}")]
    Gap {
        /// The number of the one that was found.
        found: u64,
    },
    /// Its chunk is damaged.
    #[error("its chunk is damaged: {0}")]
    Chunk(#[from] ChunkError),
    /// It is not the JSON text of a record.
    #[error("it is not a record: {0}")]
    Form(String),
    /// It says that it has another number.
    #[error("it says it is record {0}")]
    Number(u64),
    /// It does not name the hash of the record before it: one of the two was changed.
    #[error("it does not name the hash of the record before it: one of the two was changed")]
    Link,
    /// The stored head is not its hash.
    #[error("the stored head is not its hash")]
    Head,
    /// It is the outcome of something that is not an earlier decision.
    #[error("it is the outcome of record {0}, which is not the decision it names")]
    Outcome(u64),
}

/// Checks the log in `directory`: the chain, the numbers, the head, the anchor, the form of each record, and that outcomes belong
/// to decisions; and that it still begins with the records of a tree head that was `kept` ([`TreeHead::EMPTY`] when none was). The copy
/// is made below `scratch`. `progress` is told the number of records checked so far, now and then.
///
/// # Errors
///
/// [`VerifyError`], with the number of the record and what is wrong.
pub fn verify(directory: &Path, scratch: &Path, kept: TreeHead, progress: &mut dyn FnMut(u64)) -> Result<Verified, VerifyError> {
    with_copy(directory, scratch, |reader, copy, anchored| {
        let verified = Check::new(reader, kept).run(copy, progress)?;
        match compare_with_anchor(reader, verified.head, anchored).map_err(|error| unreadable(verified.head.size, error))? {
            None => Ok(verified),
            Some(mismatch) => Err(mismatch.into()),
        }
    })
}

/// Does something with a copy of a log, and does it again with a new copy when it failed and the log was written to meanwhile.
pub(super) fn with_copy<T>(
    directory: &Path,
    scratch: &Path,
    mut work: impl FnMut(&AuditReader, &Copy, Head) -> Result<T, VerifyError>,
) -> Result<T, VerifyError> {
    let path = database_path(directory);
    if !path.exists() {
        return Err(VerifyError::NoLog(directory.into()));
    }
    let mut attempt = || -> Result<ControlFlow<Result<T, VerifyError>, VerifyError>, VerifyError> {
        // Read before the copy is made: it must not be ahead of it.
        let anchored = anchor::read(directory)?;
        let copy = match Copy::of(&path, scratch) {
            Ok(copy) => copy,
            Err(error @ CopyError::Open(_)) => return Ok(ControlFlow::Continue(error.into())),
            Err(error) => return Err(error.into()),
        };
        Ok(match work(&AuditReader::new(copy.database().clone()), &copy, anchored) {
            Err(error) if !copy.original_rests() => ControlFlow::Continue(error),
            answer => ControlFlow::Break(answer),
        })
    };
    let mut fault = VerifyError::NoLog(directory.into());
    for _ in 0..ATTEMPTS {
        match attempt()? {
            ControlFlow::Break(answer) => return answer,
            ControlFlow::Continue(error) => fault = error,
        }
    }
    Err(fault)
}

fn unreadable(seq: u64, error: ReadError) -> VerifyError {
    match error {
        ReadError::Storage(source) => VerifyError::Storage { after: seq, source },
        ReadError::Chunk { first, source } => VerifyError::Record { seq: first, fault: Fault::Chunk(source) },
        ReadError::Head { seq } => VerifyError::Record { seq, fault: Fault::Head },
    }
}

/// The members every record has, and those that tie records together.
#[derive(Deserialize)]
struct View<'a> {
    v: u64,
    seq: u64,
    prev: &'a str,
    t: &'a str,
    ts: &'a str,
    id: Option<&'a str>,
    decision: Option<&'a str>,
    outcome: Option<&'a str>,
    decision_seq: Option<u64>,
}

/// A check under way.
struct Check<'a> {
    reader: &'a AuditReader,
    head: Head,
    tree: Frontier,
    kept: TreeHead,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Allowed calls without an outcome so far: bounded by what was under way at any time, and what crashes cut off.
    under_way: HashMap<u64, DecisionId>,
}

impl<'a> Check<'a> {
    fn new(reader: &'a AuditReader, kept: TreeHead) -> Self {
        let (head, tree) = (Head::EMPTY, Frontier::new());
        Self { reader, head, tree, kept, first: None, last: None, under_way: HashMap::new() }
    }

    fn run(mut self, copy: &Copy, progress: &mut dyn FnMut(u64)) -> Result<Verified, VerifyError> {
        for (count, entry) in copy.database().range(&[LEAVES], &key(LEAVES, 0)).enumerate() {
            let (chunk_key, value) = entry.map_err(|source| VerifyError::Storage { after: self.head.size, source })?;
            self.chunk(&chunk_key, &value)?;
            if count % 256 == 0 {
                progress(self.head.size);
            }
        }
        // An empty tree is part of every log.
        if self.kept.size > self.head.size || (self.kept.size == 0 && self.kept != TreeHead::EMPTY) {
            return Err(VerifyError::Kept(self.kept));
        }
        let without_outcome = self.under_way.len() as u64;
        let tree = TreeHead { size: self.tree.size(), root: self.tree.root() };
        Ok(Verified { head: self.head, tree, first: self.first, last: self.last, without_outcome })
    }

    fn chunk(&mut self, chunk_key: &[u8], value: &[u8]) -> Result<(), VerifyError> {
        let expected = self.head.size;
        let chunk = Chunk::read(chunk_key, value).map_err(|fault| VerifyError::Record { seq: expected, fault: fault.into() })?;
        if chunk.first != expected {
            return Err(VerifyError::Record { seq: expected, fault: Fault::Gap { found: chunk.first } });
        }
        for leaf in chunk.leaves() {
            let seq = self.head.size;
            let (_, leaf) = leaf.map_err(|fault| VerifyError::Record { seq, fault: fault.into() })?;
            self.leaf(seq, leaf)?;
        }
        if chunk.last_hash == self.head.hash {
            Ok(())
        } else {
            Err(VerifyError::Record { seq: self.head.size.saturating_sub(1), fault: Fault::Head })
        }
    }

    fn leaf(&mut self, seq: u64, leaf: &[u8]) -> Result<(), VerifyError> {
        let wrong = |fault| VerifyError::Record { seq, fault };
        let form = |what: &str| wrong(Fault::Form(what.to_owned()));
        let view: View<'_> = serde_json::from_slice(leaf).map_err(|error| form(&error.to_string()))?;
        if view.v != 1 {
            return Err(form("its version is not known to this version"));
        }
        if view.seq != seq {
            return Err(wrong(Fault::Number(view.seq)));
        }
        if LeafHash::parse(view.prev) != Some(self.head.hash) {
            return Err(wrong(Fault::Link));
        }
        let at = parse_time(view.ts).ok_or_else(|| form("its time is not a time"))?;
        let kind = Kind::parse(view.t).ok_or_else(|| form("its kind is not known to this version"))?;
        match kind {
            Kind::Decision => self.decision(seq, &view)?,
            Kind::Outcome => self.outcome(seq, &view)?,
            Kind::Policy
            | Kind::Start
            | Kind::Stop
            | Kind::Recovery
            | Kind::Clock
            | Kind::Key
            | Kind::Prune
            | Kind::Erase
            | Kind::Approval => {}
        }
        let hash = LeafHash::of(leaf);
        self.head = Head { size: seq + 1, hash };
        self.tree.append(TreeHash::from_bytes(*hash.as_bytes()), |_, _| {}).map_err(|_| VerifyError::TooLarge)?;
        if self.kept.size == self.tree.size() && self.kept.root != self.tree.root() {
            return Err(VerifyError::Kept(self.kept));
        }
        self.first = self.first.or(Some(at));
        self.last = Some(at);
        Ok(())
    }

    fn decision(&mut self, seq: u64, view: &View<'_>) -> Result<(), VerifyError> {
        let form = |what: &str| VerifyError::Record { seq, fault: Fault::Form(what.to_owned()) };
        let id = view.id.and_then(DecisionId::parse).ok_or_else(|| form("a decision without an id"))?;
        match view.decision {
            Some("allow") => {
                self.under_way.insert(seq, id);
                Ok(())
            }
            Some("deny" | "require_approval") => Ok(()),
            Some(_) | None => Err(form("a decision that is none")),
        }
    }

    fn outcome(&mut self, seq: u64, view: &View<'_>) -> Result<(), VerifyError> {
        let form = |what: &str| VerifyError::Record { seq, fault: Fault::Form(what.to_owned()) };
        let id = view.id.and_then(DecisionId::parse).ok_or_else(|| form("an outcome without an id"))?;
        let of = view.decision_seq.ok_or_else(|| form("an outcome without a decision"))?;
        if view.outcome.is_none() {
            return Err(form("an outcome that is none"));
        }
        // A call that already has an outcome is not in the map any more; a second outcome is odd, but it breaks nothing.
        if self.under_way.remove(&of) == Some(id) || self.is_decision(of, seq, id)? {
            return Ok(());
        }
        Err(VerifyError::Record { seq, fault: Fault::Outcome(of) })
    }

    fn is_decision(&self, of: u64, seq: u64, id: DecisionId) -> Result<bool, VerifyError> {
        if of >= seq {
            return Ok(false);
        }
        let found = self.reader.get(of).map_err(|error| unreadable(of, error))?;
        let summary = found.map(|record| record.summary());
        Ok(summary.is_some_and(|found| found.kind == Kind::Decision.name() && DecisionId::parse(&found.id) == Some(id)))
    }
}
