//! `audit export`: the log in forms that other programs read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::AuditFlags;
use crate::domain::Timestamp;

const HELP: &str = "\
Examples:
  cedarpost audit export --format jsonl --output audit.jsonl
      every record as it is stored, with its number and hash
  cedarpost audit export --format csv --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z --output november.csv
      a month as a table
  cedarpost audit export --format ocsf --from 70218 | some-collector
      what came after the last export, as security events

The forms are described in docs/audit-export.md. Arguments and results of calls are never exported.
Records are not verified on the way: `cedarpost audit verify` is for that.";

/// `audit export`
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct AuditExportFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would replace the help of the command")]
    pub audit: AuditFlags,
    /// What to make of records
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: ExportFormat,
    /// The first record
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub from: u64,
    /// The last record
    #[arg(long, value_name = "SEQ")]
    pub to: Option<u64>,
    /// Only records from this time on, such as 2026-11-22T10:15:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Only records before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// The file to write, which is there only when it is complete; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// `--format` of `audit export`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Lines of JSON: each record as it is stored, with its number, its hash and the name of its log.
    Jsonl,
    /// A table for spreadsheets.
    Csv,
    /// Lines of JSON: events of the Open Cybersecurity Schema Framework 1.8.0.
    Ocsf,
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "this is not a time with a date and an offset, such as 2026-11-22T10:15:00Z".to_owned())?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}
