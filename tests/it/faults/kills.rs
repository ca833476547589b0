//! kill -9 at a request to the disk, of one process after the other, until each request has had its turn: while a log is made, opened,
//! written and closed, while epochs and keys change, and while it recovers from a failed disk.
//!
//! [`crate::crash`] and the kills in `src/audit` strike at random; here nothing is left out. `FAULTS_KILLS` says at how many
//! requests.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::check::{Depth, check};
use super::process::{self, Report, Work};
use super::shim::{Action, Control, Rule, Shim, Watch};
use super::{scratch, setting};

const WORK: Work =
    Work { runs: 2, writers: 4, records: 200, epoch: 256, rotate: 70, erase: 30, prune: 1, deadline: 2000, heal: 0 };

/// A disk that fails once, so that the log recovers; the places are early and late in the run.
const TROUBLES: &[&[Rule]] = &[
    &[],
    &[Rule { kind: "fdatasync", path: "/db", first: 30, count: 1, action: Action::Fail("EIO") }],
    &[Rule { kind: "write", path: "/db", first: 30, count: 1, action: Action::Torn("EIO") }],
    &[
        Rule { kind: "fdatasync", path: "/db", first: 40, count: 1, action: Action::Late("EIO") },
        Rule { kind: "rename", path: "/epochs", first: 3, count: 1, action: Action::Fail("EIO") },
    ],
];

/// Requests at which a kill has once left a log that could not be opened any more, or has been suspected to: the kind, a part of the path,
/// the number, and whether the request is done.
const PLACES: &[(&str, &str, u32, bool)] = &[
    // A snapshot half written.
    ("write", ".generating", 1, true),
    ("write", ".generating", 2, true),
    ("rename", ".generating", 1, false),
    // An old key overwritten and still there.
    ("unlink", "/keys", 1, false),
    ("fsync", ".retired", 1, false),
    // A new key that is not in force, and one that is.
    ("rename", "/trust", 2, false),
    ("rename", "/trust", 2, true),
    ("rename", ".next", 2, false),
    // An epoch of which some files are gone.
    ("unlink", ".gone", 1, true),
    ("unlink", ".gone", 2, true),
    ("rename", ".gone", 1, true),
    // The next epoch in place, and not yet written to.
    ("rename", "/epochs/00000001", 1, true),
    // The first steps of a log.
    ("rename", "/trust", 1, true),
    ("rename", "/anchor", 1, true),
    ("mkdir", "/epochs", 1, true),
    ("rename", "/epochs/00000000", 1, true),
    // The archive.
    ("rename", "/archived", 1, true),
    ("unlink", "/tiles", 1, true),
];

/// Runs a process that is killed by a rule, and looks at what it leaves. Also says how many requests it made that could have been the one.
fn run(shim: &Shim, trouble: &[Rule], kill: Rule) -> (Report, u32, Option<String>) {
    let dir = scratch();
    let path = dir.path().canonicalize().unwrap();
    let (root, control) = (path.join("audit"), path.join("control"));
    let disk = Control::create(&control);
    disk.arm(true);
    let mut rules = vec![kill];
    rules.extend(trouble);
    let watch = Watch { root: root.clone(), rules, control: Some(control), ..Watch::default() };
    let report = process::run(shim, &watch, &root, WORK);
    let fault = report.complaint_before_death().or_else(|| check(&root, &report.promises, Depth::Twice).err());
    (report, disk.matched(), fault)
}

const fn kill(kind: &'static str, path: &'static str, first: u32, after: bool) -> Rule {
    Rule { kind, path, first, count: 1, action: if after { Action::KillAfter } else { Action::Kill } }
}

#[test]
fn a_process_that_is_killed_where_it_once_hurt_leaves_everything_it_has_acknowledged() {
    let Some(shim) = Shim::get() else { return };
    for (kind, path, first, after) in PLACES {
        let (report, _, fault) = run(&shim, &[], kill(kind, path, *first, *after));
        assert_eq!(fault, None, "{kind} {path} {first} {after}");
        assert_eq!(report.code, None, "it was not killed at {kind} {path} {first}");
    }
}

#[test]
fn a_process_that_is_killed_at_any_request_to_the_disk_leaves_everything_it_has_acknowledged() {
    let Some(shim) = Shim::get() else { return };
    let positions: u32 = setting("FAULTS_KILLS", 8);
    let (killed, acknowledged) = (AtomicU32::new(0), AtomicUsize::new(0));
    let bad = Mutex::new(Vec::new());
    for (number, trouble) in TROUBLES.iter().enumerate() {
        let (report, requests, fault) = run(&shim, trouble, kill("any", "", u32::MAX, false));
        assert_eq!((fault, report.code), (None, Some(0)), "without a kill: {:?}", report.errors);
        assert_eq!(report.count("unready") > 0, number > 0, "trouble {number} makes trouble");
        let next = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(turn) =
                        Some(next.fetch_add(1, Ordering::SeqCst)).filter(|turn| *turn < positions.min(requests))
                    {
                        let at = 1 + turn * requests / positions.min(requests);
                        let (report, _, fault) = run(&shim, trouble, kill("any", "", at, turn % 2 == 1));
                        killed.fetch_add(u32::from(report.code.is_none()), Ordering::SeqCst);
                        acknowledged.fetch_add(report.promises.told.len(), Ordering::SeqCst);
                        bad.lock().extend(fault.map(|fault| format!("trouble {number}, killed at {at} of {requests}: {fault}")));
                    }
                });
            }
        });
    }
    let (killed, bad) = (killed.into_inner(), bad.into_inner());
    println!("{killed} killed, {} acknowledgements, {} bad", acknowledged.into_inner(), bad.len());
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    // Where a run ends before the request at which it was to be killed, nothing is proven.
    assert!(killed * 10 >= positions * 6 * u32::try_from(TROUBLES.len()).unwrap(), "only {killed} were killed");
}
