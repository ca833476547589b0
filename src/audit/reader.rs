//! Reads records back: the one with a number, or all from a number on, wherever they are by now.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use crate::storage::StorageError;

use super::archive::{ArchiveError, ArchiveReader, BUNDLE, Query};
use super::chain::{Head, LeafHash};
use super::chunk::{Chunk, ChunkError, LEAVES, number};
use super::epoch::Durable;
use super::hashes::Hashes;
use super::record::Kind;
use super::store::Store;
use super::tlog::{SignedCheckpoint, TileHashes, TreeHash};

/// How many records are read ahead at a time, roughly.
const AHEAD: usize = 256;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is stored is not a chunk of records.
    #[error("the chunk that begins with record {first} is damaged")]
    Chunk {
        /// The number of its first record.
        first: u64,
        /// What is wrong.
        #[source]
        source: ChunkError,
    },
    /// The hash that a chunk names is not that of its last record.
    #[error("the last record of the chunk that begins with record {first} is not the one that the chunk names")]
    Head {
        /// The number of its first record.
        first: u64,
    },
    /// A database does not say where it begins.
    #[error("epoch {epoch} does not say where it begins")]
    Seed {
        /// Which.
        epoch: u64,
    },
    /// The archive could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The tree could not be put together.
    #[error("{0}")]
    Tree(String),
    /// A record is missing.
    #[error("record {seq} is missing")]
    Gap {
        /// Which.
        seq: u64,
    },
}

/// The hashes of the log's Merkle tree.
pub type LogHashes = Hashes<TileHashes<ArchiveReader>>;

/// Reads the log. Clones share it.
#[derive(Clone)]
pub struct AuditReader {
    store: Arc<Store>,
}

impl AuditReader {
    pub(super) const fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// The number of the oldest record that is still there: those before it were pruned.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.store.archive().pruned()
    }

    /// The number of durable records, pruned ones included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.head().size
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How far the log goes durably.
    #[must_use]
    pub fn head(&self) -> Head {
        self.store.durable().head
    }

    /// The newest checkpoint that was signed for it.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        Arc::clone(&self.store.durable().edge.checkpoint)
    }

    /// The newest checkpoint, whenever there is another.
    pub(super) fn checkpoints(&self) -> watch::Receiver<Arc<SignedCheckpoint>> {
        self.store.checkpoints()
    }

    /// Where the log is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.store.directory()
    }

    /// Tells whenever the log has grown.
    #[must_use]
    pub fn growth(&self) -> Growth {
        Growth(self.store.watch())
    }

    /// The record with a number; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn get(&self, seq: u64) -> Result<Option<StoredRecord>, ReadError> {
        if seq >= self.len() { Ok(None) } else { self.range(seq).next().transpose() }
    }

    /// The root of the Merkle tree of the first `size` records.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; also when there are not so many.
    pub fn root(&self, size: u64) -> Result<TreeHash, ReadError> {
        // Looked for before the archive, see `Records::read_ahead`.
        let epoch = self.store.epoch_of(size);
        // What is archived is there in hashes already; an epoch knows the tree before and at each commit.
        if size <= self.store.archive().archived() {
            return self.hashes(size)?.root(size).map_err(|error| ReadError::Tree(error.to_string()));
        }
        let gap = ReadError::Gap { seq: size };
        let Some(epoch) = epoch.filter(|_| size <= self.len()) else { return Err(gap) };
        let tree = epoch.up_to(size)?.edge.frontier;
        if tree.size() == size { Ok(tree.root()) } else { Err(gap) }
    }

    /// The hashes of the Merkle tree of the first `size` records, for proofs.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; also when there are not so many.
    pub fn hashes(&self, size: u64) -> Result<LogHashes, ReadError> {
        if size > self.len() {
            return Err(ReadError::Gap { seq: size });
        }
        let archive = self.store.archive();
        // Also for a size in the middle of a bundle: its records may have been pruned, their hashes are still there.
        let archived = archive.archived().min(size);
        let wanted = usize::try_from(size - archived).unwrap_or(usize::MAX);
        let tail = self.range(archived).take(wanted).map(|record| record.map(|record| record.hash().into()));
        Ok(Hashes::new(archive.tree(), archived, tail.collect::<Result<_, _>>()?))
    }

    /// What was kept of a record, enciphered as it is stored; `None` when nothing was. [`super::private::unseal`] deciphers it with the
    /// record's salt.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn kept(&self, seq: u64) -> Result<Option<Vec<u8>>, ReadError> {
        // Looked for before the archive, see `Records::read_ahead`. An epoch forgets at once what is erased, the archive a moment later.
        let epoch = self.store.epoch_of(seq);
        match (self.store.archive().kept(seq)?, epoch) {
            (None, Some(epoch)) => Ok(epoch.kept(seq)?),
            (kept, _) => Ok(kept),
        }
    }

    /// Finds records with the index of the archive; those that are not archived yet are all looked at.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn find(&self, query: &Query) -> Result<Vec<StoredRecord>, ReadError> {
        query.run(self.store.archive(), |from| self.range(from))
    }

    /// How many records are in the archive's files.
    #[must_use]
    pub fn archived(&self) -> u64 {
        self.store.archive().archived()
    }

    /// The records from a number on, as far as they were durable when each is read.
    #[must_use]
    pub fn range(&self, from: u64) -> Records {
        Records { store: Arc::clone(&self.store), next: from, ready: VecDeque::new(), failed: false }
    }
}

