//! The log as its owner sees it: what is acknowledged is there, and what goes wrong refuses.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;

use super::open::open_on;
use super::tlog::SignedCheckpoint;
use super::*;
use crate::clock::Clock;
use crate::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, Cause, Decision, DecisionId, Fingerprint, Grounds, Judgement, Principal,
    ServerName, Source, Target, Timestamp, Transport,
};
use crate::storage::{Batch, Disk, LocalDisk, StorageError};

#[path = "clock_tests.rs"]
mod clock_steps;
#[path = "crash_tests.rs"]
mod crash;
#[path = "private_tests.rs"]
mod private_side;
#[path = "recover_tests.rs"]
mod recovering;
#[path = "tamper_tests.rs"]
mod tampering;
#[path = "verify_tests.rs"]
mod verifying;

/// A disk that does what the test says.
#[derive(Default)]
struct TestDisk {
    fault: AtomicU8,
    free: AtomicU64,
}

/// What a [`TestDisk`] does.
#[repr(u8)]
#[derive(Clone, Copy, Debug)]
enum DiskFault {
    FailsToWrite = 1,
    FailsAfterWriting = 2,
    FailsToSync = 3,
    Hangs = 4,
}

impl TestDisk {
    fn set(&self, fault: DiskFault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    fn is(&self, fault: DiskFault) -> bool {
        self.fault.load(Ordering::SeqCst) == fault as u8
    }
}

impl Disk for TestDisk {
    fn write(&self, write: &mut dyn FnMut() -> Result<(), StorageError>) -> Result<(), StorageError> {
        if self.is(DiskFault::FailsToWrite) {
            return Err(io::Error::other("injected write error").into());
        }
        write()
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        while self.is(DiskFault::Hangs) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.is(DiskFault::FailsToSync) {
            return Err(io::Error::other("injected sync error"));
        }
        file.sync_data()?;
        if self.is(DiskFault::FailsAfterWriting) { Err(io::Error::other("injected late error")) } else { Ok(()) }
    }

    fn free_bytes(&self, directory: &Path) -> io::Result<u64> {
        match self.free.load(Ordering::SeqCst) {
            0 => LocalDisk.free_bytes(directory),
            free => Ok(free),
        }
    }
}

/// What a test needs to decide things: one caller, one call, and a decision of each kind.
pub(super) struct Scene {
    caller: Caller,
    call: Call,
    args: Option<Content>,
    allow: Decision,
}

impl Scene {
    pub(super) fn new() -> Self {
        let source = Source { transport: Transport::Stdio, ip: None, session: None };
        let call = Call {
            server: ServerName::new("shop").unwrap(),
            action: Action::ToolsCall,
            target: Target::Tool("search".into()),
            arguments: Arguments::from_checked_json(Bytes::from_static(b"{\"q\":1}")),
            source,
            request: Some("1".into()),
            trace: None,
        };
        let judgement = Judgement { principal: Principal::Agent, cause: Cause::Permitted, policies: vec![], faults: vec![] };
        let allow = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([1; 32]), judgements: vec![judgement] });
        let keeping = Detail::new(&DetailSettings::default()).of(&call.server, &call.target);
        let args = call.arguments.json().map(|arguments| Content::of(arguments, &keeping, Part::Arguments));
        Self { caller: Caller::new(AgentId::new("planner"), Actor::Unattended), call, args, allow }
    }

    pub(super) fn decided(&self, number: u128) -> Record<'_> {
        let id = DecisionId::from_parts(1, number);
        Record::Decision(DecisionRecord {
            id,
            caller: &self.caller,
            call: &self.call,
            via: None,
            args: self.args.as_ref(),
            catalog: None,
            decision: &self.allow,
            approval: None,
            check: None,
            micros: 3,
        })
    }
}

fn ended(receipt: &Receipt) -> Record<'static> {
    let (decision, seq) = (receipt.id().unwrap(), receipt.seq());
    Record::Outcome(OutcomeRecord { decision, seq, outcome: Outcome::Ok, micros: 9, bytes: 2, result: None })
}

pub(super) fn settings(directory: &Path) -> Settings {
    Settings { low_water: 1, ..Settings::new(directory.into()) }
}

pub(super) fn start(directory: &Path) -> (AuditWriter, AuditReader) {
    open(&settings(directory), &Clock::System, &mut Registry::default()).unwrap()
}

