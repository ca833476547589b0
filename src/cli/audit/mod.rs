//! `cedarpost audit …`, one file each: what reads the log, also while a sidecar writes it.

mod export;
mod keep;
mod progress;
mod prove;
mod query;
mod remote;
mod show;
mod stats;
mod tail;
mod verify;
mod verify_text;

use std::io::{self, Write};

use anyhow::Context;

use super::{Exit, ask};
use crate::app;
use crate::config::flags::{AuditCommand, AuditFlags};
use crate::config::{AuditSettings, Config, Environment, Sources};
use show::row;

/// Reads the log.
pub(super) fn audit(command: &AuditCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        AuditCommand::Verify(flags) => verify::verify(flags, environment),
        AuditCommand::Query(flags) => query::query(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Tail(flags) => tail::tail(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Prove(flags) => prove::prove(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Export(flags) => export::run(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Stats(flags) => stats::stats(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Key(command) => keep::key(&settings(command.flags(), environment)?, command),
        AuditCommand::Erase(flags) => keep::erase(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Prune(flags) => keep::prune(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Show(flags) => show::show(&settings(&flags.audit, environment)?, flags),
    }
}

fn settings(flags: &AuditFlags, environment: Environment) -> anyhow::Result<AuditSettings> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    Ok(Config::for_audit(&sources)?)
}

/// A place for the copy that is read: next to nothing else, and gone afterwards.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("cedarpost-audit-").tempdir().context("failed to make a folder for a copy of the log")
}

/// Several `stdio` processes write several logs, and only one is looked at: says which others there are.
fn point_out_siblings(settings: &AuditSettings, flags: &AuditFlags) -> anyhow::Result<()> {
    let siblings: Vec<_> = app::places(&settings.directory)
        .skip(1)
        .filter(|place| place.join("trust").exists())
        .map(|place| format!("`{}`", place.display()))
        .collect();
    if !siblings.is_empty() && !flags.json {
        let text = format!("`stdio` has also written logs in {}: name one with --audit-dir\n", siblings.join(", "));
        io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
    }
    Ok(())
}
