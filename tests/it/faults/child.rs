//! The process under the shim: it opens a log, has many writers append to it, lets keys and epochs change, closes it, and says each of
//! these on standard output the moment it knows it. When its disk fails it does what a sidecar does: it refuses, waits, and goes on.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cedarpost::audit::{
    self, AppendError, AuditReader, AuditWriter, Before, Content, DecisionRecord, Detail, DetailSettings, EpochLimits, Health,
    Outcome, OutcomeRecord, Part, Receipt, Record, Settings,
};
use cedarpost::clock::Clock;
use cedarpost::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, Cause, Decision, DecisionId, Fingerprint, Grounds, Judgement, Principal,
    ServerName, Source, Target, Transport,
};
use prometheus_client::registry::Registry;

use super::process::Work;
use super::shim::Control;

/// The name of the test that is the process, and its settings in the environment.
pub(super) const NAME: &str = "faults::child::works_as_it_is_told";
pub(super) const DIRECTORY: &str = "FAULTS_LOG";
pub(super) const WORK: &str = "FAULTS_WORK";

/// The arguments of each call.
pub(super) const ARGUMENTS: &[u8] = b"{\"q\":1}";

/// How long a log may take to come back when its disk works again.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much later than its deadline an answer may come on a busy machine.
const SLACK: Duration = Duration::from_millis(1500);

/// The settings of a log in these tests, here and in the process.
pub(super) fn settings(directory: &Path, work: Work) -> Settings {
    Settings {
        low_water: 1,
        append_deadline: Duration::from_millis(work.deadline),
        epochs: EpochLimits { records: work.epoch, ..EpochLimits::default() },
        ..Settings::new(directory.into())
    }
}

fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started by the tests of this folder"]
async fn works_as_it_is_told() {
    let directory = PathBuf::from(super::setting(DIRECTORY, String::new()));
    let work: Work = super::setting(WORK, Work::default());
    let control = super::setting("FAULTS_CONTROL", String::new());
    let disk = Arc::new(DiskTrouble {
        control: (!control.is_empty()).then(|| Control::open(Path::new(&control))),
        heals_after: work.heal,
        noticed: AtomicBool::new(false),
    });
    for run in 0..work.runs {
        let Some((writer, reader)) = open(&directory, work, &disk).await else { return };
        say("opened");
        let done = Arc::new(AtomicBool::new(false));
        let watching = tokio::spawn(watch_health(writer.clone(), Arc::clone(&disk), Arc::clone(&done)));
        write(&writer, work, run, &disk).await;
        if work.prune > 0 {
            prune(&writer, &reader).await;
        }
        done.store(true, Ordering::SeqCst);
        watching.await.unwrap();
        match writer.close().await {
            Ok(()) => say("closed"),
            Err(error) => {
                say(&format!("close-failed {error}"));
                disk.notice().await;
                // A database that was given up stays locked while the process lives.
                say("restart");
                return;
            }
        }
        drop(reader);
    }
}

/// The trouble that the shim makes, as far as the process under it can end it.
struct DiskTrouble {
    control: Option<Control>,
    heals_after: u64,
    noticed: AtomicBool,
}

impl DiskTrouble {
    /// Something went wrong: some time after the first time the disk works again.
    async fn notice(&self) {
        let Some(control) = self.control.as_ref().filter(|_| self.heals_after > 0) else { return };
        if !self.noticed.swap(true, Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(self.heals_after)).await;
            control.arm(false);
            say("healed");
        }
    }
}

