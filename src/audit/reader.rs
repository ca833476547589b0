//! Reads records back: the one with a number, or all from a number on.

use std::borrow::Cow;

use serde_json::Value;

use crate::storage::{Database, StorageError};

use super::chain::{Chunk, ChunkError, Head, KEPT, LEAVES, LeafHash, key, number};

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
    /// The head of the log does not belong to its last records.
    #[error("the hash of record {seq} is not the one stored as the head")]
    Head {
        /// The last record.
        seq: u64,
    },
}

/// Reads the log. Clones share the database and keep it open.
#[derive(Clone)]
pub struct AuditReader {
    database: Database,
}

impl AuditReader {
    pub(super) const fn new(database: Database) -> Self {
        Self { database }
    }

    /// The number of records.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn len(&self) -> Result<u64, ReadError> {
        Ok(self.head()?.size)
    }

    /// Whether there are no records.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn is_empty(&self) -> Result<bool, ReadError> {
        Ok(self.len()? == 0)
    }

    /// How far the log goes.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; also when the stored head is not the hash of the last record.
    pub fn head(&self) -> Result<Head, ReadError> {
        let Some(last) = self.last()? else { return Ok(Head::EMPTY) };
        Ok(Head { size: last.seq() + 1, hash: last.hash() })
    }

    /// The newest record.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; also when the stored head is not its hash.
    pub fn last(&self) -> Result<Option<StoredRecord>, ReadError> {
        let Some((chunk_key, value)) = self.database.last_until(&[LEAVES], &key(LEAVES, u64::MAX))? else { return Ok(None) };
        let first = number(&chunk_key).unwrap_or(0);
        let damaged = |source| ReadError::Chunk { first, source };
        let chunk = Chunk::read(&chunk_key, &value).map_err(damaged)?;
        let last = chunk.leaves().last().transpose().map_err(damaged)?;
        let record = last.map(|(seq, leaf)| StoredRecord::new(seq, leaf));
        match record {
            Some(record) if record.hash() != chunk.last_hash => Err(ReadError::Head { seq: record.seq() }),
            record => Ok(record),
        }
    }

    /// The record with a number; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn get(&self, seq: u64) -> Result<Option<StoredRecord>, ReadError> {
        let record = self.range(seq).next().transpose()?;
        Ok(record.filter(|record| record.seq() == seq))
    }

    /// What was kept of a record, enciphered as it is stored; `None` when nothing was. [`super::private::unseal`] deciphers it with the
    /// record's salt.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub fn kept(&self, seq: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let parts = self.database.range(&key(KEPT, seq), &key(KEPT, seq));
        let mut kept = None;
        for part in parts {
            kept.get_or_insert_with(Vec::new).extend_from_slice(&part?.1);
        }
        Ok(kept)
    }

    /// The records from a number on, as far as they were durable when each is read.
    #[must_use]
    pub fn range(&self, from: u64) -> Records {
        // The record may stand in the middle of a chunk that begins earlier.
        let begin = self.database.last_until(&[LEAVES], &key(LEAVES, from));
        let (begin, failed) = match begin {
            Ok(found) => (found.map_or(key(LEAVES, from).to_vec(), |(key, _)| key.to_vec()), None),
            Err(error) => (key(LEAVES, from).to_vec(), Some(error.into())),
        };
        Records { chunks: self.database.range(&[LEAVES], &begin), ready: Vec::new().into_iter(), from, failed }
    }
}

/// Records in the order of the log.
pub struct Records {
    chunks: crate::storage::Range,
    ready: std::vec::IntoIter<StoredRecord>,
    from: u64,
    failed: Option<ReadError>,
}

impl Records {
    fn read_chunk(&self, chunk_key: &[u8], value: &[u8]) -> Result<Vec<StoredRecord>, ReadError> {
        let first = number(chunk_key).unwrap_or(0);
        let damaged = |source| ReadError::Chunk { first, source };
        let leaves = Chunk::read(chunk_key, value).map_err(damaged)?.leaves();
        let wanted = leaves.filter(|leaf| leaf.as_ref().map_or(true, |(seq, _)| *seq >= self.from));
        wanted.map(|leaf| leaf.map(|(seq, leaf)| StoredRecord::new(seq, leaf)).map_err(damaged)).collect()
    }
}

impl Iterator for Records {
    type Item = Result<StoredRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            if let Some(record) = self.ready.next() {
                return Some(Ok(record));
            }
            let read = match self.chunks.next()? {
                Ok((chunk_key, value)) => self.read_chunk(&chunk_key, &value),
                Err(error) => Err(error.into()),
            };
            match read {
                Ok(records) => self.ready = records.into_iter(),
                Err(error) => self.failed = Some(error),
            }
        }
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
    pub(super) fn new(seq: u64, leaf: &[u8]) -> Self {
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
    /// The agent.
    pub agent: String,
    /// The actor.
    pub actor: String,
    /// The server.
    pub server: String,
    /// The action.
    pub action: String,
    /// The tool, resource, prompt or method.
    pub target: String,
    /// The decision's or outcome's word, or what became of policies.
    pub verdict: String,
    /// Why the decision is what it is: the causes of its judgements.
    pub causes: Vec<String>,
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
            agent: first(&["agent"]),
            actor: first(&["actor"]),
            server: first(&["server"]),
            action: first(&["action"]),
            target: first(&["tool", "resource", "prompt", "method"]),
            verdict: first(&["decision", "outcome", "change"]),
            causes: judgements.map(|judgement| text(judgement.get("cause"))).collect(),
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
