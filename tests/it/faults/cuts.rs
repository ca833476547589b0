//! Power cuts: every disk that a cut at some moment could leave is opened, and holds everything that was acknowledged until then.
//!
//! A process works on a log under the shim; from the trace the disks are built ([`super::image`]). Moments are chosen around what happens
//! rarely (names, syncs of directories, opening, closing) and at random among the commits. `FAULTS_CUTS` says how many moments,
//! `FAULTS_SEED` which, and bad disks are kept in the directory `FAULTS_KEEP`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::check::{Depth, check};
use super::disk::{Before, Disk};
use super::image::{Cut, Data, Names};
use super::order::said;
use super::process::{self, Promises, Work};
use super::shim::{Action, Rule, Shim, Watch};
use super::trace::{self, Event, Kind};
use super::{Random, scratch, setting};

/// What can become of what was not durable; the first three are the most different.
const VARIANTS: [(Data, Names); 6] = [
    (Data::None, Names::None),
    (Data::All, Names::All),
    (Data::Pieces(512), Names::Journal),
    (Data::Pieces(4096), Names::All),
    (Data::Calls, Names::Loose),
    (Data::Lengths, Names::Journal),
];

/// A process that has worked on a log, and what the disk saw of it.
struct Worked {
    disk: Disk,
    events: Vec<Event>,
    /// What the process said, and when it began to.
    said: Vec<(u64, String)>,
    /// What had been promised before it began.
    before: Promises,
}

impl Worked {
    fn on(shim: &Shim, scratch: &Path, base: Option<&Path>, rules: &[Rule], work: Work) -> Self {
        let scratch = tempfile::tempdir_in(scratch).unwrap().keep().canonicalize().unwrap();
        let (root, trace) = (scratch.join("audit"), scratch.join("trace"));
        let before = base.map_or_else(Before::empty, |base| {
            std::fs::rename(base, &root).unwrap();
            Before::of(&root)
        });
        let watch =
            Watch { root: root.clone(), trace: Some(trace.clone()), data: true, rules: rules.to_vec(), ..Watch::default() };
        let report = process::run(shim, &watch, &root, work);
        assert_eq!(report.complaint(), None);
        let events = trace::read(&trace);
        let disk = before.then(&root, &events);
        std::fs::remove_dir_all(&scratch).unwrap();
        Self { disk, said: said(&events), events, before: Promises::default() }
    }

    /// Moments to cut the power at, in order: a third of them around rare requests.
    fn moments(&self, count: usize, random: &mut Random) -> Vec<u64> {
        let rare: Vec<&Event> = self.events.iter().filter(|event| is_rare(event)).collect();
        let last = self.events.iter().map(|event| event.end).max().unwrap();
        let moment = |number: usize| match number % 3 {
            0 => {
                let event = rare[number * rare.len() / count];
                if random.coin() { event.begin } else { event.end }
            }
            1 => rare[usize::try_from(random.below(rare.len() as u64)).unwrap()].end,
            _ => random.below(last + 2),
        };
        let mut moments: Vec<u64> = (0..count).map(moment).collect();
        moments.sort_unstable();
        moments
    }

    /// The moment after the first request of each kind to each kind of file.
    fn firsts(&self) -> Vec<u64> {
        let mut seen = HashSet::new();
        let events = self.events.iter().filter(|event| event.happened() && event.kind != Kind::Say);
        let mut moments: Vec<u64> =
            events.filter(|event| seen.insert((event.kind, nature(&event.path)))).map(|event| event.end).collect();
        moments.sort_unstable();
        moments
    }

    /// What had been promised by then.
    fn promises(&self, at: u64) -> Promises {
        let mut promises = self.before.clone();
        self.said.iter().filter(|(begin, _)| *begin <= at).for_each(|(_, line)| promises.hear(line));
        promises
    }
}

const fn is_rare(event: &Event) -> bool {
    !matches!(event.kind, Kind::Write | Kind::Range | Kind::DataSync | Kind::Say | Kind::Room)
}

