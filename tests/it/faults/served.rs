//! The built sidecar on a disk that fails, fills up, hangs or stands still: what clients and operators see of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::order::{Mark, violations};
use super::shim::{Action, Control, Rule, Shim, Watch};
use super::trace::{self, Kind};
use crate::support::{Desk, Era, Mcp, Reply, Served, Upstream, cedarpost};

const ALLOW: &str = "@id(\"all\")\npermit (principal, action, resource);\n";
/// The deadline of appends, and how much later an answer may come on a busy machine.
const DEADLINE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(1500);
/// How long a sidecar may take to come back when its disk works again.
const COMES_BACK: Duration = Duration::from_secs(30);

/// What outlives the processes: the server, the files, and what clients were told.
pub(super) struct Bench {
    upstream: Upstream,
    pub(super) desk: Desk,
    calls: u32,
    /// The decisions that clients were told.
    told: Vec<String>,
}

/// A sidecar in front of a server.
pub(super) struct Lab {
    bench: Bench,
    pub(super) served: Served,
    client: Mcp,
}

impl Bench {
    pub(super) async fn new(settings: &str) -> Self {
        let (upstream, desk) = (Upstream::start().await, Desk::new(ALLOW));
        let settings = format!("audit.append_deadline = '1s'\naudit.epoch_records = 256\n{settings}");
        desk.configure(&format!("url = 'http://{}/mcp'", upstream.address), &settings);
        Self { upstream, desk, calls: 0, told: Vec::new() }
    }

    /// Starts the sidecar; `wrapper` is a command that runs it.
    pub(super) async fn serve(self, wrapper: &[String]) -> Lab {
        let program = env!("CARGO_BIN_EXE_cedarpost").to_owned();
        let words: Vec<&String> = wrapper.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("serve").arg("--config").arg(self.desk.config());
        self.run(command).await
    }

    /// Starts the sidecar under the shim.
    async fn watch(self, shim: &Shim, watch: Watch) -> (Lab, Control) {
        let (root, real) = (self.desk.path(""), self.desk.path("").canonicalize().unwrap());
        assert_eq!(real, root.components().collect::<PathBuf>(), "the directory for temporary files is a link");
        let disk = Control::create(&self.desk.path("control"));
        let watch = Watch { root: self.desk.audit(1), control: Some(self.desk.path("control")), ..watch };
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
        command.arg("serve").arg("--config").arg(self.desk.config()).envs(watch.environment(shim));
        (self.run(command).await, disk)
    }

    /// How many calls the server was made to run.
    fn calls_seen(&self) -> usize {
        let seen = self.upstream.seen_since(0);
        seen.iter().filter(|seen| memmem::find(&seen.body, b"tools/call").is_some()).count()
    }

    async fn run(self, command: Command) -> Lab {
        let served = Served::start(command).await;
        let client = Mcp::connect(served.mcp, Era::Modern).await.unwrap();
        Lab { bench: self, served, client }
    }

    /// The log verifies and has every decision that a client was told.
    pub(super) async fn holds_what_was_told(&self, directory: &Path) {
        let directory = directory.to_str().unwrap();
        let verified = cedarpost(&["audit", "verify", "--audit-dir", directory]).await;
        assert!(verified.status.success(), "{verified:?}");
        let shown = cedarpost(&["audit", "show", "--json", "--limit", "1000000", "--audit-dir", directory]).await;
        let records = String::from_utf8(shown.stdout).unwrap();
        let records = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let recorded: HashSet<String> = records.filter_map(|record| record["id"].as_str().map(str::to_owned)).collect();
        let lost: Vec<_> = self.told.iter().filter(|id| !recorded.contains(*id)).collect();
        assert!(lost.is_empty(), "{} of {} decisions are lost: {lost:?}", lost.len(), self.told.len());
    }
}

