//! What becomes of work whose waiter stays, leaves, or never looks; and of work that panics.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::{Begun, Broken};

#[tokio::test]
async fn work_is_done_where_it_is_waited_for() {
    let waiting = tokio::spawn(async {
        let own = tokio::task::id();
        let work = async move {
            tokio::task::yield_now().await;
            tokio::task::id() == own
        };
        Begun::new(work).await
    });
    assert_eq!(waiting.await.unwrap(), Ok(true));
}

#[tokio::test(start_paused = true)]
async fn work_that_is_left_at_any_step_is_finished_all_the_same() {
    for left_after in 0..4 {
        let (done, finished) = oneshot::channel();
        let work = Begun::new(async move {
            for _ in 0..3 {
                sleep(Duration::from_secs(1)).await;
            }
            let _ = done.send(());
        });
        let waited = timeout(Duration::from_millis(500 + 1000 * left_after), work).await;
        assert_eq!(waited.is_ok(), left_after == 3);
        assert_eq!(timeout(Duration::from_secs(10), finished).await, Ok(Ok(())), "left after {left_after}");
    }
}

#[tokio::test]
async fn work_that_nobody_looked_at_has_not_begun() {
    let (done, finished) = oneshot::channel();
    drop(Begun::new(async move { done.send(()) }));
    assert!(finished.await.is_err());
}

#[tokio::test]
async fn work_that_panics_is_told_and_harms_nobody_else() {
    let work = Begun::new(async {
        tokio::task::yield_now().await;
        assert_eq!(1, 2, "on purpose");
    });
    assert_eq!(work.await, Err(Broken));
    let begun = Arc::new(Notify::new());
    let (going, held) = (Arc::clone(&begun), Arc::new(()));
    let holder = Arc::downgrade(&held);
    let work = Begun::new(async move {
        let _held = held;
        going.notified().await;
        assert_eq!(1, 2, "on purpose");
    });
    assert!(timeout(Duration::from_millis(1), work).await.is_err());
    begun.notify_one();
    while holder.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn without_a_runtime_work_that_is_left_is_let_go_of() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = Arc::new(());
    let inner = Arc::clone(&held);
    let mut work = Begun::new(async move {
        let _inner = inner;
        std::future::pending::<()>().await;
    });
    runtime.block_on(async { assert!(timeout(Duration::from_millis(1), &mut work).await.is_err()) });
    drop(work);
    assert_eq!(Arc::strong_count(&held), 1);
}
