//! `audit …`: reading the log of decisions.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use crate::audit::TreeHead;
use crate::audit::tlog::VerifierKey;

use super::{
    AuditEraseFlags, AuditExportFlags, AuditKeyCommand, AuditProveFlags, AuditPruneFlags, AuditQueryFlags, AuditStatsFlags,
    AuditTailFlags, FileFlag, Override,
};

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check every record, the chain, the tree and the signatures; exit code 3 when something is missing or changed.
    Verify(AuditVerifyFlags),
    /// Print records.
    Show(AuditShowFlags),
    /// Find records by agent, person, tool, decision, policy or time, quickly also in a long log.
    Query(AuditQueryFlags),
    /// Print the newest records, and go on with those that come.
    Tail(AuditTailFlags),
    /// Write the proof that the log has a record, for somebody who does not have the log.
    Prove(AuditProveFlags),
    /// Write records as lines of JSON, as a table or as OCSF events.
    Export(AuditExportFlags),
    /// How long the log is, where its parts are, and how much room they take.
    Stats(AuditStatsFlags),
    /// Print the public keys, or change the key that signs.
    #[command(subcommand)]
    Key(AuditKeyCommand),
    /// Erase the arguments and the result of one call for good; the record and all proofs stay.
    Erase(AuditEraseFlags),
    /// Remove the oldest records; their hashes and all proofs stay.
    Prune(AuditPruneFlags),
}

/// Where the log of decisions is.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub file: FileFlag,
    /// The directory of the log, when no settings file names it
    #[arg(long, value_name = "DIR")]
    pub audit_dir: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// `audit verify`
#[derive(Debug, Clone, Default, Args)]
pub struct AuditVerifyFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// A log as files (C2SP tlog-tiles): a directory with `checkpoint` and `tile` in it, or a URL [default: the log of the settings]
    #[arg(value_name = "SOURCE", conflicts_with = "audit_dir")]
    pub source: Option<LogSource>,
    /// The key that signs the log now, as `name+id+key`
    #[arg(long, value_name = "KEY", conflicts_with = "trust")]
    pub key: Option<VerifierKey>,
    /// A file with all keys of the log, in lines `from to key` [default: the one beside the log]
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// A tree head that an earlier verification printed: the log must still begin with the same records (may be repeated)
    #[arg(long, value_name = "SIZE:ROOT")]
    pub kept: Vec<TreeHead>,
    /// An older checkpoint that was kept elsewhere: the log must still begin with its records (may be repeated)
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub checkpoints: Vec<PathBuf>,
    /// How many threads read records; 0 is one for each processor
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Do not show how far it has come
    #[arg(long, short)]
    pub quiet: bool,
}

/// Where a log is that is kept as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// A directory.
    Directory(PathBuf),
    /// Something that is asked for by its URL.
    Url(String),
}

impl FromStr for LogSource {
    type Err = Infallible;

    /// What has `://` in it is a URL; the rest is a path.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.contains("://") { Self::Url(text.to_owned()) } else { Self::Directory(text.into()) })
    }
}

/// `audit show`
#[derive(Debug, Clone, Default, Args)]
pub struct AuditShowFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// The first record to print [default: the last --limit records]
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// How many records to print at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u64,
    /// Only decisions with this word (allow, deny, require_approval), or outcomes with it (ok, tool_error, failed …)
    #[arg(long, value_name = "WORD")]
    pub decision: Option<String>,
    /// Only the decision with this id, and its outcome
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Only what this agent asked for
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// Only what was asked of this tool, resource or prompt
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
}

impl AuditFlags {
    /// The settings these flags give.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        Override::text("audit.directory", "--audit-dir", self.audit_dir.as_ref()).into_iter().collect()
    }
}
