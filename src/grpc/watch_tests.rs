//! Readers that do not read, ends that tell where to go on, and places that are given back.

use std::time::Duration;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tonic_types::StatusExt as _;

use super::super::stream::PATIENCE;
use super::*;
use crate::lifecycle::Stop;

fn record(seq: u64) -> Arc<Record> {
    let decision = if seq.is_multiple_of(2) { "allow" } else { "deny" };
    Arc::new(Record::new(
        seq,
        format!(r#"{{"t":"decision","decision":"{decision}","id":"d{seq}","agent":"bot","server":"lab"}}"#),
    ))
}

/// A log from place 5 on, a reader of it, and those who may watch (one).
fn watched(
    request: pb::WatchDecisionsRequest,
    stop: &Stop,
) -> (mpsc::Sender<Arc<Record>>, Told<pb::WatchDecisionsResponse>, Watchers) {
    let (send, records) = mpsc::channel(1);
    let following = Mutex::new(Some(Following { from: 5, records }));
    let source: RecordsSource = Box::new(move |_| following.lock().take().unwrap());
    let watchers = Watchers::new(1, stop.clone());
    (send, decisions(&source, Decisions::of(request).unwrap(), &watchers).unwrap(), watchers)
}

fn goes_on_at(status: &Status) -> u64 {
    status.get_details_error_info().unwrap().metadata["from_seq"].parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_sent_away_and_told_what_they_missed() {
    let (send, mut watched, watchers) = watched(pb::WatchDecisionsRequest::default(), &Stop::new());
    for seq in 5..8 {
        send.send(record(seq)).await.unwrap();
        assert_eq!(watched.next().await.unwrap().unwrap().seq, seq);
    }
    let mut kept = Vec::new();
    for seq in 8.. {
        let record = record(seq);
        kept.push(Arc::downgrade(&record));
        if send.send(record).await.is_err() {
            break;
        }
    }
    assert_eq!(watchers.free(), 1, "the place is free although nobody looks");
    assert!(kept.iter().all(|record| record.upgrade().is_none()), "nothing is kept for them");
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
    let (send, mut watched, watchers) = watched(pb::WatchDecisionsRequest::default(), &stop);
    send.send(record(5)).await.unwrap();
    assert_eq!(watched.next().await.unwrap().unwrap().seq, 5);
    stop.request();
    let status = watched.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), goes_on_at(&status), watchers.free()), (Code::Unavailable, 6, 1));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_their_place_back_and_the_log_is_not_read_for_them() {
    let (send, watched, watchers) = watched(pb::WatchDecisionsRequest::default(), &Stop::new());
    drop(watched);
    assert_eq!(watchers.free(), 1);
    tokio::time::timeout(Duration::from_secs(1), send.closed()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn decisions_about_a_services_own_entities_are_for_whoever_asks_for_them() {
    let records = [
        r#"{"t":"decision","decision":"allow","id":"call","agent":"bot","server":"lab"}"#,
        r#"{"t":"decision","decision":"deny","id":"checked","agent":"bot","check":{"by":"till"},"server":"lab"}"#,
        r#"{"t":"access","by":"till","decision":"deny","id":"access","subject":"alice"}"#,
        r#"{"t":"access","by":"other","decision":"allow","id":"others"}"#,
        r#"{"t":"access","by":"till","found":3,"id":"search","search":"resource"}"#,
        r#"{"t":"outcome","outcome":"ok","id":"call"}"#,
    ];
    let seen = |request: pb::WatchDecisionsRequest| {
        let wanted = Decisions::of(request).unwrap();
        let all = (0..).zip(records).map(|(seq, json)| Record::new(seq, json.to_owned()));
        all.filter(|record| wanted.wants(record))
            .map(|record| decision(&record))
            .map(|told| format!("{} {}", told.kind, told.decision_id))
            .collect::<Vec<_>>()
    };
    let of = |kinds: &[&str]| pb::WatchDecisionsRequest {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        ..Default::default()
    };
    assert_eq!(seen(of(&[])), ["decision call", "decision checked"], "as before there were others");
    assert_eq!(seen(of(&["access"])), ["access access", "access others"]);
    let both = of(&["decision", "access"]);
    assert_eq!(seen(both.clone()).len(), 4);
    assert_eq!(seen(pb::WatchDecisionsRequest { by: "till".to_owned(), ..both.clone() }), ["decision checked", "access access"]);
    assert_eq!(seen(pb::WatchDecisionsRequest { agent: "bot".to_owned(), ..both.clone() }).len(), 2, "an access has no agent");
    let denied = vec![pb::Decision::Deny.into()];
    assert_eq!(seen(pb::WatchDecisionsRequest { decisions: denied, ..both }), ["decision checked", "access access"]);
    assert!(Decisions::of(of(&["decision", "outcome"])).is_err());
}
