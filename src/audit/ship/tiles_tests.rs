//! The export against a store that fails in every way that is written down beforehand. Time is virtual.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt as _, PutPayload};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::super::fixtures::faulty::{Fault, Faulty};
use super::super::fixtures::log::{FakeLog, verify};
use super::super::fixtures::{contents, store_of};
use super::super::meter::Trouble;
use super::super::store::SLOTS;
use super::*;

const SETTINGS: ExportSettings = ExportSettings { interval: Duration::from_secs(10), grace: Duration::from_secs(20) };
const DEADLINE: Duration = Duration::from_secs(30);

/// A log, a directory for cursors, and a store that the log goes to.
struct Bench {
    log: Arc<FakeLog>,
    directory: TempDir,
    objects: Arc<Faulty>,
}

struct Running {
    task: JoinHandle<Result<(), Infallible>>,
    stop: Stop,
    meter: Arc<Meter>,
}

impl Bench {
    fn new(size: u64) -> Self {
        Self { log: FakeLog::of(size), directory: TempDir::new().unwrap(), objects: Faulty::sound() }
    }

    fn exporter_of(&self, log: &Arc<FakeLog>) -> Exporter {
        let store = store_of(self.objects.clone(), DEADLINE);
        Exporter::new(log.clone(), store, "sink", self.directory.path(), SETTINGS).unwrap()
    }

    fn start_with(&self, log: &Arc<FakeLog>) -> Running {
        let (exporter, stop) = (self.exporter_of(log), Stop::new());
        let meter = exporter.meter();
        Running { task: tokio::spawn(exporter.run(stop.clone())), stop, meter }
    }

    fn start(&self) -> Running {
        self.start_with(&self.log)
    }

    async fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        contents(&self.objects.inner).await
    }

    /// Exports what there is, and ends.
    async fn export(&self) -> Running {
        let running = self.start();
        running.until(|meter| meter.standing().lag_records == 0).await;
        running.end().await
    }

    async fn verify(&self) -> u64 {
        verify(&self.contents().await, &self.log)
    }

    fn cursor(&self) -> Position {
        CursorFile::new(self.directory.path(), "sink", "").read().unwrap()
    }

    async fn tamper(&self, name: &str, bytes: &'static [u8]) {
        let path = ObjectPath::from(format!("logs/one/{name}"));
        self.objects.inner.put(&path, PutPayload::from(bytes)).await.unwrap();
    }
}

impl Running {
    async fn until(&self, holds: impl Fn(&Meter) -> bool) {
        let waited = async {
            while !holds(&self.meter) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(86_400), waited).await.expect("it never held");
    }

    async fn end(mut self) -> Self {
        self.stop.request();
        tokio::time::timeout(SETTINGS.grace + Duration::from_secs(1), &mut self.task).await.unwrap().unwrap().unwrap();
        self
    }

