//! The feed against a collector that does everything that collectors do. Pauses are short here, and deadlines too.

use std::net::TcpListener as StdListener;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::super::settings::{Compression, Headers, Protocol};
use super::*;
use crate::audit::ship::fixtures::collector::{Collector, Play, records};
use crate::audit::ship::fixtures::log::{FakeLog, ORIGIN};
use crate::audit::ship::meter::Trouble as Seen;
use crate::domain::Timestamp;
use crate::outbound;

const DEADLINE: Duration = Duration::from_millis(400);
const GRACE: Duration = Duration::from_secs(2);

/// A log, its directory, and the collector that it goes to.
struct Bench {
    log: Arc<FakeLog>,
    directory: TempDir,
    settings: FeedSettings,
}

struct Running {
    task: JoinHandle<Result<(), Infallible>>,
    stop: Stop,
    meter: Arc<Meter>,
}

impl Bench {
    fn new(size: u64, address: std::net::SocketAddr) -> Self {
        let settings = FeedSettings {
            endpoint: format!("http://{address}").parse().unwrap(),
            protocol: Protocol::Protobuf,
            compression: Compression::None,
            headers: Headers::default(),
            plaintext_non_loopback: false,
            deadline: DEADLINE,
        };
        Self { log: FakeLog::of(size), directory: TempDir::new().unwrap(), settings }
    }

    fn feed_of(&self, log: &Arc<FakeLog>) -> Feed {
        let source: Arc<dyn Source> = log.clone();
        let outbound = Outbound::new(outbound::Settings::default()).unwrap();
        let clock = Clock::manual(Timestamp::from_micros(1_795_342_514_000_000));
        let registry = &mut Registry::default();
        let mut feed = Feed::open(&self.settings, &source, &outbound, clock, self.directory.path(), GRACE, registry).unwrap();
        let pause = Duration::from_millis(20);
        (feed.backoff, feed.slow) = (Backoff::new(pause, pause), Backoff::new(5 * pause, 5 * pause));
        feed
    }

    fn start_with(&self, log: &Arc<FakeLog>) -> Running {
        let (feed, stop) = (self.feed_of(log), Stop::new());
        let meter = feed.meter();
        Running { task: tokio::spawn(feed.run(stop.clone())), stop, meter }
    }

    fn start(&self) -> Running {
        self.start_with(&self.log)
    }

    fn cursor_path(&self) -> PathBuf {
        self.directory.path().join("cursors").join(self.settings.endpoint.id())
    }

    fn cursor(&self) -> u64 {
        CursorFile::new(self.directory.path(), &self.settings.endpoint.id(), "").read().unwrap().next
    }
}

