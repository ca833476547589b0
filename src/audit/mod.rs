//! The tamper-evident log: what was decided, on which grounds, and how it ended; durable before it takes effect, provable to others
//! afterwards.
//!
//! [`open()`] hands out an [`AuditWriter`] (append a [`Record`], get a [`Receipt`] once it survives a power cut) and an [`AuditReader`].
//! One thread writes: it chains the records, signs their Merkle tree, and acknowledges. The newest part is in databases (epochs); a second
//! thread turns it into files that never change, which foreign tools read as they stand (C2SP tlog-tiles). A disk that fails refuses
//! everything until it works again and nothing that was acknowledged is missing.
//!
//! ```text
//! trust                  the log's public keys, and at which sizes each signs
//! keys/                  the private key
//! anchor                 the newest signed checkpoint, at most a second old
//! epochs/                the newest part: one database each
//! tiles/, archived       everything before it, as files; how far they count
//! private/               salts and what was kept of calls: what can be erased
//! index/                 where to look; proves nothing
//! cursors/, cosigned     how far each sink has the log; what witnesses have signed
//! lock, control, ballast one writer; how commands reach it; room to give back
//! ```
//!
//! Arguments and results are never in a record, only commitments to them ([`private`]). [`show()`], [`query()`], [`prove()`] and
//! verification work on a log that a sidecar has open, without disturbing it. What carries the log away is in [`ship`].
//!
//! Read in this order: [`record`], [`encode`], [`private`], [`chain`], `chunk`, `epoch`, [`writer`], `committer`, `recover`, [`archive`],
//! `archivist`, [`reader`], `snapshot`, [`tlog`].

mod anchor;
pub mod archive;
mod archivist;
mod ballast;
pub mod chain;
pub mod check;
mod chunk;
mod committer;
pub mod encode;
mod epoch;
pub mod export;
mod hashes;
mod json;
mod keys;
mod maintain;
mod metrics;
pub mod open;
pub mod private;
mod prove;
mod queue;
pub mod reader;
pub mod record;
mod recover;
mod rotate;
pub mod ship;
pub mod show;
mod snapshot;
mod source;
mod stats;
mod store;
mod time;
pub mod tlog;
pub mod verify;
pub mod writer;

pub use anchor::AnchorError;
pub use chain::{Head, LeafHash};
pub use check::{Question, Report, TreeHead, Trusted};
pub use epoch::EpochLimits;
pub use hashes::{HashError, Hashes};
pub use keys::{KeysError, read_schedule};
pub use maintain::{Before, EraseError, Erased, PruneError, Pruned};
pub use metrics::Metrics;
pub use open::{AnchorMismatch, OpenError, Settings, open};
pub use private::{Content, Detail, DetailSettings, Keeping, Level, Part, SaltReader};
pub use prove::{ProveError, Proven, prove};
pub use reader::{AuditReader, Growth, LogHashes, ReadError, Records, StoredRecord, Summary};
pub use record::{
    AccessAnswer, AccessRecord, ApprovalRecord, AskedRecord, BundleRecord, CheckRecord, ClockRecord, DecisionRecord, EraseRecord,
    GrantRecord, KeyRecord, Kind, Outcome, OutcomeRecord, PolicyRecord, Problem, PruneRecord, Record, RecoveryRecord,
    RulerRecord, Ruling, StartRecord, TicketRecord, UnidentifiedRecord,
};
pub use rotate::RotateError;
pub use show::{Filter, ShowError, query, show};
pub use snapshot::SnapshotError;
pub use source::ShippedLog;
pub use stats::{Stats, stats};
pub use verify::{VerifyError, verify};
pub use writer::{AppendError, AuditWriter, Health, Receipt};

#[cfg(test)]
pub(in crate::audit) mod tests;
