//! Many who watch decisions: everybody gets everything, in order; whoever does not read is sent away and told where to go on, and costs no
//! memory; and a stream that ended is taken up where it was.

use std::time::{Duration, Instant};

use cedarpost::grpc::pb;
use cedarpost::grpc::pb::decision_service_client::DecisionServiceClient;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::support::{Asked, asked};

/// How many watch, over how many connections.
const WATCHERS: usize = 1_000;
const CONNECTIONS: usize = 8;
/// How many decisions there are for each: more than wait for a reader, and than a reader that does not read has room for.
const DECISIONS: usize = 160;
/// How much memory all that may take, in KiB: a few dozen for each stream.
const MEMORY: u64 = 120 * 1024;

type Stream = Streaming<pb::WatchDecisionsResponse>;

async fn connect(lab: &Asked, window: u32) -> DecisionServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", lab.grpc)).unwrap();
    let endpoint = endpoint.initial_stream_window_size(window).initial_connection_window_size(1 << 20);
    DecisionServiceClient::new(endpoint.connect().await.unwrap())
}

fn from(seq: Option<u64>) -> pb::WatchDecisionsRequest {
    pb::WatchDecisionsRequest { from_seq: seq, ..pb::WatchDecisionsRequest::default() }
}

fn goes_on_at(status: &Status) -> u64 {
    status.get_details_error_info().expect("details").metadata["from_seq"].parse().unwrap()
}

/// The places and names of so many decisions.
async fn read(stream: &mut Stream, count: usize) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(120), stream.message()).await.expect("it comes");
        let next = next.unwrap().expect("it goes on");
        seen.push((next.seq, next.decision_id));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_watch_and_one_that_never_reads_costs_nobody_anything() {
    let lab = Asked::open().await;
    let mut asking = lab.client().await;
    asking.check(asked("echo")).await.unwrap();
    let before = lab.sidecar.memory();
    let mut readers = JoinSet::new();
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = connect(&lab, 1 << 16).await;
        for _ in 0..WATCHERS / CONNECTIONS {
            streams.push(client.watch_decisions(from(None)).await.unwrap().into_inner());
        }
    }
    // It has little room at its end, and a connection of its own.
    let mut asleep = connect(&lab, 1 << 12).await.watch_decisions(from(None)).await.unwrap().into_inner();
    let began = Instant::now();
    for mut stream in streams {
        readers.spawn(async move { (read(&mut stream, DECISIONS).await, stream) });
    }
    let mut decided = Vec::new();
    for _ in 0..DECISIONS {
        decided.push(asking.check(asked("no-such-tool")).await.unwrap().into_inner().decision_id);
    }
    let mut readers: Vec<_> = readers.join_all().await;
    let took = began.elapsed();
    for (seen, _) in &readers {
        assert_eq!(seen.iter().map(|(_, id)| id).collect::<Vec<_>>(), decided.iter().collect::<Vec<_>>());
    }
    let sent_away = async {
        while !lab.sidecar.log().contains("reads too slowly and is sent away") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), sent_away).await.expect("it is sent away");
    let after = lab.sidecar.memory();
    println!("{WATCHERS} x {DECISIONS} decisions in {took:?}; memory {before} KiB before, {after} KiB after");
    assert!(after < before + MEMORY, "{before} KiB before, {after} KiB after");

    // It wakes up: what was on its way, then the status, then the rest from there on.
    let mut seen = Vec::new();
    let status = loop {
        match asleep.message().await {
            Ok(next) => seen.push(next.expect("a status comes first").decision_id),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    assert!(seen.len() < DECISIONS, "it was sent away before the end");
    let mut again = asking.watch_decisions(from(Some(goes_on_at(&status)))).await.unwrap().into_inner();
    let rest = read(&mut again, DECISIONS - seen.len()).await;
    seen.extend(rest.into_iter().map(|(_, id)| id));
    assert_eq!(seen, decided, "none is missing and none comes twice");

    // The others are still there.
    let last = asking.check(asked("echo")).await.unwrap().into_inner().decision_id;
    for (_, stream) in &mut readers {
        assert_eq!(read(stream, 1).await[0].1, last);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_tells_who_watches_where_to_go_on_and_they_do_at_the_next_start() {
    let lab = Asked::open().await;
    let mut client = lab.client().await;
    for tool in ["echo", "destroy", "no-such-tool"] {
        client.check(asked(tool)).await.unwrap();
    }
    let mut stream = client.watch_decisions(from(Some(0))).await.unwrap().into_inner();
    // One more: a call made the server known.
    let seen = read(&mut stream, 4).await;
    let Asked { sidecar, home, .. } = lab;
    let began = Instant::now();
    sidecar.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "who watches holds no stop up: {:?}", began.elapsed());
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let on = goes_on_at(&status);
    assert!(on > seen[3].0, "{on} {seen:?}");

    let sidecar = crate::support::Sidecar::start(&home).await;
    let channel = Endpoint::from_shared(format!("http://{}", sidecar.grpc.unwrap())).unwrap().connect().await.unwrap();
    let mut client = DecisionServiceClient::new(channel);
    let mut stream = client.watch_decisions(from(Some(on))).await.unwrap().into_inner();
    let answer = client.check(asked("no-such-tool")).await.unwrap().into_inner();
    assert_eq!(read(&mut stream, 1).await[0].1, answer.decision_id, "nothing between was left out, and nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_far_back_gets_what_there_was_and_then_what_comes() {
    let lab = Asked::open().await;
    let mut client = lab.client().await;
    for _ in 0..5 {
        let checks = vec![pb::CheckRequest { dry_run: true, ..asked("echo") }; 100];
        client.check_batch(pb::CheckBatchRequest { checks }).await.unwrap();
    }
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        let mut stream = client.watch_decisions(from(Some(0))).await.unwrap().into_inner();
        readers.spawn(async move { read(&mut stream, 1 + 500 + 100).await });
    }
    for _ in 0..100 {
        client.check(asked("echo")).await.unwrap();
    }
    let seen = readers.join_all().await;
    assert!(seen.iter().all(|one| *one == seen[0]), "all see the same");
    assert!(seen[0].is_sorted_by(|(before, _), (after, _)| before < after), "in order");
}
