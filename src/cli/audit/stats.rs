//! `cedarpost audit stats`: how the log stands.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::Context;
use serde_json::json;

use super::super::{Exit, output};
use super::progress::Progress;
use super::{point_out_siblings, scratch};
use crate::audit::{self, Stats};
use crate::config::AuditSettings;
use crate::config::flags::AuditStatsFlags;

/// Prints how the log stands.
pub(super) fn stats(settings: &AuditSettings, flags: &AuditStatsFlags) -> anyhow::Result<Exit> {
    point_out_siblings(settings, &flags.audit)?;
    let scratch = scratch()?;
    let mut progress = Progress::on_stderr(false, Instant::now());
    let stats = audit::stats(&settings.directory, scratch.path(), &mut |done, of| progress.tell(done, Some(of)));
    progress.finish();
    let stats = stats.with_context(|| format!("failed to read the log in `{}`", settings.directory.display()))?;
    let text = if flags.audit.json { object(&stats) } else { table(&stats) };
    output::print(text.as_bytes())
}

fn object(stats: &Stats) -> String {
    let counts = stats.counts.iter().map(|((kind, word), count)| json!({ "kind": kind, "word": word, "count": count }));
    let times = stats.times.as_ref();
    let object = json!({
        "origin": stats.origin,
        "records": stats.records,
        "first": stats.first,
        "archived": stats.archived,
        "signed": stats.signed,
        "cosigned": stats.cosigned,
        "first_time": times.map(|(first, _)| first),
        "last_time": times.map(|(_, last)| last),
        "counts": counts.collect::<Vec<_>>(),
        "bytes": stats.room,
    });
    format!("{object}\n")
}

fn table(stats: &Stats) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{name:<28}{value}");
    };
    row("log", &stats.origin);
    row("records", &stats.records);
    if stats.first > 0 {
        row("  removed, oldest first", &stats.first);
    }
    row("  in files", &(stats.archived - stats.first.min(stats.archived)));
    row("  in a database", &(stats.records - stats.archived));
    row("  covered by a checkpoint", &stats.signed);
    if let Some(cosigned) = stats.cosigned {
        row("  cosigned by witnesses", &cosigned);
    }
    if let Some((first, last)) = &stats.times {
        row("from", first);
        row("to", last);
    }
    for ((kind, word), count) in &stats.counts {
        row(&format!("{kind} {word}"), count);
    }
    for (part, bytes) in &stats.room {
        row(&format!("room of {part}/"), &size(*bytes));
    }
    text
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (0..UNITS.len()).rev().find(|power| bytes >> (10 * power) > 0).unwrap_or(0);
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit == 0 { format!("{bytes} {name}") } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        let cases =
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 41, "6.0 TiB")];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }
}
