//! Every kind of fault at many places: what a log does when the n-th request of a kind fails, once or from then on.
//!
//! For each row of the table and each position a process works on a new log under the shim: the log is made, written by several writers,
//! goes through epochs and keys, is closed, opened and written again. Wherever the fault strikes: nothing is acknowledged that was not
//! synced, callers are answered in time, the log says that it is not ready and is ready again when the disk works, nothing panics, and
//! in the end everything that was acknowledged is there. `FAULTS_POSITIONS` says how many positions each row gets.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::check::{Depth, check};
use super::order::{DECISION, acknowledged, violations};
use super::process::{self, Report, Work};
use super::rows::{Notice, PLACES, ROWS, Row};
use super::shim::{Action, Control, Rule, Shim, Watch};
use super::trace;
use super::{Random, scratch, setting};

/// Enough for several epochs and keys, before and after the log is opened again.
const WORK: Work =
    Work { runs: 2, writers: 4, records: 220, epoch: 256, rotate: 100, erase: 50, prune: 1, deadline: 1500, heal: 150 };

/// What one run of the process came to.
struct Run {
    report: Report,
    /// How many requests the rule spoiled.
    spoiled: u32,
    /// How many requests matched.
    matched: u32,
    fault: Option<String>,
}

impl Run {
    fn of(shim: &Shim, rule: Rule) -> Self {
        let dir = scratch();
        let path = dir.path().canonicalize().unwrap();
        let (root, trace, control) = (path.join("audit"), path.join("trace"), path.join("control"));
        let disk = Control::create(&control);
        disk.arm(true);
        let watch = Watch {
            root: root.clone(),
            trace: Some(trace.clone()),
            data: true,
            rules: vec![rule],
            control: Some(control),
            ..Watch::default()
        };
        let mut report = process::run(shim, &watch, &root, WORK);
        let mut fault = report.complaint().or_else(|| Self::acknowledged_too_early(&trace));
        if report.count("restart") > 0 {
            let again = process::run(shim, &Watch { root: root.clone(), ..Watch::default() }, &root, Work { runs: 1, ..WORK });
            fault = fault.or_else(|| again.complaint().map(|complaint| format!("started again: {complaint}")));
            report.promises.extend(again.promises);
        }
        let fault = fault.or_else(|| check(&root, &report.promises, Depth::Twice).err());
        Self { report, spoiled: disk.spoiled(), matched: disk.matched(), fault }
    }

    fn acknowledged_too_early(trace: &Path) -> Option<String> {
        let events = trace::read(trace);
        let told: Vec<_> = acknowledged(&events).into_iter().map(|(at, told)| (at, told.id)).collect();
        let early = violations(&events, DECISION, &told);
        early.first().map(|first| format!("{} records were acknowledged before they were durable: {first}", early.len()))
    }

    /// What the process said besides acknowledgements, each thing once.
    fn said(&self) -> String {
        let words = [
            "refused",
            "denied",
            "unready",
            "ready",
            "healed",
            "not-rotated",
            "not-erased",
            "not-pruned",
            "close-failed",
            "closed",
            "opened",
        ];
        let said = words.iter().filter_map(|word| Some((word, self.report.said.get(*word)?)));
        said.map(|(word, all)| format!("[{} x {word} {}]", all.len(), all[0])).collect()
    }

    /// Whether anybody was refused anything.
    fn was_noticed(&self) -> bool {
        ["denied", "refused", "unready", "close-failed", "not-rotated", "not-erased", "not-pruned"]
            .iter()
            .any(|word| self.report.count(word) > 0)
    }
}

/// The runs of all rows.
struct Table<'a> {
    shim: &'a Shim,
    /// How many requests of a kind on a path a run without any fault makes.
    requests: Mutex<HashMap<(&'static str, &'static str), u32>>,
    runs: AtomicUsize,
    bad: Mutex<Vec<String>>,
}

