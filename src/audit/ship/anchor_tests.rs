//! Anchors: how fresh they are, and what becomes of a log or an anchor that is not what it was. Time is virtual.

use object_store::ObjectStoreExt as _;
use object_store::path::Path as ObjectPath;
use tokio::task::JoinHandle;

use super::super::fixtures::faulty::{Fault, Faulty};
use super::super::fixtures::log::FakeLog;
use super::super::fixtures::{contents, store_of};
use super::super::meter::Trouble;
use super::*;

const MAX_AGE: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(5);

struct Running {
    task: JoinHandle<Result<(), Infallible>>,
    stop: Stop,
    meter: Arc<Meter>,
}

fn anchor(log: &Arc<FakeLog>, objects: &Arc<Faulty>, file: Option<&str>) -> Anchor {
    let store = store_of(objects.clone(), Duration::from_secs(30));
    Anchor::new(log.clone(), store, file.map(str::to_owned), "anchor", MAX_AGE, GRACE)
}

fn start(log: &Arc<FakeLog>, objects: &Arc<Faulty>, file: Option<&str>) -> Running {
    let (anchor, stop) = (anchor(log, objects, file), Stop::new());
    let meter = anchor.meter();
    Running { task: tokio::spawn(anchor.run(stop.clone())), stop, meter }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn newest(objects: &Faulty, file: Option<&str>) -> u64 {
    let path = ObjectPath::from(format!("logs/one/{}", file.unwrap_or("checkpoint")));
    let bytes = objects.inner.get(&path).await.unwrap().bytes().await.unwrap();
    SignedCheckpoint::parse(&bytes).unwrap().checkpoint().size()
}

async fn overwrite(objects: &Faulty, file: Option<&str>, text: String) {
    let path = ObjectPath::from(format!("logs/one/{}", file.unwrap_or("checkpoint")));
    objects.inner.put(&path, text.into()).await.unwrap();
}

fn stopped(meter: &Meter) -> String {
    match meter.standing().trouble {
        Some(Trouble::Stopped(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_is_never_older_than_it_may_be_and_the_last_word_is_kept() {
    for file in [None, Some("anchor")] {
        let (log, objects) = (FakeLog::of(5), Faulty::sound());
        let running = start(&log, &objects, file);
        for _ in 0..20 {
            log.append(3);
            let size = log.size();
            pass(MAX_AGE.as_secs() + 1).await;
            assert!(newest(&objects, file).await >= size);
        }
        // A log that rests is not written again and again.
        let calls = objects.calls().len();
        pass(3_600).await;
        assert_eq!(objects.calls().len(), calls);
        log.append(1);
        running.stop.request();
        running.task.await.unwrap().unwrap();
        assert_eq!(newest(&objects, file).await, log.size());
        let kept = contents(&objects.inner).await.into_keys().filter(|name| name.starts_with("checkpoints/")).count();
        assert_eq!(kept > 10, file.is_none(), "{kept}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_not_the_one_that_was_seen_does_not_hold() {
    for file in [None, Some("anchor")] {
        let (log, objects) = (FakeLog::of(300), Faulty::sound());
        let running = start(&log, &objects, file);
        pass(1).await;
        running.stop.request();
        running.task.await.unwrap().unwrap();
        for (other, expected) in [
            (FakeLog::of(299), "was rolled back"),
            (FakeLog::telling("other", 300), "history of the audit log was changed"),
            (FakeLog::telling("other", 500), "history of the audit log was changed"),
        ] {
            let held = anchor(&other, &objects, file).hold().await;
            let Err(Hitch::Fork(fork)) = held else { panic!("{held:?}") };
            assert!(fork.to_string().contains(expected), "{fork}");
        }
        for size in [300, 301, 1000] {
            assert!(anchor(&FakeLog::of(size), &objects, file).hold().await.is_ok());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_that_was_down_is_held_against_before_it_is_written() {
    for file in [None, Some("anchor")] {
        let objects = Faulty::sound();
        let longer = start(&FakeLog::of(900), &objects, file);
        pass(1).await;
        longer.stop.request();
        longer.task.await.unwrap().unwrap();
        objects.now(|_, _, _| Fault::Fails);
        let log = FakeLog::of(300);
        assert!(matches!(anchor(&log, &objects, file).hold().await, Err(Hitch::Store(_))));
        let running = start(&log, &objects, file);
        pass(600).await;
        assert!(matches!(running.meter.standing().trouble, Some(Trouble::Failing(_))));
        objects.now(|_, _, _| Fault::None);
        running.task.await.unwrap().unwrap();
        assert!(stopped(&running.meter).contains("has seen 900 records, the log has 300"));
        assert_eq!(newest(&objects, file).await, 900, "what contradicts is evidence");
    }
}

#[tokio::test(start_paused = true)]
async fn another_writer_is_noticed_while_the_sidecar_runs() {
    for file in [None, Some("anchor")] {
        for (note, expected) in [
            (FakeLog::of(900).checkpoint().to_string(), "has seen 900 records"),
            (FakeLog::telling("other", 200).checkpoint().to_string(), "first 200 records are not those"),
            ("hello\n".to_owned(), "is no checkpoint"),
        ] {
            let (log, objects) = (FakeLog::of(300), Faulty::sound());
            let running = start(&log, &objects, file);
            pass(1).await;
            overwrite(&objects, file, note).await;
            log.append(1);
            running.task.await.unwrap().unwrap();
            let why = stopped(&running.meter);
            assert!(why.contains(expected), "{why}");
        }
        // An older one of ours was put back: the log has grown since, and the anchor is made right again.
        let (log, objects) = (FakeLog::of(300), Faulty::sound());
        let running = start(&log, &objects, file);
        pass(1).await;
        overwrite(&objects, file, FakeLog::of(100).checkpoint().to_string()).await;
        log.append(1);
        pass(MAX_AGE.as_secs() + 1).await;
        assert_eq!((newest(&objects, file).await, running.meter.standing().trouble), (301, None));
        running.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_that_hangs_holds_up_the_stop_no_longer_than_the_grace() {
    let (log, objects) = (FakeLog::of(300), Faulty::new(|_, _, _| Fault::Hangs));
    let running = start(&log, &objects, None);
    pass(3).await;
    running.stop.request();
    let begin = Instant::now();
    running.task.await.unwrap().unwrap();
    assert_eq!(begin.elapsed().as_secs(), GRACE.as_secs());
}

#[test]
fn a_file_is_found_in_its_directory() {
    let table = [
        (AnchorPlace::File("/mnt/worm/anchor".into()), "file:///mnt/worm", Some("anchor")),
        (AnchorPlace::Store("s3://b/x".parse().unwrap()), "s3://b/x", None),
    ];
    for (place, location, file) in table {
        let (found, name) = place.resolve().unwrap();
        assert_eq!((found.to_string().as_str(), name.as_deref()), (location, file));
    }
    for path in ["/", "/anchor", "/mnt/../anchor/x"] {
        assert!(AnchorPlace::File(path.into()).resolve().is_err(), "{path}");
    }
}
