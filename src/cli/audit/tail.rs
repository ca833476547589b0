//! `cedarpost audit tail`: the newest records, and those that come.

use anyhow::{Context, bail};

use super::super::{Exit, output};
use super::{ask, point_out_siblings, row, scratch};
use crate::audit::{self, Filter, StoredRecord};
use crate::config::AuditSettings;
use crate::config::flags::AuditTailFlags;

/// Prints the newest records, then follows.
pub(super) fn tail(settings: &AuditSettings, flags: &AuditTailFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let mut next = newest(settings, flags)?;
    if !flags.follow {
        return Ok(Exit::Done);
    }
    let json = flags.audit.json;
    let followed = ask::follow(&settings.directory, &format!("/v1/records?from={next}"), |line| {
        let leaf = line.strip_suffix(b"\n").unwrap_or(line);
        let record = StoredRecord::new(next, leaf);
        next += 1;
        output::print_while_read(row(&record, json).as_bytes())
    })?;
    if !followed {
        bail!("no sidecar writes the log in `{}`, so that there is nothing to follow", settings.directory.display());
    }
    Ok(Exit::Done)
}

/// Prints the newest records and tells the number of the one after them.
fn newest(settings: &AuditSettings, flags: &AuditTailFlags) -> anyhow::Result<u64> {
    let (scratch, mut next) = (scratch()?, 0);
    let filter = Filter { last: Some(usize::try_from(flags.lines.max(1)).unwrap_or(usize::MAX)), ..Filter::default() };
    let mut printed = Ok(Exit::Done);
    audit::show(&settings.directory, scratch.path(), &filter, &mut |record| {
        next = record.seq() + 1;
        if flags.lines > 0 {
            printed = output::print(row(&record, flags.audit.json).as_bytes());
        }
        if printed.is_ok() { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) }
    })
    .with_context(|| format!("failed to read the log in `{}`", settings.directory.display()))?;
    printed.map(|_| next)
}
