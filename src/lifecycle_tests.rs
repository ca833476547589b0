//! Tests of stopping and waiting. Mostly time is paused, so that they take none.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;

const GRACE: Duration = Duration::from_secs(10);

async fn until_stopped(stop: Stop) -> Result<(), Infallible> {
    stop.wait().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn parts_that_end_when_asked_end_well() {
    let stop = Stop::new();
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("one", until_stopped(stop.clone()));
    tasks.spawn("two", until_stopped(stop.clone()));
    stop.request();
    assert!(tasks.wait(GRACE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_stops_the_others_and_is_named() {
    let stop = Stop::new();
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("patient", until_stopped(stop.clone()));
    tasks.spawn("listener", async { Err(io::Error::other("cable cut")) });
    let error = tasks.wait(GRACE).await.unwrap_err();
    assert_eq!(error.to_string(), "listener failed");
    assert_eq!(error.source().unwrap().to_string(), "cable cut");
    assert!(stop.is_requested());
}

#[tokio::test(start_paused = true)]
async fn a_part_that_panics_stops_the_others_and_is_named() {
    let stop = Stop::new();
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("patient", until_stopped(stop.clone()));
    tasks.spawn("fragile", async { if true { panic!("broken") } else { Ok::<(), Infallible>(()) } });
    let error = tasks.wait(GRACE).await.unwrap_err().to_string();
    assert!(error.starts_with("fragile panicked") && error.contains("broken"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_does_not_end_is_aborted_after_the_grace_and_named() {
    let stop = Stop::new();
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("patient", until_stopped(stop.clone()));
    tasks.spawn("deaf", std::future::pending::<Result<(), Infallible>>());
    let start = tokio::time::Instant::now();
    stop.request();
    let error = tasks.wait(GRACE).await.unwrap_err();
    assert_eq!(error.to_string(), "still busy after 10000 ms: deaf");
    assert_eq!(start.elapsed(), GRACE);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cut_short_before_somebody_asks_to_stop() {
    let stop = Stop::new();
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("long", async {
        tokio::time::sleep(GRACE * 100).await;
        Ok::<(), Infallible>(())
    });
    assert!(tasks.wait(GRACE).await.is_ok());
    assert!(!stop.is_requested());
}

#[tokio::test(start_paused = true)]
async fn each_holder_sees_each_reload_and_none_that_was_not_asked_for() {
    let (request, mut one) = Reload::channel();
    let mut two = one.clone();
    let quiet = tokio::time::timeout(GRACE, one.requested()).await;
    assert!(quiet.is_err());
    request.send();
    request.send();
    one.requested().await;
    two.requested().await;
    assert!(tokio::time::timeout(GRACE, one.requested()).await.is_err());
    drop(request);
    assert!(tokio::time::timeout(GRACE, two.requested()).await.is_err());
}

#[test]
fn a_child_token_does_not_stop_its_parent() {
    let parent = Stop::new();
    let child = parent.child();
    child.request();
    assert!(!parent.is_requested());
    let other = parent.child();
    parent.request();
    assert!(other.is_requested());
}

#[tokio::test]
async fn the_first_signal_asks_to_stop_and_the_second_ends_the_wait() {
    let signals = Signals::catch().unwrap();
    let (request, mut reload) = Reload::channel();
    let stop = Stop::new();
    let running = tokio::spawn(signals.run(stop.clone(), request));
    let send = |signal| rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
    send(rustix::process::Signal::HUP);
    reload.requested().await;
    assert!(!stop.is_requested());
    send(rustix::process::Signal::TERM);
    stop.wait().await;
    assert!(!running.is_finished());
    send(rustix::process::Signal::INT);
    running.await.unwrap();
}

#[tokio::test]
async fn what_is_done_again_ends_with_the_stop_or_when_it_panics() {
    let (count, stop) = (Arc::new(AtomicU32::new(0)), Stop::new());
    let often = tokio::spawn(again(Duration::from_millis(1), stop.clone(), Arc::clone(&count), |count| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    while count.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.request();
    tokio::time::timeout(Duration::from_secs(10), often).await.unwrap().unwrap();
    let panics = again(Duration::from_millis(1), Stop::new(), (), |()| panic!("it happens"));
    tokio::time::timeout(Duration::from_secs(10), panics).await.unwrap();
}