/// A path without what numbers it.
fn nature(path: &str) -> String {
    let words = path.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    words.map(|word| if word.contains(|letter: char| letter.is_ascii_digit()) { "#" } else { word }).collect()
}

/// What came of the disks of some moments.
#[derive(Default)]
struct Verdicts {
    disks: usize,
    acknowledged: usize,
    bad: BTreeMap<String, Vec<String>>,
}

/// Builds disks and looks at them.
struct Judge<'a> {
    worked: &'a Worked,
    variants: &'a [(Data, Names)],
    seed: u64,
    scratch: &'a Path,
    /// Where bad disks are kept.
    keep: Option<PathBuf>,
    verdicts: Mutex<Verdicts>,
    number: AtomicUsize,
}

impl Judge<'_> {
    /// Builds and checks the disks of some moments, on two threads.
    fn judge(worked: &Worked, moments: &[u64], variants: &[(Data, Names)], scratch: &Path, keep: &str) -> Verdicts {
        let keep =
            Some(PathBuf::from(setting("FAULTS_KEEP", String::new()))).filter(|all| all.is_dir()).map(|all| all.join(keep));
        let judge = Judge {
            worked,
            variants,
            seed: setting("FAULTS_SEED", 1),
            scratch,
            keep,
            verdicts: Mutex::default(),
            number: AtomicUsize::new(0),
        };
        let (first, second) = moments.split_at(moments.len() / 2);
        std::thread::scope(|scope| {
            scope.spawn(|| judge.all(first));
            scope.spawn(|| judge.all(second));
        });
        judge.verdicts.into_inner()
    }

    fn all(&self, moments: &[u64]) {
        let mut cut = Cut::new(&self.worked.disk);
        for at in moments {
            cut.advance(*at);
            let promises = self.worked.promises(*at);
            for (variant, (data, names)) in (0..).zip(self.variants.iter().copied()) {
                let number = self.number.fetch_add(1, Ordering::SeqCst);
                let directory = self.scratch.join(format!("{number}"));
                let seed = self.seed ^ (*at << 4) ^ variant;
                cut.write(&directory, data, names, &mut Random::new(seed));
                let depth = if number.is_multiple_of(5) { Depth::Twice } else { Depth::Once };
                let verdict = check(&directory, &promises, depth);
                if let (Err(_), Some(keep)) = (&verdict, &self.keep) {
                    // Once more, as it was before it was opened.
                    std::fs::create_dir_all(keep).unwrap();
                    cut.write(&keep.join(format!("{}-{number}", self.seed)), data, names, &mut Random::new(seed));
                }
                self.note(promises.told.len(), verdict.map_err(|why| (format!("moment {at}, {data:?}, {names:?}"), why)));
                std::fs::remove_dir_all(&directory).unwrap();
            }
        }
    }

    fn note(&self, told: usize, verdict: Result<u64, (String, String)>) {
        let mut verdicts = self.verdicts.lock();
        verdicts.disks += 1;
        verdicts.acknowledged += told;
        if let Err((disk, why)) = verdict {
            // What is quoted or counted differs from disk to disk.
            let quoted = why.split('`').step_by(2).collect::<String>();
            let class = quoted.replace(|letter: char| letter.is_ascii_digit(), "");
            verdicts.bad.entry(class).or_default().push(format!("{disk}: {why}"));
        }
    }
}

impl Verdicts {
    fn bad(&self) -> usize {
        self.bad.values().map(Vec::len).sum()
    }

    fn report(&self) -> String {
        let classes =
            self.bad.iter().map(|(class, all)| format!("\n{} x {class}: {}", all.len(), all[..all.len().min(3)].join("\n    ")));
        format!("{} of {} disks are bad{}", self.bad(), self.disks, classes.collect::<String>())
    }
}