impl Running {
    async fn until(&self, holds: impl Fn(&Meter) -> bool) {
        let waited = async {
            while !holds(&self.meter) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap_or_else(|_| panic!("{:?}", self.meter.standing()));
    }

    async fn all_there(&self) {
        self.until(|meter| meter.standing().lag_records == 0).await;
    }

    /// Waits until the feed says that something is wrong, in these words.
    async fn failing(&self, words: &str) {
        let says = |why: &str| why.contains(words);
        self.until(|meter| matches!(meter.standing().trouble, Some(Seen::Failing(why)) if says(&why))).await;
    }

    async fn end(self) {
        self.stop.request();
        tokio::time::timeout(GRACE + Duration::from_secs(5), self.task).await.unwrap().unwrap().unwrap();
    }

    /// As if the process was killed.
    async fn killed(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_arrives_once_in_its_order_in_either_form() {
    let collector = Collector::start().await;
    let variants = [
        (Protocol::Protobuf, Compression::None),
        (Protocol::Protobuf, Compression::Gzip),
        (Protocol::Json, Compression::None),
        (Protocol::Json, Compression::Gzip),
    ];
    for (protocol, compression) in variants {
        let before = collector.taken().len();
        let mut bench = Bench::new(1_300, collector.address);
        (bench.settings.protocol, bench.settings.compression) = (protocol, compression);
        let running = bench.start();
        running.all_there().await;
        bench.log.append(3);
        running.all_there().await;
        running.end().await;
        assert_eq!(collector.taken()[before..], (0..1_303).collect::<Vec<u64>>()[..], "{protocol:?} {compression:?}");
        assert_eq!(bench.cursor(), 1_303);
    }
    let seen = collector.seen();
    assert!(seen.iter().all(|seen| seen.head.starts_with("post /v1/logs http/1.1")), "{seen:?}");
    assert_eq!(collector.most_under_way(), 1, "one request at a time");
    let [plain, small] = [0, 4].map(|at| seen[at].length);
    assert!(seen[0].seqs.len() == 512 && small < plain / 4, "{plain} {small}");
    let resource = seen[0].request.resource_logs[0].resource.clone().unwrap();
    assert!(resource.attributes.iter().any(|pair| pair.key == "service.instance.id" && format!("{pair:?}").contains(ORIGIN)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_gets_everything_when_it_is_back() {
    let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::new(20, address);
    let running = bench.start();
    running.failing("failed to connect").await;
    bench.log.append(5);
    assert_eq!((bench.cursor(), running.meter.standing().lag_records), (0, 25));
    let collector = Collector::start_on(address).await;
    running.all_there().await;
    assert_eq!(running.meter.standing().trouble, None);
    running.end().await;
    assert_eq!(collector.taken(), (0..25).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_with_an_answer_the_records_are_sent_again() {
    let cases = [
        Play::Answer(503, "", ""),
        Play::Answer(429, "retry-after: 0\r\n", ""),
        Play::Answer(502, "content-type: text/html\r\n", "<html>"),
        Play::Answer(500, "", ""),
        Play::Answer(400, "", ""),
        Play::Answer(401, "", ""),
        Play::Answer(404, "", ""),
        Play::Answer(307, "location: http://127.0.0.2/\r\n", ""),
        Play::Answer(200, "content-type: text/html\r\n", "<html>welcome</html>"),
        Play::Answer(200, "content-type: application/x-protobuf\r\n", "\u{a}\u{5}\u{8}"),
        Play::Answer(200, "content-type: application/x-protobuf\r\n", "\u{a}\u{2}\u{8}\u{1}"),
        Play::Answer(200, "content-type: application/json\r\n", "{\"partialSuccess\":{\"rejectedLogRecords\":\"7\"}}"),
        Play::Silence,
        Play::HangUp,
        Play::TakeAndBreakOff,
        Play::TakeLate(DEADLINE * 2),
    ];
    for play in cases {
        let collector = Collector::start().await;
        collector.plays([play.clone()]);
        let bench = Bench::new(10, collector.address);
        let running = bench.start();
        running.all_there().await;
        running.end().await;
        assert_eq!(collector.known(), (0..10).collect::<Vec<u64>>(), "{play:?}");
        assert_eq!(collector.seen().len(), 2, "{play:?}");
        let twice = matches!(play, Play::TakeAndBreakOff | Play::TakeLate(_));
        assert_eq!(collector.taken().len(), if twice { 20 } else { 10 }, "{play:?}");
        assert_eq!(bench.cursor(), 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_not_asked_again_before_it_wants_to_be() {
    let collector = Collector::start().await;
    collector.plays([Play::Answer(503, "retry-after: 1\r\n", "")]);
    let bench = Bench::new(1, collector.address);
    let began = Instant::now();
    let running = bench.start();
    running.all_there().await;
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_no_failure() {
    let collector = Collector::start().await;
    collector.plays([Play::Warn("this attribute is deprecated")]);
    let bench = Bench::new(2, collector.address);
    let running = bench.start();
    running.all_there().await;
    running.end().await;
    assert_eq!(collector.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_stops_those_after_it_and_no_others_until_it_is_taken() {
    let collector = Collector::start().await;
    collector.refuses([6]);
    let bench = Bench::new(10, collector.address);
    let running = bench.start();
    running.failing("record 6 is not taken").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(running.meter.next(), 6);
    assert_eq!(bench.cursor(), 6);
    let seen: Vec<Vec<u64>> = collector.seen().into_iter().map(|seen| seen.seqs).collect();
    let whole: Vec<u64> = (0..10).collect();
    assert_eq!(seen[..3], [whole.clone(), whole.clone(), whole], "three times together");
    assert_eq!(seen[3..9], [[0], [1], [2], [3], [4], [5]]);
    assert!(seen.len() > 10 && seen[9..].iter().all(|seqs| *seqs == [6]), "nothing is passed over: {seen:?}");

    // Neither a restart nor a longer log changes that.
    running.end().await;
    bench.log.append(700);
    let running = bench.start();
    running.failing("record 6 is not taken").await;
    assert!(collector.seen().iter().skip(9).all(|seen| seen.seqs.first() == Some(&6)));
    collector.refuses([]);
    running.all_there().await;
    assert_eq!(running.meter.standing().trouble, None);
    running.end().await;
    assert_eq!(collector.known(), (0..710).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_crash_is_sent_again_or_known_and_nothing_is_missing() {
    let collector = Collector::start().await;
    let bench = Bench::new(5, collector.address);
    let running = bench.start();
    running.all_there().await;
    running.killed().await;

    // Between the collector's taking it and the answer.
    bench.log.append(5);
    collector.plays([Play::TakeLate(Duration::from_secs(60))]);
    let running = bench.start();
    while collector.taken().len() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.killed().await;
    assert_eq!(bench.cursor(), 5);

    let running = bench.start();
    running.all_there().await;
    running.end().await;
    assert_eq!(collector.known(), (0..10).collect::<Vec<u64>>());
    assert_eq!(collector.taken().len(), 15, "the last five twice: whoever receives knows them by their numbers");
    let again: Vec<_> = collector.seen().iter().rev().take(2).map(|seen| records(&seen.request)).collect();
    assert_eq!(
        again[0].iter().map(|record| &record.body).collect::<Vec<_>>(),
        again[1].iter().map(|record| &record.body).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_moved_does_not_send_the_same_again_and_again() {
    let collector = Collector::start().await;
    let bench = Bench::new(5, collector.address);
    // A directory where the new cursor would be written.
    let blocked = bench.cursor_path().with_extension("new");
    std::fs::create_dir_all(&blocked).unwrap();
    let running = bench.start();
    running.failing("failed to write the cursor").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(collector.taken().len(), 5);
    std::fs::remove_dir(&blocked).unwrap();
    running.all_there().await;
    bench.log.append(1);
    running.all_there().await;
    running.end().await;
    assert_eq!(collector.taken(), (0..6).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_than_the_one_that_was_sent_is_not_sent() {
    let collector = Collector::start().await;
    let bench = Bench::new(10, collector.address);
    let running = bench.start();
    running.all_there().await;
    running.end().await;
    for other in [FakeLog::of(9), FakeLog::telling("another", 20)] {
        let running = bench.start_with(&other);
        running.until(Meter::has_stopped).await;
        tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap().unwrap();
    }
    assert_eq!(collector.taken().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pruned_before_it_was_sent_is_told_and_passed() {
    let collector = Collector::start().await;
    let bench = Bench::new(600, collector.address);
    bench.log.prune(256);
    let running = bench.start();
    running.all_there().await;
    running.end().await;
    assert_eq!(collector.taken(), (256..600).collect::<Vec<u64>>());
    let position = CursorFile::new(bench.directory.path(), &bench.settings.endpoint.id(), "").read().unwrap();
    assert_eq!((position.next, position.skipped), (600, 256));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_records_go_after_the_stop_and_a_collector_that_hangs_costs_the_grace() {
    let collector = Collector::start().await;
    let bench = Bench::new(5, collector.address);
    let running = bench.start();
    running.all_there().await;
    bench.log.append(3);
    running.end().await;
    assert_eq!(collector.taken(), (0..8).collect::<Vec<u64>>());

    bench.log.append(1);
    collector.plays(std::iter::repeat_n(Play::Silence, 100));
    let running = bench.start();
    running.failing("did not answer").await;
    let began = Instant::now();
    running.end().await;
    assert!((GRACE..GRACE * 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(bench.cursor(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_is_read_again() {
    let collector = Collector::start().await;
    let bench = Bench::new(3, collector.address);
    bench.log.fail(true);
    let running = bench.start();
    running.failing("failed to read the audit log").await;
    bench.log.fail(false);
    running.all_there().await;
    running.end().await;
    assert_eq!(collector.taken(), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_how_far_it_is_and_what_came_back() {
    let collector = Collector::start().await;
    collector.refuses([1]);
    let bench = Bench::new(2, collector.address);
    let (source, mut registry): (Arc<dyn Source>, _) = (bench.log.clone(), Registry::default());
    let outbound = Outbound::new(outbound::Settings::default()).unwrap();
    let directory = bench.directory.path();
    let feed = Feed::open(&bench.settings, &source, &outbound, Clock::System, directory, GRACE, &mut registry).unwrap();
    let (meter, stop) = (feed.meter(), Stop::new());
    let mut feed = feed;
    feed.backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(5));
    let running = Running { task: tokio::spawn(feed.run(stop.clone())), stop, meter };
    running.failing("record 1 is not taken").await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let sink = format!("{{sink=\"{}\"}}", bench.settings.endpoint.id());
    for line in
        ["audit_feed_lag_records{} 1", "audit_feed_records_total{} 1", "audit_feed_objects_total{} 1", "audit_feed_stopped{} 0"]
    {
        assert!(text.contains(&line.replace("{}", &sink)), "{line}: {text}");
    }
    let counted = format!("audit_feed_rejected_records_total{sink} ");
    let rejected = text.lines().find_map(|line| line.strip_prefix(counted.as_str())).unwrap();
    assert!(rejected.parse::<u64>().unwrap() >= 1, "{text}");
    running.killed().await;
}

/// A decision with the number, as leaves have them.
fn decision(number: usize) -> Vec<u8> {
    let leaf = include_str!("../../../../tests/golden/audit/decision-deny.json").trim_end();
    leaf.replace("\"seq\":7421", &format!("\"seq\":{number}")).replace("-1\\\"", &format!("-{number}\\\"")).into_bytes()
}

/// For `tests/foreign/check_otlp.py` and other receivers: writes an export to FEED_FILE, and feeds the same records to FEED_ENDPOINT.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a receiver; tests/foreign/README.md names them"]
#[expect(clippy::disallowed_methods, reason = "a test that is asked for by hand is told by hand where to send")]
async fn a_receiver_that_others_wrote_takes_everything() {
    use std::fmt::Write as _;

    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let mut bench = Bench::new(0, ([127, 0, 0, 1], 1).into());
    bench.settings.endpoint = variable("FEED_ENDPOINT").parse().unwrap();
    bench.settings.deadline = Duration::from_secs(10);
    let log = FakeLog::written(|_, number| decision(number), "", 2_000);
    let mut lines = String::new();
    for number in 0..2_000 {
        let mut line = Vec::new();
        let leaf = decision(number);
        crate::audit::export::jsonl::write(&crate::audit::export::Entry::new(ORIGIN, number as u64, &leaf), &mut line);
        write!(lines, "{}", String::from_utf8(line).unwrap()).unwrap();
    }
    std::fs::write(variable("FEED_FILE"), lines).unwrap();
    for (protocol, compression) in [(Protocol::Protobuf, Compression::None), (Protocol::Json, Compression::Gzip)] {
        (bench.settings.protocol, bench.settings.compression) = (protocol, compression);
        let _ = std::fs::remove_dir_all(bench.directory.path().join("cursors"));
        let running = bench.start_with(&log);
        running.all_there().await;
        running.end().await;
    }
}
