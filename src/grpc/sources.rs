//! What services tell besides decisions, handed in by whoever starts the face: the log, and a place where policies are checked.

use crate::domain::{DecisionId, Timestamp};
use crate::gate::Problem;

use super::watch::Record;

/// The log. All of it but [`Book::extent`] may block.
pub trait Book: Send + Sync {
    /// How far the log goes.
    fn extent(&self) -> Extent;

    /// The records that fit.
    ///
    /// # Errors
    ///
    /// [`BookError`].
    fn find(&self, wanted: &Wanted) -> Result<Vec<Record>, BookError>;

    /// A record, and the proof that the log has it (C2SP tlog-proof).
    ///
    /// # Errors
    ///
    /// [`BookError`].
    fn prove(&self, seq: u64) -> Result<(Record, String), BookError>;

    /// The newest signed checkpoint.
    fn checkpoint(&self) -> Head;
}

/// How far the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The oldest place that is still there.
    pub first: u64,
    /// The number of records, pruned ones included.
    pub size: u64,
}

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// As it was signed.
    pub note: String,
    /// The log's name.
    pub origin: String,
    /// How many records it covers.
    pub size: u64,
    /// The root of the tree over them.
    pub root: [u8; 32],
}

/// Which records are looked for: all that is given has to fit. `*` at the end of a text stands for anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "what each is stands in proto/cedarpost/v1/audit.proto")]
pub struct Wanted {
    pub kind: Option<String>,
    pub verdict: Option<String>,
    pub agent: Option<String>,
    pub actor: Option<String>,
    pub server: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    pub session: Option<String>,
    pub policy: Option<String>,
    pub id: Option<DecisionId>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub from: u64,
    pub to: u64,
    pub outcomes: bool,
    pub oldest_first: bool,
    pub limit: usize,
}

/// Why the log does not answer.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// There is no such kind of record.
    #[error("is not a kind of record")]
    Kind,
    /// There is no such record.
    #[error("there is no record {0}")]
    Missing(u64),
    /// It was there, and was pruned.
    #[error("record {0} was pruned")]
    Pruned(u64),
    /// No checkpoint covers it yet.
    #[error("no checkpoint covers record {0} yet")]
    Unsigned(u64),
    /// It cannot be read.
    #[error("the log cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where policies are checked. Nothing that is done there lasts.
pub trait Lab: Send + Sync {
    /// What there is to say of these policy files (name and text) in the place of those in force. It may block, and takes its time.
    ///
    /// # Errors
    ///
    /// Why it cannot be found out, for operators: the files of the configuration cannot be read.
    fn check(&self, files: &[(String, String)]) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>>;
}

/// What there is to say of policies.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// How many policies there are; `None` when they are not valid.
    pub policies: Option<usize>,
    /// What is wrong with them.
    pub errors: Vec<Problem>,
    /// What their author should know although it stops nothing.
    pub warnings: Vec<Problem>,
}