/// Waits for a log to grow.
pub struct Growth(watch::Receiver<Arc<Durable>>);

impl Growth {
    /// Returns when there are more records than at the last return; `false` when there will never be more.
    pub async fn happens(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// Records in the order of the log. Ends after an error.
pub struct Records {
    store: Arc<Store>,
    next: u64,
    ready: VecDeque<StoredRecord>,
    failed: bool,
}

impl Records {
    /// Reads ahead where the next record is.
    fn read_ahead(&mut self) -> Result<(), ReadError> {
        let until = self.store.durable().head.size;
        if self.next >= until {
            return Ok(());
        }
        let gap = ReadError::Gap { seq: self.next };
        // Looked for before the archive: while somebody holds an epoch, its records are there, whatever becomes of its directory.
        let epoch = self.store.epoch_of(self.next);
        let pruned = self.store.archive().pruned();
        if self.next < pruned {
            return Err(ArchiveError::Pruned { seq: self.next, pruned }.into());
        }
        if let Some(bundle) = self.store.archive().bundle(self.next / BUNDLE as u64)? {
            let end = until.min(bundle.first() + BUNDLE as u64);
            for seq in self.next..end {
                self.ready.push_back(bundle.record(seq)?);
            }
            return Ok(());
        }
        let Some(epoch) = epoch else { return Err(gap) };
        for entry in epoch.database.range(&[LEAVES], &epoch.chunk_with(self.next)?) {
            let (at, value) = entry?;
            let damaged = |source| ReadError::Chunk { first: number(&at).unwrap_or(0), source };
            for leaf in Chunk::read(&at, &value).map_err(damaged)?.leaves() {
                let (seq, leaf) = leaf.map_err(damaged)?;
                if (self.next..until).contains(&seq) {
                    self.ready.push_back(StoredRecord::new(seq, leaf));
                }
            }
            if self.ready.len() >= AHEAD {
                break;
            }
        }
        match self.ready.front() {
            Some(record) if record.seq() == self.next => Ok(()),
            _ => Err(gap),
        }
    }
}

impl Iterator for Records {
    type Item = Result<StoredRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.ready.is_empty()
            && let Err(error) = self.read_ahead()
        {
            self.failed = true;
            return Some(Err(error));
        }
        let record = self.ready.pop_front()?;
        self.next = record.seq() + 1;
        Some(Ok(record))
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    seq: u64,
    hash: LeafHash,
    leaf: Vec<u8>,
}

impl StoredRecord {
    /// The record with this number and these bytes.
    #[must_use]
    pub fn new(seq: u64, leaf: &[u8]) -> Self {
        Self { seq, hash: LeafHash::of(leaf), leaf: leaf.to_vec() }
    }

    /// Where it stands in the log.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of its bytes, which the next record names.
    #[must_use]
    pub const fn hash(&self) -> LeafHash {
        self.hash
    }

    /// Its JSON text; damaged bytes are replaced.
    #[must_use]
    pub fn json(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.leaf)
    }

    /// Its bytes.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Whether it commits to arguments or a result.
    #[must_use]
    pub fn has_content(&self) -> bool {
        let leaf: Value = serde_json::from_slice(&self.leaf).unwrap_or(Value::Null);
        leaf.get("args").or_else(|| leaf.get("result")).is_some()
    }

    /// The members that one looks for first, for filters and tables.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&serde_json::from_slice(&self.leaf).unwrap_or(Value::Null))
    }
}

/// What one looks for first in a record; what it does not have is empty, what was cut ends in `…`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its kind (`t`).
    pub kind: String,
    /// When it was put in line (RFC 3339).
    pub time: String,
    /// The decision it is, or is the outcome of.
    pub id: String,
    /// The agent, or the service that asks about what is no call.
    pub agent: String,
    /// The actor, or whom a service asks about.
    pub actor: String,
    /// The server.
    pub server: String,
    /// The action.
    pub action: String,
    /// The tool, resource, prompt or method.
    pub target: String,
    /// The decision's or outcome's word, or what became of policies.
    pub verdict: String,
    /// Why the decision is what it is: the causes of its judgements. Why requests were turned away, and how many.
    pub causes: Vec<String>,
}

/// Why requests were turned away, and how many; `None` for any other record.
fn turned_away(record: &Value) -> Option<String> {
    let count = record.get("count").filter(|_| record.get("t").is_some_and(|kind| kind == Kind::Unidentified.name()))?;
    Some(format!("{} x {count}", text(record.get("reason"))))
}

impl Summary {
    fn of(record: &Value) -> Self {
        let first =
            |names: &[&str]| names.iter().map(|name| text(record.get(name))).find(|text| !text.is_empty()).unwrap_or_default();
        let judgements = record.get("judgements").and_then(Value::as_array).into_iter().flatten();
        Self {
            kind: first(&["t"]),
            time: first(&["ts"]),
            id: first(&["id"]),
            agent: first(&["agent", "by"]),
            actor: first(&["actor", "subject"]),
            server: first(&["server"]),
            action: first(&["action"]),
            target: first(&["tool", "resource", "prompt", "method"]),
            verdict: first(&["decision", "outcome", "change"]),
            causes: judgements.map(|judgement| text(judgement.get("cause"))).chain(turned_away(record)).collect(),
        }
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(cut)) => cut.get("cut").and_then(Value::as_str).map(|text| format!("{text}…")).unwrap_or_default(),
        _ => String::new(),
    }
}