/// Judges the disks of some moments, says how many there were, and fails when one of them is bad.
fn all_are_good(what: &str, worked: &Worked, moments: &[u64], variants: &[(Data, Names)], scratch: &Path) {
    let verdicts = Judge::judge(worked, moments, variants, scratch, what);
    let (disks, acknowledged) = (verdicts.disks, verdicts.acknowledged);
    println!("{what}: {} moments, {disks} disks, {acknowledged} acknowledgements checked; {}", moments.len(), verdicts.report());
    assert_eq!(verdicts.bad(), 0, "{}", verdicts.report());
}

/// Everything that a log can be busy with.
const WORK: Work =
    Work { runs: 2, writers: 8, records: 300, epoch: 256, rotate: 130, erase: 40, prune: 1, deadline: 2000, heal: 0 };

#[test]
fn every_disk_that_a_power_cut_leaves_has_all_that_was_acknowledged() {
    let Some(shim) = Shim::get() else { return };
    let scratch = scratch();
    let worked = Worked::on(&shim, scratch.path(), None, &[], WORK);
    all_are_good("each first", &worked, &worked.firsts(), &VARIANTS[..3], scratch.path());
    let moments = worked.moments(setting("FAULTS_CUTS", 12), &mut Random::new(setting("FAULTS_SEED", 1)));
    all_are_good("a new log", &worked, &moments, &VARIANTS, scratch.path());
}

#[test]
fn so_has_one_that_is_left_while_a_log_comes_back_from_a_failed_disk() {
    let Some(shim) = Shim::get() else { return };
    let scratch = scratch();
    let once = |kind, first, action| Rule { kind, path: "/db", first, count: 1, action };
    let rules = [
        once("fdatasync", 40, Action::Fail("EIO")),
        once("write", 90, Action::Torn("EIO")),
        once("fdatasync", 140, Action::Late("EIO")),
    ];
    let worked = Worked::on(&shim, scratch.path(), None, &rules, Work { writers: 4, ..WORK });
    let recovers = worked.said.iter().filter(|(_, line)| line == "ready").count();
    assert!(recovers >= 2, "it came back {recovers} times only");
    let moments = worked.moments(setting("FAULTS_CUTS", 12) / 2, &mut Random::new(setting("FAULTS_SEED", 1)));
    all_are_good("recovery", &worked, &moments, &VARIANTS, scratch.path());
}

#[test]
fn so_has_one_that_is_left_by_one_cut_after_the_other() {
    let Some(shim) = Shim::get() else { return };
    let (scratch, seed) = (scratch(), setting("FAULTS_SEED", 1));
    let mut random = Random::new(seed);
    let work = Work { runs: 1, records: 120, ..WORK };
    let mut worked = Worked::on(&shim, scratch.path(), None, &[], work);
    for round in 0..setting("FAULTS_CHAIN", 2) {
        let at = worked.moments(9, &mut random)[4 + usize::try_from(random.below(5)).unwrap()];
        let mut cut = Cut::new(&worked.disk);
        cut.advance(at);
        let image = scratch.path().join(format!("cut-{round}"));
        let (data, names) = VARIANTS[usize::try_from(random.below(VARIANTS.len() as u64)).unwrap()];
        cut.write(&image, data, names, &mut random);
        let before = worked.promises(at);
        worked = Worked::on(&shim, scratch.path(), Some(&image), &[], work);
        worked.before = before;
        let moments = worked.moments(setting("FAULTS_CUTS", 12) / 4, &mut random);
        all_are_good(&format!("cut {round}"), &worked, &moments, &VARIANTS, scratch.path());
    }
}

#[test]
fn a_disk_that_lies_about_a_sync_is_found_out() {
    let Some(shim) = Shim::get() else { return };
    let scratch = scratch();
    let lost = Rule { kind: "sync", path: "/db", first: 1, count: 0, action: Action::Lose };
    let worked = Worked::on(&shim, scratch.path(), None, &[lost], Work::default());
    let last = worked.events.iter().map(|event| event.end).max().unwrap();
    let verdicts = Judge::judge(&worked, &[last / 2, last * 3 / 4], &VARIANTS, scratch.path(), "lies");
    println!("without the syncs: {}", verdicts.report());
    assert!(verdicts.bad() * 3 >= verdicts.disks, "{}", verdicts.report());
}
