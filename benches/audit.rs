//! How many records a second the audit log makes durable, and what each costs in CPU time, beside a raw file whose writers share an
//! `fdatasync` in the same way.
//!
//! The disk's speed changes from minute to minute, so the rows are run in turns, several times, and the best and the median of each
//! are shown. CPU time is the whole process's, so it includes the appending tasks and their wake-ups. Run it with
//! `cargo bench --bench audit`; the first argument is a directory on the disk to measure, the system's temporary one otherwise. With
//! `--grow N` it makes a log of N records instead, and says what opening it takes and how much memory it needs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and reports to a terminal"
)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cedarpost::audit::{
    self, AuditWriter, Content, DecisionRecord, Detail, DetailSettings, Outcome, OutcomeRecord, Part, Record, Settings,
};
use cedarpost::clock::Clock;
use cedarpost::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, Cause, Decision, DecisionId, Fingerprint, Grounds, Judgement, PolicyRef,
    Principal, ServerName, Source, Target, Transport, UserId,
};
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const WRITERS: [usize; 4] = [1, 8, 64, 256];
/// Of how many decisions each writer remembers how long they took, where memory is looked at.
const KEPT: usize = 500;
/// How long a record is, roughly.
const RECORD: usize = 600;
/// What a call comes back with.
const RESULT: [u8; 1_150] = [b'r'; 1_150];

/// One measured round.
#[derive(Clone, Copy)]
struct Seen {
    records: f64,
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    RawFile,
    AuditLog,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::RawFile => "raw file",
            Self::AuditLog => "audit log",
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let grow = arguments.iter().position(|argument| argument == "--grow");
    let size: Option<u64> = grow.map(|at| arguments.get(at + 1).unwrap().parse().unwrap());
    let parent = arguments.iter().find(|argument| argument.contains('/')).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match size {
        Some(size) => runtime.block_on(grown(&directory.path().join("log"), size)),
        None => compared(&runtime, directory.path()),
    }
}

fn compared(runtime: &tokio::runtime::Runtime, directory: &Path) {
    let rows = WRITERS.into_iter().flat_map(|writers| [(What::RawFile, writers), (What::AuditLog, writers)]);
    let rows: Vec<(What, usize)> = rows.collect();
    let mut seen: Vec<Vec<Seen>> = rows.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for ((what, writers), seen) in rows.iter().zip(&mut seen) {
            let path = directory.join(format!("{}-{writers}-{round}", what.name().replace(' ', "-")));
            seen.push(match what {
                What::RawFile => runtime.block_on(raw_file(&path, *writers)),
                What::AuditLog => runtime.block_on(audit_log(&path, *writers)),
            });
        }
    }
    println!("a call is one decision that is waited for and one outcome that is not; latency is the decision's\n");
    println!("| what | writers | records/s best (median) | of the raw file's | CPU us/record | latency p50 / p99 us |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut raw = 0.0;
    for ((what, writers), mut seen) in rows.into_iter().zip(seen) {
        seen.sort_by(|one, other| one.records.total_cmp(&other.records));
        let (median, best) = (seen.get(ROUNDS / 2).unwrap(), seen.last().unwrap());
        if what == What::RawFile {
            raw = median.records;
        }
        let (rate, share) = (format!("{:.0} ({:.0})", best.records, median.records), 100.0 * median.records / raw);
        let (name, cpu) = (what.name(), median.cpu_us);
        println!("| {name} | {writers} | {rate} | {share:.0} % | {cpu:.1} | {:.0} / {:.0} |", median.p50_us, median.p99_us);
    }
    println!("\nresident memory after it all: {} KiB", status("VmRSS:"));
}

