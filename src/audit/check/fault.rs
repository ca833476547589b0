//! What can be wrong with a log, in one sentence each, with a word for programs.

use super::super::tlog::checkpoint::CheckpointError;
use super::super::tlog::frontier::FrontierError;
use super::super::tlog::tile::Content;
use super::super::tlog::trust::DistrustError;
use super::super::tlog::{Tile, TreeHash};
use super::scan::FormFault;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The newest checkpoint is not to be believed.
    #[error("the checkpoint: {0}")]
    Checkpoint(CheckpointFault),
    /// A record is wrong.
    #[error("record {seq}: {fault}")]
    Record {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// Records are missing, and nothing allows it.
    #[error("records {first} to {last} are missing, and no prune record lets them be")]
    Bodies {
        /// The first that is missing.
        first: u64,
        /// The last of those that are missing in a row.
        last: u64,
    },
    /// A hash tile is missing or damaged.
    #[error("{}: {fault}", name(*tile))]
    Tile {
        /// Which.
        tile: Tile,
        /// What is wrong with it.
        fault: TileFault,
    },
    /// The records are not those that were signed.
    #[error(
        "the {size} records have the root {found}, and the checkpoint says {signed}: they are not the records that were signed"
    )]
    Root {
        /// How many records.
        size: u64,
        /// The root that they have.
        found: TreeHash,
        /// The root that was signed.
        signed: TreeHash,
    },
    /// The log has fewer records than it had.
    #[error("ROLLBACK: {name} is of {anchored} records, and the log has only {found}")]
    Rollback {
        /// Where the older head was kept.
        name: String,
        /// How many records it is of.
        anchored: u64,
        /// How many there are now.
        found: u64,
    },
    /// The log had other records once.
    #[error("FORK: the first {size} records are not those of {name}: the log was rewritten, or there are two")]
    Fork {
        /// Where the older head was kept.
        name: String,
        /// How many records it is of.
        size: u64,
    },
    /// An older checkpoint that was given is not to be believed itself.
    #[error("{name}: {fault}")]
    Anchor {
        /// Where it was kept.
        name: String,
        /// What is wrong with it.
        fault: CheckpointFault,
    },
    /// A key signs from a size on, and the log has no record of that.
    #[error("from size {from} on another key signs, and the log has no record of that")]
    KeyUnannounced {
        /// The size.
        from: u64,
    },
    /// A database of the log does not begin where the records before it end.
    #[error("epoch {number} of the log does not say rightly where it begins: {what}")]
    Epoch {
        /// Which.
        number: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// There cannot be so many records.
    #[error("the log has too many records for a tree")]
    TooLarge,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// There is none.
    #[error("it is missing")]
    Missing,
    /// It is not a signed checkpoint in its only form.
    #[error("it is damaged ({0})")]
    Form(CheckpointError),
    /// It is not to be believed.
    #[error("{0}")]
    Distrust(DistrustError),
}

/// What is wrong with a hash tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileFault {
    /// It is missing.
    #[error("missing")]
    Missing,
    /// It has not as many bytes as it must have.
    #[error("it has not the right number of bytes")]
    Length,
    /// It is not what the tile below it gives.
    #[error("its hashes are not those of the tiles below it")]
    Differs,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Its bytes have another hash than its hash tile says.
    #[error("its content does not match its leaf hash")]
    Content,
    /// The bytes of its bundle end before it does, or go on after it though it is the last.
    #[error("its bundle is cut short there, or goes on after it")]
    Bundle,
    /// It is not the text of a record.
    #[error("it is not a record in canonical form: {0}")]
    Form(FormFault),
    /// Its form is of another version.
    #[error("its form is version {0}, which this program does not know")]
    Version(u64),
    /// It says that it has another number.
    #[error("it says it is record {0}")]
    Number(u64),
    /// It does not name the hash of the record before it.
    #[error("the chain is broken: it does not name the hash of the record before it")]
    Link,
    /// It is the outcome of something that is not an earlier decision.
    #[error("it is the outcome of record {0}, which is not the decision it names")]
    Outcome(u64),
    /// It says that a key changes, and the trusted keys know nothing of that.
    #[error("it says that another key signs from size {0} on, and the trusted keys say otherwise")]
    Key(u64),
    /// It lets records be gone that were not there, or fewer than an earlier one.
    #[error("it lets the records below {0} be gone, which cannot be")]
    Prune(u64),
    /// What the database says about the tree after it is not so.
    #[error("the head that is stored after it is wrong: {0}")]
    Head(HeadFault),
}