fn start_on(settings: &Settings, disk: &Arc<TestDisk>) -> (AuditWriter, AuditReader) {
    open_on(settings, &Clock::System, &mut Registry::default(), Arc::<TestDisk>::clone(disk)).unwrap()
}

/// The report of a log that verifies, or what is wrong with it.
pub(super) fn check(directory: &Path) -> Result<Report, String> {
    check_with(directory, &[])
}

pub(super) fn check_with(directory: &Path, kept: &[TreeHead]) -> Result<Report, String> {
    let scratch = tempfile::tempdir().unwrap();
    let mut question = Question::new(Trusted::schedule(read_schedule(directory).map_err(|error| error.to_string())?));
    kept.iter().for_each(|head| question.add_head(*head));
    let report = verify(directory, scratch.path(), &question, &mut |_, _| {}).map_err(|error| {
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    })?;
    match report.faults.first() {
        Some(fault) => Err(fault.to_string()),
        None if report.verified() => Ok(report),
        None => Err(format!("it is not signed: {:?}", (report.rest, report.tree, report.head, report.read, report.min_index))),
    }
}

fn kinds(reader: &AuditReader) -> Vec<String> {
    reader.range(0).map(|record| record.unwrap().summary().kind).collect()
}

#[tokio::test]
async fn what_is_acknowledged_is_in_the_log_after_closing_and_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let (writer, reader) = start(dir.path());
    let receipt = writer.append(scene.decided(7)).await.unwrap();
    writer.note(&ended(&receipt)).unwrap();
    writer.close().await.unwrap();
    drop(reader);

    let (writer, reader) = start(dir.path());
    assert_eq!(kinds(&reader), ["start", "decision", "outcome", "stop", "start"]);
    let record = reader.get(receipt.seq()).unwrap().unwrap();
    assert_eq!((record.hash(), record.summary().id), (receipt.leaf_hash(), DecisionId::from_parts(1, 7).to_string()));
    assert!(reader.kept(receipt.seq()).unwrap().is_some() && reader.kept(receipt.seq() + 1).unwrap().is_none());
    drop((writer, reader));
    assert_eq!(check(dir.path()).unwrap().without_outcome, 0);
}

#[tokio::test]
async fn an_unorderly_stop_is_recorded_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    drop((writer, reader));
    // The threads end on their own; until then the lock is held.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (_writer, reader) = start(dir.path());
    assert_eq!(kinds(&reader), ["start", "recovery", "start"]);
}

#[tokio::test]
async fn a_note_becomes_durable_on_an_idle_log_without_anybody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let (writer, reader) = start(dir.path());
    for idle in [0, 250] {
        tokio::time::sleep(Duration::from_millis(idle)).await;
        let before = reader.len();
        writer.note(&scene.decided(1)).unwrap();
        let durable = async {
            while reader.len() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), durable).await.unwrap();
    }
}