/// Makes a log of so many records, closes it and opens it again.
async fn grown(path: &Path, size: u64) {
    let settings = Settings { low_water: 0, ..Settings::new(path.into()) };
    let (writer, reader) = audit::open(&settings, &Clock::System, &mut Registry::default()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (began, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..256).map(|_| tokio::spawn(calls(writer.clone(), Arc::clone(&stop), KEPT))).collect();
    let mut growth = reader.growth();
    while reader.len() < size && growth.happens().await {}
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let records = reader.len();
    let seen = sum_up(began, cpu, latencies, usize::try_from(records).unwrap());
    println!("{records} records, {:.0} a second, p50 {:.0} us, p99 {:.0} us", seen.records, seen.p50_us, seen.p99_us);
    println!("resident memory with all of them written: {} KiB (at most {})", status("VmRSS:"), status("VmHWM:"));
    println!("in files: {} of {records}", reader.archived());
    let waiting = Instant::now();
    while records - reader.archived() > settings.epochs.records && waiting.elapsed() < Duration::from_secs(600) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "the rest of the full epochs is in files {:?} later; resident memory then: {} KiB",
        waiting.elapsed(),
        status("VmRSS:")
    );
    drop(reader);
    let closing = Instant::now();
    writer.close().await.unwrap();
    println!("closed in {:?}", closing.elapsed());
    // What archives the last records may be at work still.
    let (opening, (writer, reader)) = loop {
        let opening = Instant::now();
        match audit::open(&settings, &Clock::System, &mut Registry::default()) {
            Ok(opened) => break (opening, opened),
            Err(audit::OpenError::InUse(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    };
    println!("opened in {:?}, {} records", opening.elapsed(), reader.len());
    println!("resident memory when open: {} KiB", status("VmRSS:"));
    drop(reader);
    writer.close().await.unwrap();
}

/// A record on its way to the raw file, and whom to tell that it is there.
type Raw = (Option<oneshot::Sender<()>>, [u8; RECORD]);

/// What the disk and the channels between writers and one committing thread allow: a group is what waits while the one before it is
/// made durable, with one write and one `fdatasync`.
async fn raw_file(path: &Path, writers: usize) -> Seen {
    let mut file = File::create(path).unwrap();
    let (send, mut records) = mpsc::channel::<Raw>(4096);
    let committing = std::thread::spawn(move || {
        let mut group = Vec::new();
        while records.blocking_recv_many(&mut group, 4096) > 0 {
            let bytes: Vec<u8> = group.iter().flat_map(|(_, record)| record).copied().collect();
            file.write_all(&bytes).unwrap();
            file.sync_data().unwrap();
            // A writer that was told to stop does not listen any more.
            group.drain(..).filter_map(|(tell, _)| tell).for_each(|tell| _ = tell.send(()));
        }
    });
    let seen = round(writers, |stop| raw_calls(send.clone(), stop)).await;
    drop(send);
    committing.join().unwrap();
    seen
}

async fn raw_calls(send: mpsc::Sender<Raw>, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let (tell, told) = oneshot::channel();
        send.send((Some(tell), [b'r'; RECORD])).await.unwrap();
        told.await.unwrap();
        latencies.push(began.elapsed());
        send.send((None, [b'r'; RECORD])).await.unwrap();
    }
    latencies
}

async fn audit_log(path: &Path, writers: usize) -> Seen {
    let settings = Settings { low_water: 0, ..Settings::new(path.into()) };
    let (writer, _reader) = audit::open(&settings, &Clock::System, &mut Registry::default()).unwrap();
    let seen = round(writers, |stop| calls(writer.clone(), stop, usize::MAX)).await;
    writer.close().await.unwrap();
    seen
}

/// Lets so many writers make calls for one round.
async fn round<F>(writers: usize, calls: impl Fn(Arc<AtomicBool>) -> F) -> Seen
where
    F: Future<Output = Vec<Duration>> + Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let (began, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..writers).map(|_| tokio::spawn(calls(Arc::clone(&stop)))).collect();
    tokio::time::sleep(ROUND).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let records = 2 * latencies.len();
    sum_up(began, cpu, latencies, records)
}

/// Makes calls one after the other until told to stop; hands back how long the first decisions' records took, at most so many.
async fn calls(writer: AuditWriter, stop: Arc<AtomicBool>, most: usize) -> Vec<Duration> {
    let ((caller, call, decision), keeping) = (scene(), Detail::new(&DetailSettings::default()).of(&server(), &Target::Server));
    let (mut latencies, mut number) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let id = DecisionId::from_parts(1_795_342_514_000, number);
        number += 1;
        let began = Instant::now();
        let args = call.arguments.json().map(|arguments| Content::of(arguments, &keeping, Part::Arguments));
        let record = DecisionRecord {
            id,
            caller: &caller,
            call: &call,
            via: None,
            args: args.as_ref(),
            catalog: None,
            decision: &decision,
            approval: None,
            check: None,
            micros: 12,
        };
        let receipt = writer.append(Record::Decision(record)).await.unwrap();
        if latencies.len() < most {
            latencies.push(began.elapsed());
        }
        let result = Content::of(&RESULT, &keeping, Part::Result);
        let outcome = OutcomeRecord {
            decision: id,
            seq: receipt.seq(),
            outcome: Outcome::Ok,
            micros: 900,
            bytes: 1_200,
            result: Some(result),
        };
        writer.note(&Record::Outcome(outcome)).unwrap();
    }
    latencies
}

fn server() -> ServerName {
    ServerName::new("shop").unwrap()
}

fn scene() -> (Caller, Call, Decision) {
    let caller = Caller::new(AgentId::new("planner"), Actor::Person(UserId::new("ann@shop.example")));
    let call = Call {
        server: server(),
        action: Action::ToolsCall,
        target: Target::Tool("refund".into()),
        arguments: Arguments::from_checked_json(Bytes::from_static(br#"{"order":"A-10045","amount":25,"currency":"EUR"}"#)),
        source: Source { transport: Transport::Http, ip: Some([127, 0, 0, 1].into()), session: Some("s-5f1c2e7b".into()) },
        request: Some("17".into()),
        trace: None,
    };
    let policy = PolicyRef { id: "support-may-refund".into(), file: "shop.cedar".into(), line: 12, reason: None };
    let judge = |principal| Judgement { principal, cause: Cause::Permitted, policies: vec![policy.clone()], faults: vec![] };
    let judgements = vec![judge(Principal::Agent), judge(Principal::Actor)];
    (caller, call, Decision::from_grounds(Grounds { snapshot: Fingerprint::new([7; 32]), judgements }))
}

fn sum_up(began: Instant, cpu: Duration, mut latencies: Vec<Duration>, records: usize) -> Seen {
    let (elapsed, cpu) = (began.elapsed(), cpu_time().saturating_sub(cpu));
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).unwrap().as_secs_f64() * 1e6;
    let count = records as f64;
    Seen { records: count / elapsed.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / count, p50_us: at(50), p99_us: at(99) }
}

/// The CPU time of this process so far, from the kernel's clock ticks (10 ms).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// A number from the process's status.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
