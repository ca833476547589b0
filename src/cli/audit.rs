//! `cedarpost audit verify` and `cedarpost audit show`: read the log, also while a sidecar writes it.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::{Exit, output};
use crate::app;
use crate::audit::{self, Filter, StoredRecord, Summary, TreeHead, Verified};
use crate::config::flags::{AuditCommand, AuditFlags, AuditShowFlags, AuditVerifyFlags};
use crate::config::{AuditSettings, Config, Environment, Sources};
use crate::domain::Timestamp;

/// Reads the log.
pub(super) fn audit(command: &AuditCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        AuditCommand::Verify(flags) => verify(&settings(&flags.audit, environment)?, flags),
        AuditCommand::Show(flags) => show(&settings(&flags.audit, environment)?, flags),
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
        .filter(|place| place.join("log").exists())
        .map(|place| format!("`{}`", place.display()))
        .collect();
    if !siblings.is_empty() && !flags.json {
        let text = format!("`stdio` has also written logs in {}: name one with --audit-dir\n", siblings.join(", "));
        io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")?;
    }
    Ok(())
}

fn verify(settings: &AuditSettings, flags: &AuditVerifyFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let scratch = scratch()?;
    let terminal = io::stderr().is_terminal();
    let mut progress = |records: u64| {
        if terminal && records.is_multiple_of(50_000) && records > 0 {
            // A terminal that is gone does not stop the verification.
            let _ = write!(io::stderr(), "\r{records} records");
        }
    };
    match audit::verify(&settings.directory, scratch.path(), flags.kept.unwrap_or(TreeHead::EMPTY), &mut progress) {
        Ok(verified) => output::print(verified_text(&settings.directory, &verified, flags.audit.json).as_bytes()),
        Err(error) => {
            if flags.audit.json {
                let chain: Vec<String> = anyhow::Error::from(error).chain().map(ToString::to_string).collect();
                output::print(format!("{}\n", json!({ "verified": false, "directory": settings.directory.display().to_string(), "error": chain.join(": ") })).as_bytes())?;
            } else {
                writeln!(
                    io::stderr(),
                    "the log in `{}` does not verify: {:#}",
                    settings.directory.display(),
                    anyhow::Error::from(error)
                )?;
            }
            Ok(Exit::Invalid)
        }
    }
}

fn verified_text(directory: &Path, verified: &Verified, as_json: bool) -> String {
    let (records, head) = (verified.head.size, verified.head.hash.to_string());
    let [first, last] = [verified.first, verified.last].map(|at| at.map(time));
    if as_json {
        let line = json!({
            "verified": true, "directory": directory.display().to_string(), "records": records, "head": head, "tree_head": verified.tree.to_string(), "first": first, "last": last,
            "without_outcome": verified.without_outcome,
        });
        return format!("{line}\n");
    }
    let [first, last] = [first, last].map(|at| at.unwrap_or_else(|| "-".to_owned()));
    format!(
        "verified: {records} records in `{}`, from {first} to {last}\nhead: {head}\ntree head: {}\nallowed calls without an outcome: {}\n",
        directory.display(),
        verified.tree,
        verified.without_outcome
    )
}

fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

fn show(settings: &AuditSettings, flags: &AuditShowFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let scratch = scratch()?;
    let limit = usize::try_from(flags.limit).unwrap_or(usize::MAX);
    let filter = Filter {
        verdict: flags.decision.clone(),
        id: flags.id.clone(),
        agent: flags.agent.clone(),
        target: flags.tool.clone(),
        since: flags.from,
        // From a place on, the first ones are meant; without one, the newest.
        last: flags.from.is_none().then_some(limit),
    };
    let (mut left, mut printed) = (limit, Ok(Exit::Done));
    audit::show(&settings.directory, scratch.path(), &filter, &mut |record| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= 1;
        printed = output::print(row(&record, flags.audit.json).as_bytes());
        if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .with_context(|| format!("failed to read the log in `{}`", settings.directory.display()))?;
    printed
}

/// A record as its JSON line, or as a row for people.
fn row(record: &StoredRecord, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", record.json());
    }
    let Summary { kind, time, id, agent, actor, server, action, target, verdict, causes } = record.summary();
    let who = if actor.is_empty() { agent } else { format!("{agent} for {actor}") };
    let what = [server, action, target].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let columns = [record.seq().to_string(), time, kind, verdict, id, who, what, causes.join(",")];
    let row: Vec<&str> = columns.iter().map(String::as_str).filter(|column| !column.is_empty()).collect();
    format!("{}\n", row.join("  "))
}