#[tokio::test]
async fn records_of_many_writers_form_one_chain_and_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    let tasks = (0..64_u128).map(|task| {
        let writer = writer.clone();
        tokio::spawn(async move {
            let scene = Scene::new();
            for round in 0..20 {
                let receipt = writer.append(scene.decided(task * 100 + round)).await.unwrap();
                writer.note(&ended(&receipt)).unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    writer.close().await.unwrap();
    drop(reader);
    let verified = check(dir.path()).unwrap();
    assert_eq!((verified.tree.size, verified.without_outcome), (2 * 64 * 20 + 2, 0));
}

#[tokio::test]
async fn a_disk_that_hangs_costs_callers_the_deadline_and_no_more() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(TestDisk::default()));
    let scene = Scene::new();
    let settings = Settings { append_deadline: Duration::from_millis(50), queue: 4, ..settings(dir.path()) };
    let (writer, _reader) = start_on(&settings, &disk);
    disk.set(DiskFault::Hangs);
    assert!(matches!(writer.append(scene.decided(0)).await, Err(AppendError::Deadline(_))));
    assert!(matches!(writer.health(), Health::Failed(_)));
    for number in 1..=4 {
        assert!(matches!(writer.append(scene.decided(number)).await, Err(AppendError::Deadline(_))));
    }
    assert!(matches!(writer.append(scene.decided(5)).await, Err(AppendError::QueueFull)), "a full queue refuses at once");
    for _ in 0..4 {
        writer.note(&scene.decided(9)).unwrap();
    }
    assert!(matches!(writer.note(&scene.decided(9)), Err(AppendError::QueueFull)), "a note that has no place says so");
    assert!(matches!(writer.note_when_room(&scene.decided(9)).await, Err(AppendError::QueueFull)));
    disk.fault.store(0, Ordering::SeqCst);
    writer.note_when_room(&scene.decided(10)).await.unwrap();
    writer.append(scene.decided(6)).await.unwrap();
    assert_eq!(writer.health(), Health::Writable, "an answer from the disk ends the alarm");
}

#[tokio::test]
async fn below_the_low_water_mark_calls_are_refused_and_outcomes_are_still_written() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(TestDisk::default()));
    let scene = Scene::new();
    let settings = Settings { low_water: 1_000, ..settings(dir.path()) };
    let (writer, reader) = start_on(&settings, &disk);
    let receipt = writer.append(scene.decided(1)).await.unwrap();
    disk.free.store(999, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(matches!(writer.append(scene.decided(2)).await, Err(AppendError::DiskLow { free: 999 })));
    assert!(matches!(writer.health(), Health::Failed(_)));
    writer.append(ended(&receipt)).await.unwrap();
    assert_eq!(kinds(&reader), ["start", "decision", "outcome"]);
}

#[test]
fn a_second_sidecar_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = start(dir.path());
    let refusal = open(&settings(dir.path()), &Clock::System, &mut Registry::default()).err().unwrap();
    assert!(refusal.to_string().contains("in use by another process"), "{refusal}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_leaves_a_record_and_small_corrections_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let clock = Clock::manual(Timestamp::from_micros(10_000_000_000));
    let (writer, reader) = open(&settings(dir.path()), &clock, &mut Registry::default()).unwrap();
    for (at, number) in [(9_999_500_000, 1), (6_000_000_000, 2), (6_000_000_001, 3)] {
        clock.set(Timestamp::from_micros(at));
        let receipt = writer.append(scene.decided(number)).await.unwrap();
        assert_eq!(receipt.id(), Some(DecisionId::from_parts(1, number)));
        assert_eq!(reader.get(receipt.seq()).unwrap().unwrap().hash(), receipt.leaf_hash());
    }
    assert_eq!(kinds(&reader), ["start", "decision", "clock", "decision", "decision"]);
    assert!(reader.get(2).unwrap().unwrap().json().contains("\"back_us\":4000000000"));
}

#[tokio::test]
async fn the_metrics_say_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut registry = Registry::with_prefix("cedarpost");
    let (writer, _reader) = open(&settings(dir.path()), &Clock::System, &mut registry).unwrap();
    writer.append(Scene::new().decided(1)).await.unwrap();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "cedarpost_audit_records_total{type=\"decision\"} 1",
        "cedarpost_audit_records_total{type=\"start\"} 1",
        "cedarpost_audit_records_total{type=\"outcome\"} 0",
        "cedarpost_audit_commit_seconds_count 2",
        "cedarpost_audit_failed 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_log_goes_on_through_many_epochs_and_is_one_log() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings { epochs: EpochLimits { records: 256, ..EpochLimits::default() }, ..settings(dir.path()) };
    let scene = Scene::new();
    for run in 0..3_u128 {
        let (writer, reader) = open(&small, &Clock::System, &mut Registry::default()).unwrap();
        for number in 0..400 {
            writer.append(scene.decided(run * 1000 + number)).await.unwrap();
        }
        writer.close().await.unwrap();
        let seqs: Vec<u64> = reader.range(0).map(|record| record.unwrap().seq()).collect();
        assert_eq!(seqs, (0..reader.len()).collect::<Vec<_>>());
    }
    assert_eq!(std::fs::read_dir(dir.path().join("epochs")).unwrap().count(), 1, "what is archived is let go of");
    assert_eq!(archive::ArchiveReader::open(dir.path()).unwrap().archived(), 1024);
    let complete = SignedCheckpoint::parse(&std::fs::read(dir.path().join("tiles/checkpoint")).unwrap()).unwrap();
    assert_eq!(complete.checkpoint().size(), 3 * 402);
    assert_eq!(check(dir.path()).unwrap().tree.size, 3 * 402);
}