impl Lab {
    async fn call(&mut self) -> Reply {
        self.bench.calls += 1;
        let began = Instant::now();
        let reply = self.client.call(&format!("call-{:06}", self.bench.calls), "echo", json!({})).await.unwrap();
        assert!(began.elapsed() < DEADLINE + SLACK, "an answer after {:?}: {reply:?}", began.elapsed());
        self.bench.told.extend(reply.header("cedarpost-decision-id").filter(|_| reply.is_good()));
        reply
    }

    /// Calls that have to be allowed.
    pub(super) async fn allowed(&mut self, count: usize) {
        for _ in 0..count {
            let reply = self.call().await;
            assert!(reply.is_good(), "{reply:?}: {}", self.served.log());
        }
    }

    /// Calls until one is refused; then all are, no server sees any of them, and the sidecar says that it is alive and not ready.
    pub(super) async fn refuses(&mut self) {
        let began = Instant::now();
        while self.call().await.is_good() {
            assert!(began.elapsed() < Duration::from_secs(20), "no call is refused: {}", self.served.log());
        }
        let before = self.bench.calls_seen();
        for _ in 0..3 {
            let text = self.call().await.json().to_string();
            assert!(text.contains("Not executed: the decision could not be recorded. Try again later."), "{text}");
        }
        assert_eq!(self.bench.calls_seen(), before);
        assert_eq!(self.served.get("/readyz").await.status, 503);
        assert_eq!(self.served.get("/livez").await.status, 200);
    }