/// What is wrong with the head that a database has after a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// The hash of the last record.
    #[error("it has another hash")]
    Hash,
    /// The tree.
    #[error("it has another tree")]
    Tree,
    /// The checkpoint.
    #[error("its checkpoint: {0}")]
    Checkpoint(CheckpointFault),
    /// The checkpoint is one of another tree.
    #[error("its checkpoint is one of another tree")]
    Other,
}

/// In which order faults are told: what is signed, then the records, then what is made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The checkpoint.
    Checkpoint,
    /// How many records there are.
    Size,
    /// A record, or the hash tile over it.
    Record(u64),
    /// A hash tile above level 0.
    Upper(Tile),
    /// Everything.
    Whole,
    /// What others have kept.
    Others,
}

impl Fault {
    /// All words that [`Self::code`] can be.
    pub const CODES: [&str; 27] = [
        "checkpoint_missing",
        "checkpoint_form",
        "checkpoint_origin",
        "checkpoint_unsigned",
        "checkpoint_key",
        "checkpoint_signature",
        "checkpoint_witnesses",
        "missing_records",
        "bundle_length",
        "record_content",
        "record_form",
        "record_version",
        "record_number",
        "record_link",
        "record_outcome",
        "prune_record",
        "key_record",
        "stored_head",
        "missing_tile",
        "tile_length",
        "tile_differs",
        "root",
        "rollback",
        "fork",
        "anchor",
        "epoch",
        "too_large",
    ];

    /// A word for programs, which stays the same.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(fault) => fault.code(),
            Self::Record { fault, .. } => fault.code(),
            Self::Bodies { .. } => "missing_records",
            Self::Tile { fault: TileFault::Missing, .. } => "missing_tile",
            Self::Tile { fault: TileFault::Length, .. } => "tile_length",
            Self::Tile { fault: TileFault::Differs, .. } => "tile_differs",
            Self::Root { .. } => "root",
            Self::Rollback { .. } => "rollback",
            Self::Fork { .. } => "fork",
            Self::Anchor { .. } => "anchor",
            Self::KeyUnannounced { .. } => "key_record",
            Self::Epoch { .. } => "epoch",
            Self::TooLarge => "too_large",
        }
    }

    /// The record that it is about, or the first of them.
    #[must_use]
    pub const fn record(&self) -> Option<u64> {
        match self {
            Self::Record { seq, .. } => Some(*seq),
            Self::Bodies { first, .. } => Some(*first),
            _ => None,
        }
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::Checkpoint(_) => Place::Checkpoint,
            Self::Record { seq, .. } => Place::Record(*seq),
            Self::Bodies { first, .. } => Place::Record(*first),
            Self::Tile { tile, .. } if tile.content() == Content::Hashes(0) => Place::Record(tile.index() * 256),
            Self::Tile { tile, .. } => Place::Upper(*tile),
            Self::KeyUnannounced { from } => Place::Record(*from),
            Self::Root { .. } | Self::Epoch { .. } | Self::TooLarge => Place::Whole,
            Self::Rollback { .. } => Place::Size,
            Self::Fork { .. } | Self::Anchor { .. } => Place::Others,
        }
    }
}

impl CheckpointFault {
    const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "checkpoint_missing",
            Self::Form(_) => "checkpoint_form",
            Self::Distrust(DistrustError::Origin(_)) => "checkpoint_origin",
            Self::Distrust(DistrustError::Unsigned) => "checkpoint_unsigned",
            Self::Distrust(DistrustError::OutOfTerm(_)) => "checkpoint_key",
            Self::Distrust(DistrustError::Forged(_)) => "checkpoint_signature",
            Self::Distrust(DistrustError::Witnesses { .. }) => "checkpoint_witnesses",
        }
    }
}

impl RecordFault {
    const fn code(&self) -> &'static str {
        match self {
            Self::Content => "record_content",
            Self::Bundle => "bundle_length",
            Self::Form(_) => "record_form",
            Self::Version(_) => "record_version",
            Self::Number(_) => "record_number",
            Self::Link => "record_link",
            Self::Outcome(_) => "record_outcome",
            Self::Key(_) => "key_record",
            Self::Prune(_) => "prune_record",
            Self::Head(_) => "stored_head",
        }
    }
}

impl From<FrontierError> for Fault {
    fn from(_: FrontierError) -> Self {
        Self::TooLarge
    }
}

fn name(tile: Tile) -> String {
    format!("`{tile}`")
}
