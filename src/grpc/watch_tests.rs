//! Readers that do not read, ends that tell where to go on, and places that are given back.

use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

use super::*;

fn record(seq: u64) -> Arc<Record> {
    let decision = if seq.is_multiple_of(2) { "allow" } else { "deny" };
    Arc::new(Record::new(
        seq,
        format!(r#"{{"t":"decision","decision":"{decision}","id":"d{seq}","agent":"bot","server":"lab"}}"#),
    ))
}

/// A log from place 5 on, a reader of it, and how many may still watch (of 1).
fn watched(request: pb::WatchDecisionsRequest, stop: &Stop) -> (mpsc::Sender<Arc<Record>>, Watched, Arc<Semaphore>) {
    let (send, records) = mpsc::channel(1);
    let following = Mutex::new(Some(Following { from: 5, records }));
    let source: RecordsSource = Box::new(move |_| following.lock().take().unwrap());
    let slots = Arc::new(Semaphore::new(1));
    let slot = Arc::clone(&slots).try_acquire_owned().unwrap();
    (send, watch(&source, Filter::of(request).unwrap(), slot, stop.clone()), slots)
}

fn goes_on_at(status: &Status) -> u64 {
    status.get_details_error_info().unwrap().metadata["from_seq"].parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_sent_away_and_told_what_they_missed() {
    let (send, mut watched, slots) = watched(pb::WatchDecisionsRequest::default(), &Stop::new());
    for seq in 5..8 {
        send.send(record(seq)).await.unwrap();
        assert_eq!(watched.next().await.unwrap().unwrap().seq, seq);
    }
    for seq in 8.. {
        if send.send(record(seq)).await.is_err() {
            break;
        }
    }
    assert_eq!(slots.available_permits(), 1, "the place is free although nobody looks");
    assert!(watched.0.state.lock().waiting.is_empty(), "nothing is kept for them");
    let status = watched.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), goes_on_at(&status)), (Code::Aborted, 8), "{status:?}");
    assert!(watched.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_reads_now_and_then_loses_nothing() {
    let (send, mut watched, _) = watched(pb::WatchDecisionsRequest::default(), &Stop::new());
    let last = 5 + 3 * AHEAD as u64;
    tokio::spawn(async move {
        for seq in 5..last {
            send.send(record(seq)).await.unwrap();
        }
    });
    for seq in 5..last {
        tokio::time::sleep(PATIENCE / 2).await;
        assert_eq!(watched.next().await.unwrap().unwrap().seq, seq);
    }
    let status = watched.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), goes_on_at(&status)), (Code::Unavailable, last), "the log has ended");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_counts_as_seen() {
    let request =
        pb::WatchDecisionsRequest { decisions: vec![pb::Decision::Deny.into()], ..pb::WatchDecisionsRequest::default() };
    let (send, mut watched, _) = watched(request, &Stop::new());
    for seq in 5..9 {
        send.send(record(seq)).await.unwrap();
    }
    send.send(Arc::new(Record::new(9, "{\"t\":\"outcome\"}".to_owned()))).await.unwrap();
    drop(send);
    assert_eq!(watched.next().await.unwrap().unwrap().seq, 5);
    assert_eq!(watched.next().await.unwrap().unwrap().seq, 7);
    assert_eq!(goes_on_at(&watched.next().await.unwrap().unwrap_err()), 10);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_streams_and_says_where_to_go_on() {
    let stop = Stop::new();
    let (send, mut watched, slots) = watched(pb::WatchDecisionsRequest::default(), &stop);
    send.send(record(5)).await.unwrap();
    assert_eq!(watched.next().await.unwrap().unwrap().seq, 5);
    stop.request();
    let status = watched.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), goes_on_at(&status), slots.available_permits()), (Code::Unavailable, 6, 1));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_their_place_back_and_the_log_is_not_read_for_them() {
    let (send, watched, slots) = watched(pb::WatchDecisionsRequest::default(), &Stop::new());
    drop(watched);
    assert_eq!(slots.available_permits(), 1);
    tokio::time::timeout(Duration::from_secs(1), send.closed()).await.unwrap();
}
