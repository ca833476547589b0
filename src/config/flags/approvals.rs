//! `approvals …`: calls that wait for a person.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::super::units;
use super::AuditFlags;
use crate::domain::TicketId;

const LIST_HELP: &str = "\
Examples:
  cedarpost approvals list --config cedarpost.toml
      the calls that wait for somebody's ruling
  cedarpost approvals list --config cedarpost.toml --state all --json
      every ticket that is remembered, for a program";

const SHOW_HELP: &str = "\
Examples:
  cedarpost approvals show --config cedarpost.toml apr_01KB6Z3W8Q4X9V2N7C5R1T0MEH
      exactly what would run, who asks, for whom, and why a person has to say yes

Characters that a terminal would not show, or that would change how others look, are written out, as in \\u{202e}.";

const APPROVE_HELP: &str = "\
Examples:
  cedarpost approvals approve --config cedarpost.toml apr_01KB6Z3W8Q4X9V2N7C5R1T0MEH --comment 'as agreed with Bea'
      this call, once
  cedarpost approvals approve --config cedarpost.toml apr_01KB6Z3W8Q4X9V2N7C5R1T0MEH --window 30m --uses 5 --comment 'migration'
      the same call up to five times within half an hour, where policy permits that (@window)
  cedarpost approvals approve --config cedarpost.toml apr_01KB6Z3W8Q4X9V2N7C5R1T0MEH --any-arguments --window 10m --comment 'incident 42'
      the tool for this caller whatever the arguments, where policy permits that (@breakglass)

Whoever may open the sidecar's socket rules as the operator (approvals.operator); policy says what the operator may rule.

Exit codes:
    0  the ruling counts
    1  failed while running, or no sidecar runs
    2  the command line cannot be understood
    3  the ruling does not count: no such ticket, it is over, or policy does not permit it
   78  the configuration is wrong";

const DENY_HELP: &str = "\
Examples:
  cedarpost approvals deny --config cedarpost.toml apr_01KB6Z3W8Q4X9V2N7C5R1T0MEH --comment 'wrong account'
      the call is not made; what was approved and not used yet is taken back

Exit codes are those of approve.";

const WATCH_HELP: &str = "\
Examples:
  cedarpost approvals watch --config cedarpost.toml
      a line, and a bell on a terminal, for each call that waits; a line for what becomes of it
  cedarpost approvals watch --config cedarpost.toml --json
      the same for a program, a line of JSON each";

/// `approvals …`
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// Print the calls that wait for a ruling.
    List(ApprovalsListFlags),
    /// Print one of them: exactly what runs, who asks, and why.
    Show(ApprovalsShowFlags),
    /// Let the call be made.
    Approve(ApproveFlags),
    /// Do not let the call be made.
    #[command(after_help = DENY_HELP)]
    Deny(ApprovalsRuleFlags),
    /// Print calls as they begin to wait, and what becomes of them.
    #[command(after_help = WATCH_HELP)]
    Watch(AuditFlags),
}

/// `approvals list`
#[derive(Debug, Clone, Args)]
#[command(after_help = LIST_HELP)]
pub struct ApprovalsListFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// Which ones
    #[arg(long, value_enum, default_value_t = StateFlag::Waiting)]
    pub state: StateFlag,
}

/// `--state`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words say it, and the help lists them in one line")]
pub enum StateFlag {
    Waiting,
    Granted,
    Rejected,
    Expired,
    Spent,
    Void,
    All,
}

/// `approvals show`
#[derive(Debug, Clone, Args)]
#[command(after_help = SHOW_HELP)]
pub struct ApprovalsShowFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// The ticket's name
    #[arg(value_name = "ID", value_parser = ticket)]
    pub id: TicketId,
}

/// `approvals deny`, and what `approve` has in common with it
#[derive(Debug, Clone, Args)]
pub struct ApprovalsRuleFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// The ticket's name
    #[arg(value_name = "ID", value_parser = ticket)]
    pub id: TicketId,
    /// Why, for the record; policy may demand it
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
}

/// `approvals approve`
#[derive(Debug, Clone, Args)]
#[command(after_help = APPROVE_HELP)]
pub struct ApproveFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub rule: ApprovalsRuleFlags,
    /// For how long the same call may be made again, such as 30m [default: once]
    #[arg(long, value_name = "DURATION", value_parser = window)]
    pub window: Option<Duration>,
    /// How often it may be made
    #[arg(long, value_name = "N")]
    pub uses: Option<u32>,
    /// Whatever the arguments
    #[arg(long, requires = "window")]
    pub any_arguments: bool,
}

fn ticket(text: &str) -> Result<TicketId, String> {
    TicketId::parse(text)
        .ok_or_else(|| "a ticket's name is apr_ and 26 capital letters and digits: see `approvals list`".to_owned())
}

fn window(text: &str) -> Result<Duration, String> {
    let window = units::parse_duration(text)?;
    if window.subsec_nanos() == 0 && !window.is_zero() { Ok(window) } else { Err("say at least one whole second".to_owned()) }
}