/// Opens the log, again and again while its disk is sick.
async fn open(directory: &Path, work: Work, disk: &DiskTrouble) -> Option<(AuditWriter, AuditReader)> {
    let began = Instant::now();
    loop {
        match audit::open(&settings(directory, work), &Clock::System, &mut Registry::default()) {
            Ok(log) => return Some(log),
            Err(error) if began.elapsed() > PATIENCE => {
                say(&format!("never-opened {}", chain(&error)));
                return None;
            }
            Err(error) => {
                say(&format!("refused {}", chain(&error)));
                disk.notice().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Says when calls cannot be recorded, and when they can again.
async fn watch_health(writer: AuditWriter, disk: Arc<DiskTrouble>, done: Arc<AtomicBool>) {
    let mut ready = true;
    while !done.load(Ordering::SeqCst) {
        match (writer.health(), ready) {
            (Health::Failed(reason), true) => {
                say(&format!("unready {reason}"));
                disk.notice().await;
                ready = false;
            }
            (Health::Writable, false) => {
                say("ready");
                ready = true;
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Has all writers append until enough is acknowledged, or it takes too long.
async fn write(writer: &AuditWriter, work: Work, run: u64, disk: &Arc<DiskTrouble>) {
    let done = Arc::new(AtomicU64::new(0));
    let rotations = Arc::new(AtomicU64::new(0));
    let tasks = (0..work.writers).map(|number| {
        let (writer, done, rotations, disk) = (writer.clone(), Arc::clone(&done), Arc::clone(&rotations), Arc::clone(disk));
        tokio::spawn(async move {
            let scene = Scene::new();
            let mut number = u128::from(run * work.writers + number) << 32;
            let mut success = Instant::now();
            while done.load(Ordering::SeqCst) < work.records {
                number += 1;
                if let Some(seq) = append(&writer, &scene, number, work).await {
                    success = Instant::now();
                    let number = done.fetch_add(1, Ordering::SeqCst) + 1;
                    if work.rotate > 0 && number.is_multiple_of(work.rotate) {
                        rotate(&writer, &rotations).await;
                    }
                    if work.erase > 0 && number.is_multiple_of(work.erase) {
                        erase(&writer, seq).await;
                    }
                } else if success.elapsed() > PATIENCE {
                    say(&format!("stuck {:?}", writer.health()));
                    done.store(work.records, Ordering::SeqCst);
                } else {
                    disk.notice().await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Appends a decision and how it ended, and says what came of it.
async fn append(writer: &AuditWriter, scene: &Scene, number: u128, work: Work) -> Option<u64> {
    let began = Instant::now();
    let answer = writer.append(scene.decided(number)).await;
    if began.elapsed() > Duration::from_millis(work.deadline) + SLACK {
        say(&format!("late {:?} for {answer:?}", began.elapsed()));
    }
    match answer {
        Ok(receipt) => {
            say(&format!("acknowledged {} {} {}", receipt.seq(), receipt.leaf_hash(), DecisionId::from_parts(1, number)));
            // An outcome that finds no place is a record less, and no harm to what is acknowledged.
            if let Err(error @ (AppendError::Encode(_) | AppendError::Closed)) = writer.note(&ended(&receipt)) {
                say(&format!("stuck an outcome was refused: {error}"));
            }
            Some(receipt.seq())
        }
        Err(error) => {
            say(&format!("denied {error}"));
            None
        }
    }
}

async fn rotate(writer: &AuditWriter, rotations: &AtomicU64) {
    match writer.rotate_key().await {
        Ok(_) => say(&format!("rotated {}", rotations.fetch_add(1, Ordering::SeqCst))),
        Err(error) => say(&format!("not-rotated {}", chain(&error))),
    }
}

async fn erase(writer: &AuditWriter, seq: u64) {
    say(&format!("erases {seq}"));
    match writer.erase(seq, None).await {
        Ok(_) => say(&format!("erased {seq}")),
        Err(error) => say(&format!("not-erased {seq} {}", chain(&error))),
    }
}

/// Removes the oldest bundle of records, once it is archived.
async fn prune(writer: &AuditWriter, reader: &AuditReader) {
    let stays = reader.first() + 256;
    let began = Instant::now();
    while reader.archived() < stays && began.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    say(&format!("prunes {stays}"));
    match writer.prune(Before::Seq(stays)).await {
        Ok(pruned) => say(&format!("pruned {}", pruned.min_index)),
        Err(error) => say(&format!("not-pruned {}", chain(&error))),
    }
}

/// One caller, one call, and a yes.
pub(super) struct Scene {
    caller: Caller,
    call: Call,
    args: Content,
    allow: Decision,
}

impl Scene {
    pub(super) fn new() -> Self {
        let call = Call {
            server: ServerName::new("shop").unwrap(),
            action: Action::ToolsCall,
            target: Target::Tool("search".into()),
            arguments: Arguments::from_checked_json(Bytes::from_static(ARGUMENTS)),
            source: Source { transport: Transport::Stdio, ip: None, session: None },
            request: Some("1".into()),
            trace: None,
        };
        let judgement = Judgement { principal: Principal::Agent, cause: Cause::Permitted, policies: vec![], faults: vec![] };
        let allow = Decision::from_grounds(Grounds { snapshot: Fingerprint::new([1; 32]), judgements: vec![judgement] });
        let keeping = Detail::new(&DetailSettings::default()).of(&call.server, &call.target);
        let args = Content::of(ARGUMENTS, &keeping, Part::Arguments);
        Self { caller: Caller::new(AgentId::new("planner"), Actor::Unattended), call, args, allow }
    }

    pub(super) fn decided(&self, number: u128) -> Record<'_> {
        let id = DecisionId::from_parts(1, number);
        Record::Decision(DecisionRecord {
            id,
            caller: &self.caller,
            call: &self.call,
            via: None,
            args: Some(&self.args),
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
