//! `cedarpost audit show`: records as rows for people or as JSON lines.

use std::ops::ControlFlow;

use anyhow::Context;

use super::super::{Exit, output};
use super::{point_out_siblings, scratch};
use crate::audit::{self, Filter, StoredRecord, Summary};
use crate::config::AuditSettings;
use crate::config::flags::AuditShowFlags;

/// Prints records.
pub(super) fn show(settings: &AuditSettings, flags: &AuditShowFlags) -> anyhow::Result<Exit> {
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
pub(super) fn row(record: &StoredRecord, as_json: bool) -> String {
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
