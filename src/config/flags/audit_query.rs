//! `audit query` and `audit tail`: looking for records.

use clap::Args;

use super::AuditFlags;
use super::audit_export::time;
use crate::domain::Timestamp;

const HELP: &str = "\
Examples:
  cedarpost audit query --decision deny --since 2026-11-28T08:00:00Z
      what was denied this morning
  cedarpost audit query --actor ann@shop.example --tool 'refund*' --limit 500 --json
      what was asked of tools that begin with refund, for Ann, as lines of JSON
  cedarpost audit query --policy no-drop --oldest-first
      what a policy had a say in

A `*` at the end stands for any end. An outcome is found by what its decision says, too. Records are read from the index, which proves
nothing, and looked at again before they are shown; `cedarpost audit verify` checks them.";

/// `audit query`
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct AuditQueryFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// Only what this agent asked for
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
    /// Only what was asked for this person
    #[arg(long, value_name = "ID")]
    pub actor: Option<String>,
    /// Only what was asked of this server
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Only this action, such as tools/call
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only what was asked of this tool, resource or prompt
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only decisions with this word (allow, deny, require_approval), or outcomes with it (ok, tool_error, failed …)
    #[arg(long, value_name = "WORD")]
    pub decision: Option<String>,
    /// Only records of this kind (decision, outcome, policy, approval, key, prune, erase, start, stop, recovery, clock)
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only what this policy determined, or failed in
    #[arg(long, value_name = "ID")]
    pub policy: Option<String>,
    /// Only calls of this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Only the decision with this id, and its outcome
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Only records from this time on, such as 2026-11-22T10:15:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Only records before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Only records with this number or a higher one
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub from: u64,
    /// Only records with a lower number
    #[arg(long, value_name = "SEQ")]
    pub to: Option<u64>,
    /// Leave out outcomes
    #[arg(long)]
    pub no_outcomes: bool,
    /// Begin with the oldest
    #[arg(long)]
    pub oldest_first: bool,
    /// How many records at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// `audit tail`
#[derive(Debug, Clone, Args)]
pub struct AuditTailFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// How many of the newest records to begin with
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub lines: u64,
    /// Go on with those that come
    #[arg(long, short)]
    pub follow: bool,
}