    /// Waits until the sidecar says that it is ready, by itself.
    pub(super) async fn comes_back(&self) -> Duration {
        let began = Instant::now();
        while self.served.get("/readyz").await.status != 200 {
            assert!(began.elapsed() < COMES_BACK, "it does not come back: {}", self.served.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        began.elapsed()
    }

    /// Stops in order.
    pub(super) async fn stops(self) -> Bench {
        self.served.signal(Signal::TERM);
        let log = self.served.log();
        assert_eq!(self.served.end().await.code(), Some(0), "{log}");
        self.bench
    }

    async fn ends_well(self) {
        let bench = self.stops().await;
        bench.holds_what_was_told(&bench.desk.audit(1)).await;
    }
}

/// What the disk does, and what the sidecar is told about it.
const FAULTS: &[(&str, Rule, &str)] = &[
    ("syncing fails", every("fdatasync", "/db", Action::Fail("EIO")), ""),
    ("writing fails", every("write", "/db", Action::Fail("EIO")), ""),
    ("the disk is full", every("any", "", Action::Fail("ENOSPC")), ""),
    ("the quota is used up", every("any", "", Action::Fail("EDQUOT")), ""),
    ("the disk is read-only", every("any", "", Action::Fail("EROFS")), ""),
    ("the disk is nearly full", every("statfs", "", Action::Full), ""),
    ("syncing fails once it is done", every("fdatasync", "/db", Action::Late("EIO")), ""),
];

const fn every(kind: &'static str, path: &'static str, action: Action) -> Rule {
    Rule { kind, path, first: 1, count: 0, action }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_that_fails_every_call_is_refused_and_when_it_works_again_the_sidecar_comes_back() {
    let Some(shim) = Shim::get() else { return };
    let mut cases = JoinSet::new();
    for (name, rule, settings) in FAULTS {
        let shim = shim.clone();
        cases.spawn(async move {
            let (mut lab, disk) = Bench::new(settings).await.watch(&shim, Watch { rules: vec![*rule], ..Watch::default() }).await;
            lab.allowed(10).await;
            for _ in 0..2 {
                disk.arm(true);
                lab.refuses().await;
                // Attempts to come back on a sick disk fail, and are not the last.
                tokio::time::sleep(Duration::from_millis(800)).await;
                assert_eq!(lab.served.get("/readyz").await.status, 503, "{name}");
                disk.arm(false);
                let took = lab.comes_back().await;
                println!("{name}: back after {took:?}");
                lab.allowed(10).await;
            }
            lab.ends_well().await;
        });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_hangs_costs_each_call_its_deadline_and_memory_stays_bounded() {
    let Some(shim) = Shim::get() else { return };
    let hang = every("fdatasync", "/db", Action::Hang(10_000));
    let watch = Watch { rules: vec![hang], ..Watch::default() };
    let (mut lab, disk) = Bench::new("audit.queue = 256").await.watch(&shim, watch).await;
    lab.allowed(10).await;
    let before = memory(&lab);
    disk.arm(true);
    let hung = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..32 {
        let address = lab.served.mcp;
        clients.spawn(async move {
            let mut client = Mcp::connect(address, Era::Modern).await.unwrap();
            let mut answers = 0;
            while hung.elapsed() < Duration::from_secs(4) {
                let began = Instant::now();
                let reply = client.call(&format!("hang-{number}-{answers}"), "echo", json!({})).await.unwrap();
                assert!(!reply.is_good(), "{reply:?}");
                assert!(began.elapsed() < DEADLINE + SLACK, "an answer after {:?}", began.elapsed());
                answers += 1;
            }
            answers
        });
    }
    let calls = lab.bench.calls_seen();
    let answers: u32 = clients.join_all().await.into_iter().sum();
    assert!(answers >= 32, "{answers}");
    assert_eq!(lab.bench.calls_seen(), calls, "no server sees any of them");
    assert_eq!(lab.served.get("/readyz").await.status, 503);
    let grown = memory(&lab).saturating_sub(before);
    println!("{answers} refusals, {grown} KiB more");
    assert!(grown < 64 << 10, "{grown} KiB more");
    disk.arm(false);
    lab.comes_back().await;
    lab.allowed(20).await;
    lab.ends_well().await;
}

/// The memory of the sidecar that is in use, in KiB.
fn memory(lab: &Lab) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", lab.served.pid().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_client_nor_the_server_hears_of_a_call_before_its_record_is_durable() {
    let Some(shim) = Shim::get() else { return };
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let watch = Watch { trace: Some(trace.clone()), data: true, sent: true, ..Watch::default() };
    let (mut lab, _disk) = Bench::new("").await.watch(&shim, watch).await;
    lab.allowed(200).await;
    lab.ends_well().await;
    let events = trace::read(&trace);
    let mark = Mark { after: "call-", length: 6 };
    let sent = events.iter().filter(|event| event.kind == Kind::Send);
    let heard: Vec<_> = sent.flat_map(|event| mark.names(&event.data).map(|name| (event.begin, name))).collect();
    // One to the server and one to the client.
    assert!(heard.len() >= 400, "{}", heard.len());
    let early = violations(&events, mark, &heard);
    assert!(early.is_empty(), "{} of {}: {:?}", early.len(), heard.len(), early.first());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_stands_still_for_a_while_goes_on_and_nobody_takes_its_log_meanwhile() {
    let mut lab = Bench::new("").await.serve(&[]).await;
    let mut clients = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(5);
    for number in 0..8 {
        let address = lab.served.mcp;
        clients.spawn(async move {
            let mut client = Mcp::connect(address, Era::Modern).await.unwrap();
            let mut told = Vec::new();
            for turn in 0.. {
                if Instant::now() > until {
                    break;
                }
                let reply = client.call(&format!("{number}-{turn}"), "echo", json!({})).await.unwrap();
                told.extend(reply.header("cedarpost-decision-id").filter(|_| reply.is_good()));
            }
            told
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    lab.served.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let second = cedarpost(&["serve", "--config", lab.bench.desk.config().to_str().unwrap()]).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("is in use by another process"), "{second:?}");
    lab.served.signal(Signal::CONT);
    let told = clients.join_all().await;
    lab.bench.told.extend(told.into_iter().flatten());
    lab.comes_back().await;
    lab.allowed(10).await;
    lab.ends_well().await;
}