impl Table<'_> {
    fn run(&self, rule: Rule) -> Run {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Run::of(self.shim, rule)
    }

    fn requests(&self, row: &Row) -> u32 {
        let known = self.requests.lock().get(&(row.kind, row.path)).copied();
        known.unwrap_or_else(|| {
            let Row { kind, path, .. } = *row;
            // Never reached.
            let clean = self.run(Rule { kind, path, first: u32::MAX, count: 1, action: Action::Late("EIO") });
            if clean.fault.is_some() || clean.was_noticed() || clean.matched == 0 {
                let (matched, fault) = (clean.matched, &clean.fault);
                self.bad
                    .lock()
                    .push(format!("{kind} of `{path}`: without any fault ({matched} requests): {fault:?} {}", clean.said()));
            }
            self.requests.lock().insert((kind, path), clean.matched);
            clean.matched
        })
    }

    /// Runs a row from request number `first` on.
    fn at(&self, row: &Row, first: u32) -> Run {
        let run = self.run(row.from(first));
        let surprise = match row.notice {
            Notice::Never => run.was_noticed(),
            Notice::NoDenial => run.report.count("denied") > 0,
            Notice::Either | Notice::Refusal(_) => false,
        };
        let fault = run.fault.clone().or_else(|| surprise.then(|| "it was noticed".to_owned()));
        self.bad.lock().extend(fault.map(|fault| format!("{row} at {first}: {fault} {}", run.said())));
        run
    }

    /// Runs a row at its positions: one in each of so many equal parts of what a run asks for, at random.
    fn row(&self, row: &Row, positions: u32, random: &mut Random) {
        let requests = self.requests(row);
        let (parts, mut struck, mut noticed) = (positions.min(requests), 0, 0);
        for number in 0..parts {
            let [from, to] = [number, number + 1].map(|number| number * requests / parts);
            let run = self.at(row, 1 + from + u32::try_from(random.below(u64::from(to - from))).unwrap());
            struck += usize::from(run.spoiled > 0);
            noticed += usize::from(run.spoiled > 0 && run.was_noticed());
        }
        if let Notice::Refusal(of_ten) = row.notice
            && noticed * 10 < struck * of_ten
            && struck > 3
        {
            self.bad.lock().push(format!("{row}: it was noticed at {noticed} of {struck} positions only"));
        }
        println!("{row}: {struck} positions of {requests}, noticed at {noticed}");
    }

    /// Runs a row at one place, which it has to strike.
    fn place(&self, row: &Row, first: u32) {
        let run = self.at(row, first);
        let unnoticed = matches!(row.notice, Notice::Refusal(_)) && !run.was_noticed();
        if run.spoiled == 0 || unnoticed {
            self.bad.lock().push(format!("{row} at {first}: {} requests were spoiled, and it was not noticed", run.spoiled));
        }
    }
}

/// Does something with each of these on several threads: most of the time is spent waiting for a disk that is sick on purpose.
fn each<T: Sync>(all: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..setting("FAULTS_THREADS", 8) {
            scope.spawn(|| {
                while let Some((number, one)) = Some(next.fetch_add(1, Ordering::SeqCst)).and_then(|at| Some((at, all.get(at)?)))
                {
                    work(number, one);
                }
            });
        }
    });
}

#[test]
fn wherever_a_request_to_the_disk_fails_nothing_that_was_acknowledged_is_lost_and_the_log_comes_back() {
    let Some(shim) = Shim::get() else { return };
    let (positions, seed) = (setting("FAULTS_POSITIONS", 1), setting("FAULTS_SEED", 1));
    let only = setting("FAULTS_ROWS", String::new());
    let rows: Vec<&Row> = ROWS.iter().filter(|row| format!("{}:{}:", row.kind, row.path).contains(&only)).collect();
    let table = Table { shim: &shim, requests: Mutex::default(), runs: AtomicUsize::new(0), bad: Mutex::default() };
    each(&rows, |number, row| table.row(row, positions, &mut Random::new(seed * 1000 + number as u64)));
    if only.is_empty() {
        each(PLACES, |_, (row, first)| table.place(row, *first));
    }
    let bad = table.bad.into_inner();
    println!("{} rows, {} runs, {} bad", rows.len(), table.runs.into_inner(), bad.len());
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
