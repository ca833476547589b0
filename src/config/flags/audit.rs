//! `audit …`: reading the log of decisions.

use clap::{Args, Subcommand};

use crate::audit::TreeHead;

use super::{FileFlag, Override};

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the whole hash chain; exit code 3 when a record is missing or changed.
    Verify(AuditVerifyFlags),
    /// Print records.
    Show(AuditShowFlags),
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
    /// A tree head that an earlier verification printed: the log must still begin with the same records
    #[arg(long, value_name = "SIZE:ROOT")]
    pub kept: Option<TreeHead>,
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
