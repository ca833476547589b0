//! What is done with the log: proving, erasing, pruning, changing the key; and how it stands.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::AuditFlags;
use super::audit_export::time;
use crate::domain::Timestamp;

const PROVE_HELP: &str = "\
Example:
  cedarpost audit prove 70218 --output 70218.tlog-proof --record 70218.json
  tools/verify_log.py --trust trust --proof 70218.tlog-proof --record 70218.json
      shows to somebody else that the log has this record, without showing them the log

The proof (c2sp.org/tlog-proof@v1) holds for the newest checkpoint, or the newest that witnesses have cosigned.";

/// `audit prove`
#[derive(Debug, Clone, Args)]
#[command(after_help = PROVE_HELP)]
pub struct AuditProveFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// The record's number
    #[arg(value_name = "SEQ")]
    pub seq: u64,
    /// The file to write the proof to; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
    /// A file to write the record's bytes to, which the proof is about
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// `audit erase`
#[derive(Debug, Clone, Args)]
pub struct AuditEraseFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// The number of the record whose arguments or result are to be erased for good
    #[arg(value_name = "SEQ")]
    pub seq: u64,
    /// Why, for the record of it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `audit prune`
#[derive(Debug, Clone, Args)]
pub struct AuditPruneFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// Remove records before this time, such as 2026-11-22T10:15:00Z
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "before_seq", conflicts_with = "before_seq")]
    pub before: Option<Timestamp>,
    /// Remove records below this number
    #[arg(long, value_name = "SEQ")]
    pub before_seq: Option<u64>,
}

/// `audit key …`
#[derive(Debug, Clone, Subcommand)]
pub enum AuditKeyCommand {
    /// Print the log's public keys: what somebody who verifies has to have from elsewhere.
    Show(AuditFlags),
    /// Let a new key sign from now on, and destroy the old one.
    Rotate(AuditFlags),
}

impl AuditKeyCommand {
    /// Where the log is.
    #[must_use]
    pub const fn flags(&self) -> &AuditFlags {
        match self {
            Self::Show(flags) | Self::Rotate(flags) => flags,
        }
    }
}

/// `audit stats`
#[derive(Debug, Clone, Args)]
pub struct AuditStatsFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
}
