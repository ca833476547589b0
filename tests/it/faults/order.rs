//! Nothing is acknowledged before it is durable: read from the order of requests, not from what is left after a crash.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::process::{self, Told, Work};
use super::scratch;
use super::shim::{Action, Rule, Shim, Watch};
use super::trace::{self, Event, Kind};

/// What names a record in the bytes of a database and wherever it is acknowledged: so many bytes after a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) after: &'static str,
    pub(super) length: usize,
}

/// The id of a decision in its record.
pub(super) const DECISION: Mark = Mark { after: "\"id\":\"", length: 26 };

impl Mark {
    /// The names in some bytes.
    pub(super) fn names(self, data: &[u8]) -> impl Iterator<Item = String> {
        memmem::find_iter(data, self.after).filter_map(move |at| {
            let name = data.get(at + self.after.len()..)?.get(..self.length)?;
            String::from_utf8(name.to_vec()).ok()
        })
    }
}

/// Where and when the record of a decision was written.
struct Written {
    inode: u64,
    end: u64,
}

/// The acknowledgements of records that were not durable when they were given: for each there has to be a sync of the database file that
/// began after a write with the record, and ended before the acknowledgement began, with no sync of ours in between that failed: after
/// that, data that never reached the disk counts as written.
pub(super) fn violations(events: &[Event], mark: Mark, acknowledged: &[(u64, String)]) -> Vec<String> {
    let (mut written, mut syncs) = (HashMap::<String, Vec<Written>>::new(), HashMap::<u64, Vec<&Event>>::new());
    for event in events.iter().filter(|event| is_database(&event.path)) {
        if event.kind == Kind::Write && event.happened() {
            for name in mark.names(&event.data) {
                written.entry(name).or_default().push(Written { inode: event.inode, end: event.end });
            }
        } else if event.kind.is_sync() && (event.happened() || event.kind == Kind::DataSync) {
            syncs.entry(event.inode).or_default().push(event);
        }
    }
    let durable = |name: &String, before: u64| {
        written.get(name).into_iter().flatten().any(|Written { inode, end }| {
            let after = syncs.get(inode).into_iter().flatten().filter(|sync| sync.begin > *end);
            let failed = after.clone().filter(|sync| !sync.happened()).map(|sync| sync.begin).min().unwrap_or(u64::MAX);
            let mut durable = after.filter(|sync| sync.happened() && sync.end < before && sync.begin < failed);
            durable.next().is_some()
        })
    };
    let early = acknowledged.iter().filter(|(before, name)| !durable(name, *before));
    early.map(|(before, name)| format!("{name} was acknowledged at {before}")).collect()
}

fn is_database(path: &str) -> bool {
    path.contains("/epochs/") && path.ends_with("/db")
}

/// What the process said, and when it began to.
pub(super) fn said(events: &[Event]) -> Vec<(u64, String)> {
    let said = events.iter().filter(|event| event.kind == Kind::Say);
    let lines = said.map(|event| (event.begin, String::from_utf8_lossy(&event.data).into_owned()));
    lines.filter_map(|(at, line)| Some((at, line.strip_suffix('\n')?.to_owned()))).collect()
}

/// What the process said it has acknowledged, and when it began to say so.
pub(super) fn acknowledged(events: &[Event]) -> Vec<(u64, Told)> {
    said(events).into_iter().filter_map(|(at, line)| Some((at, Told::parse(&line)?))).collect()
}

/// Runs the process under the shim with a rule, and hands back its trace and how many acknowledgements came too early.
fn run(shim: &Shim, rule: Option<Rule>) -> (Vec<Event>, usize, Vec<String>) {
    let dir = scratch();
    let root = dir.path().canonicalize().unwrap().join("audit");
    let trace = dir.path().join("trace");
    let watch = Watch {
        root: root.clone(),
        trace: Some(trace.clone()),
        data: true,
        rules: rule.into_iter().collect(),
        ..Watch::default()
    };
    let work = Work { runs: 2, records: 400, rotate: 150, ..Work::default() };
    let report = process::run(shim, &watch, &root, work);
    assert_eq!(report.complaint(), None);
    let events = trace::read(&trace);
    let told = acknowledged(&events);
    assert_eq!(told.len(), report.promises.told.len(), "the trace has what was said");
    assert!(told.len() >= 800 && report.count("rotated") >= 4, "{:?}", report.said);
    let told: Vec<_> = told.into_iter().map(|(at, told)| (at, told.id)).collect();
    let early = violations(&events, DECISION, &told);
    (events, told.len(), early)
}

#[test]
fn nothing_is_acknowledged_before_the_disk_has_synced_it() {
    let Some(shim) = Shim::get() else { return };
    let (events, acknowledged, early) = run(&shim, None);
    assert!(early.is_empty(), "{} of {acknowledged}: {:?}", early.len(), early.first());
    let paths = |kind: Kind| events.iter().filter(move |event| event.kind == kind).map(|event| &event.path);
    assert_eq!(paths(Kind::Foreign).collect::<Vec<_>>(), Vec::<&String>::new(), "the trace has everything");
    assert_eq!(paths(Kind::Create).filter(|path| path.contains("/blobs/")).count(), 0, "no page left the synced file");
    println!("{acknowledged} acknowledgements, {} requests to the disk", events.len());
}

#[test]
fn a_sync_that_is_left_out_is_found_out() {
    let Some(shim) = Shim::get() else { return };
    let lost = Rule { kind: "fdatasync", path: "/db", first: 1, count: 0, action: Action::Lose };
    let (_, acknowledged, early) = run(&shim, Some(lost));
    // The database library syncs now and then by itself, and opening syncs: a few are durable by chance.
    assert!(early.len() * 2 > acknowledged, "only {} of {acknowledged} were found out", early.len());
    println!("without the sync, {} of {acknowledged} acknowledgements came too early", early.len());
}

#[test]
fn what_replaces_a_file_is_durable_before_it_has_the_name_and_the_name_soon_after() {
    let Some(shim) = Shim::get() else { return };
    let (events, _, _) = run(&shim, None);
    let mut seen = 0;
    for name in ["anchor", "trust", "archived"] {
        for (at, moved) in events.iter().enumerate().filter(|(_, event)| event.kind == Kind::Rename && event.happened()) {
            if Path::new(&moved.other).file_name().is_none_or(|file| file != name) {
                continue;
            }
            seen += 1;
            let of_file = |event: &&Event| event.inode == moved.inode && event.end < moved.begin;
            let last = events[..at].iter().filter(of_file).filter(|event| event.kind == Kind::Write).map(|event| event.end).max();
            let synced = events[..at].iter().filter(of_file).any(|event| event.kind.is_sync() && Some(event.begin) > last);
            assert!(last.is_some() && synced, "`{name}` was replaced by something that was not durable");
            let parent = PathBuf::from(&moved.other).parent().unwrap().to_str().unwrap().to_owned();
            let after =
                events[at..].iter().any(|event| event.kind == Kind::Sync && event.path == parent && event.begin > moved.end);
            assert!(after, "the directory of `{name}` was not synced");
        }
    }
    assert!(seen >= 8, "only {seen} files were replaced");
}