#[tokio::test]
async fn a_key_that_follows_signs_from_then_on_and_both_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let (writer, reader) = start(dir.path());
    writer.append(scene.decided(1)).await.unwrap();
    let old = read_schedule(dir.path()).unwrap().current().clone();
    let schedule = writer.rotate_key().await.unwrap();
    assert_eq!(schedule, read_schedule(dir.path()).unwrap());
    let from = reader.len();
    assert_eq!(schedule.to_string(), format!("0 {from} {old}\n{from} - {}\n", schedule.current()));
    assert!(reader.checkpoint().note().verify(&schedule.keys_at(from)).unwrap().as_slice().len() == 2);
    writer.append(scene.decided(2)).await.unwrap();
    let newest = reader.checkpoint();
    assert!(newest.note().verify(&[old]).is_err() && newest.note().verify(&[schedule.current().clone()]).is_ok());
    assert_eq!(kinds(&reader), ["start", "decision", "key", "decision"]);
    writer.close().await.unwrap();
    drop(reader);
    let (_writer, reader) = start(dir.path());
    assert_eq!(kinds(&reader), ["start", "decision", "key", "decision", "stop", "start"]);
}

#[test]
fn a_log_of_an_earlier_form_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("log")).unwrap();
    let refusal = open(&settings(dir.path()), &Clock::System, &mut Registry::default()).err().unwrap();
    assert!(matches!(refusal, OpenError::OldForm(_)), "{refusal}");
}

#[tokio::test]
async fn what_is_erased_is_gone_for_good_and_the_log_still_holds_together() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    let scene = Scene::new();
    let kept = writer.append(scene.decided(1)).await.unwrap();
    assert!(SaltReader::new(dir.path()).salt(kept.seq()).unwrap().is_some());
    let erased = writer.erase(kept.seq(), Some("a customer asked")).await.unwrap();
    assert_eq!(erased, Erased { seq: kept.seq(), record: 2, was_there: true });
    assert!(SaltReader::new(dir.path()).salt(kept.seq()).unwrap().is_none());
    // Nobody can read it any more; that it is not there either is the committer's work, a moment later.
    let forgotten = async {
        while reader.kept(kept.seq()).unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgotten).await.unwrap();
    assert!(!writer.erase(kept.seq(), None).await.unwrap().was_there);
    assert!(matches!(writer.erase(0, None).await, Err(EraseError::Nothing(0))), "a start has nothing to erase");
    assert!(matches!(writer.erase(99, None).await, Err(EraseError::NoRecord(99))));
    assert!(reader.get(2).unwrap().unwrap().json().contains("\"reason\":\"a customer asked\""));
    writer.close().await.unwrap();
    drop(reader);
    check(dir.path()).unwrap();
}

#[tokio::test]
async fn pruning_removes_whole_archived_bundles_and_leaves_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_micros(1_000_000));
    let small = Settings { epochs: EpochLimits { records: 256, ..EpochLimits::default() }, ..settings(dir.path()) };
    let (writer, reader) = open(&small, &clock, &mut Registry::default()).unwrap();
    let scene = Scene::new();
    for number in 0..1_100_i64 {
        clock.set(Timestamp::from_micros(1_000_000 * (number + 1)));
        writer.append(scene.decided(1)).await.unwrap();
    }
    while reader.archived() < 1024 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(writer.prune(Before::Seq(255)).await, Err(PruneError::Nothing { first: 0, archived: 1024 })));
    // The record number 300 was written at second 300: only the first bundle is older as a whole.
    let pruned = writer.prune(Before::Time(Timestamp::from_micros(300_000_000))).await.unwrap();
    assert_eq!((pruned.min_index, reader.first()), (256, 256));
    assert!(reader.get(pruned.record).unwrap().unwrap().json().contains("\"min_index\":256"));
    let pruned = writer.prune(Before::Seq(900)).await.unwrap();
    assert_eq!((pruned.min_index, pruned.files > 0, pruned.bytes > 0), (768, true, true));
    assert!(matches!(reader.get(700), Err(ReadError::Archive(archive::ArchiveError::Pruned { seq: 700, pruned: 768 }))));
    assert_eq!(reader.range(768).next().unwrap().unwrap().seq(), 768);
    // The tree is there at every size, whatever was pruned: an anchor may stand at any.
    for size in [0, 1, 255, 256, 300, 700, 768, 1_000, reader.len()] {
        assert!(reader.root(size).is_ok(), "{size}: {:?}", reader.root(size));
    }
    std::fs::create_dir(dir.path().join("cursors")).unwrap();
    std::fs::write(dir.path().join("cursors/a-sink"), "damaged").unwrap();
    assert!(matches!(writer.prune(Before::Seq(1_024)).await, Err(PruneError::Unsent { sent: 0, .. })));
    writer.close().await.unwrap();
}
