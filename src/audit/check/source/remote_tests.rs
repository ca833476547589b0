//! A store far away: asked for several things at once, but not for more than that; late, broken, and honest.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;

use super::super::super::fixture::{Log, Memory};
use super::super::super::{Fault, check_files};
use super::*;

/// A store that takes its time.
struct Slow {
    files: Memory,
    wait: Duration,
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
}

impl TileStore for Slow {
    async fn get(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.wait).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        if name == "tile/broken" { Err("the store is on fire".into()) } else { Ok(self.files.0.get(name).cloned()) }
    }
}

fn remote(files: Memory, wait: u64, deadline: u64) -> (Runtime, Remote<Slow>, Arc<AtomicUsize>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let wait = Duration::from_millis(wait);
    let store = Slow { files, wait, now: AtomicUsize::new(0), most: Arc::clone(&most) };
    let remote = Remote::new(store, runtime.handle().clone(), 6, Duration::from_millis(deadline));
    (runtime, remote, most)
}

#[test]
fn a_log_far_away_is_checked_with_several_questions_at_once() {
    let log = Log::of(3000);
    let (_runtime, files, most) = remote(log.files(3000), 2, 10_000);
    let report = check_files(&files, &log.question(), &mut |_, _| {}).unwrap();
    assert!(report.verified(), "{:?}", report.faults);
    assert_eq!(most.load(Ordering::SeqCst), 6);
    let mut missing = log.files(3000);
    missing.0.remove("tile/entries/004");
    let (_runtime, files, _) = remote(missing, 0, 10_000);
    let report = check_files(&files, &log.question(), &mut |_, _| {}).unwrap();
    assert_eq!(report.faults.first(), Some(&Fault::Bodies { first: 1024, last: 1279 }));
}

#[test]
fn a_store_that_fails_or_is_late_is_no_fault_of_the_log() {
    let log = Log::of(300);
    let (_runtime, files, _) = remote(log.files(300), 60_000, 20);
    let late = check_files(&files, &log.question(), &mut |_, _| {}).unwrap_err();
    assert_eq!(late.to_string(), "failed to read `checkpoint`");
    let (_runtime, files, _) = remote(Memory::default(), 0, 10_000);
    let wanted = ["a", "tile/broken"].map(|name| Wanted { name: name.to_owned(), limit: 9 });
    let broken = files.get_all(&wanted).unwrap_err();
    assert_eq!(broken.to_string(), "failed to read `tile/broken`");
    assert_eq!(std::error::Error::source(&broken).unwrap().to_string(), "the store is on fire");
}

#[test]
fn an_object_that_is_too_long_is_none() {
    let files = Memory([("a".to_owned(), Bytes::from_static(b"12345"))].into());
    let (_runtime, files, _) = remote(files, 0, 10_000);
    assert_eq!(files.get("a", 5).unwrap(), Found::Bytes(Bytes::from_static(b"12345")));
    assert_eq!([files.get("a", 4).unwrap(), files.get("b", 4).unwrap()], [Found::Unfit, Found::Nothing]);
}