    /// Why the sink has stopped for good.
    async fn stopped(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(600), &mut self.task).await.expect("it should have stopped").unwrap().unwrap();
        match self.meter.standing().trouble {
            Some(Trouble::Stopped(why)) => why.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_is_the_whole_log_and_nothing_else() {
    for size in [1, 255, 256, 257, 700] {
        let bench = Bench::new(size);
        bench.export().await;
        assert_eq!(bench.verify().await, size);
        let mut expected: Vec<String> = growth(0, size).map(|tile| tile.to_string()).collect();
        expected.extend(["checkpoint".to_owned(), format!("checkpoints/{size:019}")]);
        expected.sort();
        assert_eq!(bench.contents().await.into_keys().collect::<Vec<_>>(), expected);
        assert_eq!(bench.cursor(), Position { next: size, root: *bench.log.checkpoint().checkpoint().root(), skipped: 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn records_go_after_the_interval_or_as_soon_as_a_bundle_is_full() {
    let bench = Bench::new(1);
    let running = bench.start();
    running.until(|meter| meter.next() == 1).await;
    let begin = Instant::now();
    bench.log.append(1);
    running.until(|meter| meter.next() == 2).await;
    assert!(begin.elapsed() >= SETTINGS.interval - Duration::from_secs(1) && begin.elapsed() <= SETTINGS.interval + GAP * 2);
    let begin = Instant::now();
    bench.log.append(256);
    running.until(|meter| meter.next() == 258).await;
    assert!(begin.elapsed() <= GAP * 2, "{:?}", begin.elapsed());
    // It fills up while the interval runs.
    bench.log.append(1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(running.meter.next(), 258);
    bench.log.append(255);
    let begin = Instant::now();
    running.until(|meter| meter.next() == 514).await;
    assert!(begin.elapsed() <= GAP * 2, "{:?}", begin.elapsed());
    running.end().await;
    assert_eq!(bench.verify().await, 514);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_for_long_costs_nothing_but_its_own_lag() {
    let bench = Bench::new(300);
    bench.objects.now(|_, _, _| Fault::Fails);
    let running = bench.start();
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        bench.log.append(10);
    }
    let standing = running.meter.standing();
    assert_eq!(standing.lag_records, 900);
    assert!((3_590..=3_610).contains(&standing.lag.as_secs()), "{standing:?}");
    assert!(matches!(standing.trouble, Some(Trouble::Failing(_))), "{standing:?}");
    // Never in a hurry, never at rest: an hour holds at least one attempt a minute after the first few.
    let attempts = bench.objects.calls().len();
    assert!((60..=130).contains(&attempts), "{attempts}");
    bench.objects.now(|_, _, _| Fault::None);
    running.until(|meter| meter.standing().lag_records == 0).await;
    assert_eq!((running.meter.standing().lag, running.meter.standing().trouble), (Duration::ZERO, None));
    running.end().await;
    assert_eq!(bench.verify().await, 900);
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_operation_changes_nothing_of_what_arrives() {
    let clean = Bench::new(513);
    clean.export().await;
    let (expected, operations) = (clean.contents().await, clean.objects.calls().len());
    for fault in [Fault::Fails, Fault::Hangs, Fault::FailsAfter, Fault::HangsAfter, Fault::Unconditional] {
        for at in 0..operations {
            let bench = Bench::new(513);
            bench.objects.now(move |number, _, _| if number == at { fault } else { Fault::None });
            bench.export().await;
            assert_eq!(bench.contents().await, expected, "{fault:?} at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_anywhere_the_next_start_sends_again_and_makes_nothing_twice() {
    let clean = Bench::new(513);
    clean.export().await;
    let (expected, operations) = (clean.contents().await, clean.objects.calls().len());
    for at in 0..operations {
        let bench = Bench::new(513);
        // What has happened by then stays; the process hangs there and is killed.
        bench.objects.now(move |number, _, _| if number >= at { Fault::HangsAfter } else { Fault::None });
        let running = bench.start();
        tokio::time::sleep(Duration::from_secs(5)).await;
        running.task.abort();
        assert_eq!(bench.cursor(), Position::START, "the cursor moves last");
        bench.objects.now(|_, _, _| Fault::None);
        bench.export().await;
        assert_eq!(bench.contents().await, expected, "after {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_is_lost_or_set_back_costs_only_time() {
    let bench = Bench::new(300);
    bench.export().await;
    bench.log.append(300);
    let early = bench.cursor();
    bench.export().await;
    let expected = bench.contents().await;
    let file = CursorFile::new(bench.directory.path(), "sink", "");
    for position in [None, Some(Position::START), Some(early)] {
        match position {
            Some(position) => file.write(&position).unwrap(),
            None => std::fs::write(file.path(), "{").unwrap(),
        }
        bench.export().await;
        assert_eq!(bench.contents().await, expected);
        assert_eq!(bench.cursor().next, 600);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_what_it_was_stops_the_sink_for_good() {
    for name in [
        "tile/entries/000",
        "tile/entries/001.p/44",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "checkpoints/0000000000000000300",
    ] {
        let bench = Bench::new(300);
        bench.tamper(name, b"something else").await;
        let mut running = bench.start();
        let why = running.stopped().await;
        assert!(why.contains("s3://bucket/logs/one"), "{why}");
        assert_eq!(bench.cursor(), Position::START);
        let found = bench.contents().await;
        assert_eq!(found[name], b"something else", "what contradicts is evidence");
        assert!(!found.contains_key("checkpoint"), "{name}");
        let calls = bench.objects.calls().len();
        bench.log.append(600);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(bench.objects.calls().len(), calls, "nothing is sent any more");
        assert!(running.meter.has_stopped());
    }
}

#[tokio::test(start_paused = true)]
async fn another_log_in_the_same_place_is_left_as_it_is() {
    let table = [
        (FakeLog::telling("other", 200), "its first 200 records are not those"),
        (FakeLog::telling("record", 900), "has seen 900 records, the log has 300"),
    ];
    for (theirs, expected) in table {
        let bench = Bench::new(300);
        let first = bench.start_with(&theirs);
        first.until(|meter| meter.standing().lag_records == 0).await;
        first.end().await;
        let before = bench.contents().await;
        std::fs::remove_dir_all(bench.directory.path().join("cursors")).unwrap();
        let why = bench.start().stopped().await;
        assert!(why.contains(expected), "{why}");
        assert_eq!(bench.contents().await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_checkpoint_that_was_put_back_does_not_hide_a_longer_log() {
    let bench = Bench::new(900);
    let old = FakeLog::of(200);
    bench.export().await;
    let path = ObjectPath::from("logs/one/checkpoint");
    bench.objects.inner.put(&path, PutPayload::from(old.checkpoint().to_string())).await.unwrap();
    std::fs::remove_dir_all(bench.directory.path().join("cursors")).unwrap();
    let why = bench.start_with(&FakeLog::of(300)).stopped().await;
    assert!(why.contains("has seen 900 records, the log has 300"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_exchanged_under_its_cursor_is_noticed() {
    let bench = Bench::new(300);
    bench.export().await;
    for (other, expected) in [(FakeLog::of(299), "was rolled back"), (FakeLog::telling("other", 400), "was changed")] {
        let why = bench.start_with(&other).stopped().await;
        assert!(why.contains(expected) && why.contains("cursors/sink"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_were_pruned_are_left_out_and_that_is_written_down() {
    let bench = Bench::new(1000);
    bench.log.prune(512);
    bench.export().await;
    let found = bench.contents().await;
    assert_eq!(verify(&found, &bench.log), 1000);
    assert!(
        !found.contains_key("tile/entries/000")
            && !found.contains_key("tile/entries/001")
            && found.contains_key("tile/entries/002")
    );
    assert_eq!(bench.cursor().skipped, 512);
    // What is pruned later was there.
    bench.log.append(100);
    bench.log.prune(768);
    bench.export().await;
    assert_eq!((bench.cursor().skipped, bench.cursor().next), (512, 1100));
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_what_was_hashed_never_leave() {
    let bench = Bench::new(300);
    bench.log.damage(Some(100));
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let standing = running.meter.standing();
    let Some(Trouble::Failing(why)) = standing.trouble else { panic!("{standing:?}") };
    assert!(why.contains("the records of `tile/entries/000` are not those that were hashed"), "{why}");
    assert!(bench.contents().await.is_empty());
    bench.log.damage(None);
    running.until(|meter| meter.standing().lag_records == 0).await;
    running.end().await;
    assert_eq!(bench.verify().await, 300);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_has_only_a_batch_of_the_log_in_memory() {
    let bench = Bench::new(256 * 50);
    bench.objects.now(|_, writes, _| if writes { Fault::Hangs } else { Fault::None });
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(bench.log.reads.load(Ordering::SeqCst) <= SLOTS + 1);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    // What hangs cannot be interrupted: it keeps its slots, and nothing is added to them.
    let puts = bench.objects.calls().iter().filter(|call| call.starts_with("put ")).count();
    assert_eq!(puts, SLOTS);
    running.task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_long_backlog_moves_the_cursor_on_its_way_and_publishes_only_what_is_whole() {
    let bench = Bench::new(STEP + 300);
    // The first bundle after the step.
    bench.objects.now(|_, writes, name| if writes && name == "tile/entries/256" { Fault::Fails } else { Fault::None });
    let running = bench.start();
    running.until(|meter| matches!(meter.standing().trouble, Some(Trouble::Failing(_)))).await;
    assert_eq!(bench.cursor().next, STEP);
    assert!(!bench.contents().await.contains_key("checkpoint"));
    running.task.abort();
    bench.objects.now(|_, _, _| Fault::None);
    let before = bench.objects.calls().len();
    bench.export().await;
    assert!(bench.objects.calls().len() - before < 20, "what is there already is not sent again");
    assert_eq!(bench.verify().await, STEP + 300);
}

#[tokio::test(start_paused = true)]
async fn the_last_records_go_at_the_stop_and_a_sink_that_hangs_does_not_hold_it_up() {
    let bench = Bench::new(10);
    let running = bench.start();
    running.until(|meter| meter.standing().lag_records == 0).await;
    bench.log.append(3);
    running.end().await;
    assert_eq!(bench.verify().await, 13);

    bench.log.append(3);
    bench.objects.now(|_, _, _| Fault::Hangs);
    let running = bench.start();
    tokio::time::sleep(Duration::from_secs(3)).await;
    running.stop.request();
    let begin = Instant::now();
    running.task.await.unwrap().unwrap();
    assert_eq!(begin.elapsed().as_secs(), SETTINGS.grace.as_secs());
    assert_eq!(bench.cursor().next, 13);
}
