//! The tamper-evident log: what was decided, on which grounds, and how it ended.
//!
//! [`open()`] hands out an [`AuditWriter`] (append a [`Record`], get a [`Receipt`] once it survives a power cut) and an [`AuditReader`].
//! One thread writes; records form a chain of hashes; a log that cannot be written refuses everything until a restart.
//! [`verify()`] and [`show()`] read a log that a sidecar has open.
//!
//! What this form does not do: a local chain shows edits by anyone who cannot rewrite all of it and the anchor file. Whoever can
//! write to the directory can; signed checkpoints and copies elsewhere are for that. Argument values are not in the log.
//!
//! In the directory: `log/` (the database), `anchor` (the last head, at most a second old), `ballast` (room to give back).
//!
//! [`tlog`] has what will make the log provable to others; so far [`verify()`] computes the root of its Merkle tree with it.
//!
//! Read in this order: [`record`], [`encode`], [`chain`], [`writer`], `committer`, [`verify`](mod@verify).

mod anchor;
mod ballast;
pub mod chain;
mod committer;
pub mod encode;
mod json;
mod metrics;
pub mod open;
mod queue;
pub mod reader;
pub mod record;
pub mod ship;
pub mod show;
mod time;
pub mod tlog;
pub mod verify;
pub mod writer;

pub use anchor::AnchorError;
pub use chain::{Head, LeafHash};
pub use metrics::Metrics;
pub use open::{AnchorMismatch, OpenError, Settings, open};
pub use reader::{AuditReader, ReadError, Records, StoredRecord, Summary};
pub use record::{
    ClockRecord, DecisionRecord, Kind, Outcome, OutcomeRecord, PolicyRecord, Problem, Record, RecoveryRecord, StartRecord,
};
pub use show::{Filter, ShowError, show};
pub use verify::{Fault, TreeHead, Verified, VerifyError, verify};
pub use writer::{AppendError, AuditWriter, Health, Receipt};

#[cfg(test)]
mod tests;
