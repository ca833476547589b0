//! What the sidecar costs: a direct call, a bare pass-through proxy and `cedarpost serve`, measured in turn, round after round.
//!
//! One interleaved run, so that whatever else the machine does falls on all of them alike. The sidecar runs twice: with its audit
//! log on disk, and in memory, which shows what is left when nobody waits for the disk. `benches/README.md` says how to read the
//! tables. Everything stays on loopback, and every wait, count and process has a bound.

mod bare;
mod child;
mod home;
mod load;
mod report;
mod sidecar;
mod stats;
mod upstream;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::runtime::Builder;

use crate::child::Child;
use crate::home::Home;
use crate::load::{Era, Shape, Target};
use crate::report::{Report, Subject};
use crate::stats::{Sample, percentile};

/// Where a log costs no disk wait.
const MEMORY: &str = "/dev/shm";

/// Measure what the sidecar adds to a `tools/call`.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Cargo says that it wants a measurement; without it (as in `cargo test --benches`) nothing is measured.
    #[arg(long, hide = true)]
    bench: bool,
    /// Rounds; every target is measured once a round.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Measured milliseconds of every run, after a quarter of that as warm-up.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(100..=30_000))]
    millis: u64,
    /// Clients in the runs with many.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(2..=512))]
    clients: u16,
    /// Protocol generation of the clients.
    #[arg(long, value_enum, default_value_t = Era::Legacy)]
    era: Era,
    /// Three short rounds: a look, not a measurement.
    #[arg(long)]
    quick: bool,
    /// Leave the sidecar out: checks the benchmark itself.
    #[arg(long)]
    without_sidecar: bool,
    /// Directory for the audit log that is on disk.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    disk: PathBuf,
    /// Also write every sample to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// The parts that run as processes of their own, from this same executable.
#[derive(Debug, Clone, Copy, Subcommand)]
enum Part {
    /// The MCP server behind everything.
    Upstream,
    /// The bare proxy.
    Bare { upstream: SocketAddr },
}

/// Something to measure: how to start it, and what was found.
struct Contender {
    subject: Subject,
    /// `None` is the upstream itself.
    start: Option<Start>,
    target: Target,
    child: Child,
    /// Calls answered in the measured time of all runs.
    answered: u64,
}

enum Start {
    Bare(SocketAddr),
    Sidecar(Home),
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    match arguments.part {
        // One thread is the cheapest per call, and the upstream shares the machine with what is measured.
        Some(Part::Upstream) => Builder::new_current_thread().enable_all().build()?.block_on(upstream::run()),
        Some(Part::Bare { upstream }) => Builder::new_multi_thread().enable_all().build()?.block_on(bare::run(upstream)),
        None if arguments.bench => {
            if arguments.quick {
                (arguments.rounds, arguments.millis) = (3, 400);
            }
            let deadline = arguments.deadline();
            let measurement = async { tokio::time::timeout(deadline, measure(&arguments)).await };
            Builder::new_current_thread().enable_all().build()?.block_on(measurement).context("the measurement hangs")?
        }
        None => Ok(()),
    }
}

/// Says where a part listens, in the words of the sidecar's log.
fn announce(listener: &TcpListener) -> Result<()> {
    let line = json!({"event": "listening", "face": "mcp", "address": listener.local_addr()?.to_string()});
    Ok(writeln!(std::io::stderr(), "{line}")?)
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut contenders = arguments.contenders().await?;
    for round in 0..usize::try_from(arguments.rounds)? {
        // Each round starts with another target, so that none always follows the same one.
        let first = round % contenders.len();
        for turn in 0..contenders.len() {
            let at = (first + turn) % contenders.len();
            let contender = contenders.get_mut(at).context("a contender is missing")?;
            let sample = contender.sample(arguments.shape(1)).await?;
            contender.subject.alone.push(sample);
            let sample = contender.sample(arguments.shape(arguments.clients.into())).await?;
            contender.subject.crowd.push(sample);
        }
        writeln!(std::io::stderr(), "round {} of {}", round + 1, arguments.rounds)?;
    }
    let mut subjects = Vec::new();
    for contender in contenders {
        subjects.push(contender.finish().await?);
    }
    let report = Report { clients: arguments.clients.into(), subjects };
    if let Some(path) = &arguments.json {
        fs::write(path, serde_json::to_vec_pretty(&report)?).with_context(|| format!("failed to write `{}`", path.display()))?;
    }
    Ok(std::io::stdout().write_all(report.tables()?.as_bytes())?)
}

impl Arguments {
    const fn shape(&self, clients: usize) -> Shape {
        let measured = Duration::from_millis(self.millis);
        Shape { clients, warmup: Duration::from_millis(self.millis / 4), measured }
    }

    /// Twice the time that all runs need, and two minutes for starts and stops.
    fn deadline(&self) -> Duration {
        let runs = u64::from(self.rounds) * 4 * 2;
        Duration::from_millis(runs * (self.millis + self.millis / 4) * 2) + Duration::from_secs(120)
    }

    async fn contenders(&self) -> Result<Vec<Contender>> {
        let upstream = Child::start(part(&["upstream"])?).await?;
        let address = upstream.address();
        let target = Target { address, path: "/mcp", era: self.era };
        load::first_answer(&target).await?;
        let idle_mib = upstream.memory()?.now;
        let direct = Contender { subject: Subject::new("direct", idle_mib), start: None, target, child: upstream, answered: 0 };
        let mut contenders = vec![direct, self.enter("bare proxy", Start::Bare(address)).await?];
        if !self.without_sidecar {
            let disk = sidecar::prepare(address, &self.disk)?;
            contenders.push(self.enter("cedarpost", Start::Sidecar(disk)).await?);
            if Path::new(MEMORY).is_dir() {
                let memory = sidecar::prepare(address, Path::new(MEMORY))?;
                contenders.push(self.enter("cedarpost, no disk", Start::Sidecar(memory)).await?);
            }
        }
        Ok(contenders)
    }

    /// Starts a contender a few times, to learn how long that takes, and keeps the last one.
    async fn enter(&self, name: &'static str, start: Start) -> Result<Contender> {
        let mut subject = Subject::new(name, f64::NAN);
        let starts = if self.quick { 2 } else { 5 };
        loop {
            let began = Instant::now();
            let child = Child::start(start.command()?).await.with_context(|| format!("failed to start {name}"))?;
            let target = Target { address: child.address(), path: start.path(), era: self.era };
            first_good_answer(&target).await.with_context(|| format!("{name} gave no good answer"))?;
            subject.starts_ms.push(began.elapsed().as_secs_f64() * 1000.0);
            if subject.starts_ms.len() == starts {
                subject.idle_mib = child.memory()?.now;
                return Ok(Contender { subject, start: Some(start), target, child, answered: 0 });
            }
            child.stop().await?;
        }
    }
}

impl Start {
    fn command(&self) -> Result<Command> {
        match self {
            Self::Bare(upstream) => part(&["bare", &upstream.to_string()]),
            Self::Sidecar(sidecar) => Ok(sidecar.command(None)),
        }
    }

    const fn path(&self) -> &'static str {
        match self {
            Self::Bare(_) => "/mcp",
            Self::Sidecar(_) => sidecar::PATH,
        }
    }
}

impl Contender {
    async fn sample(&mut self, shape: Shape) -> Result<Sample> {
        let run = load::run(&self.target, shape, || self.child.cpu()).await;
        let (run, cpu) = run.with_context(|| format!("{} failed with {} clients", self.subject.name, shape.clients))?;
        self.answered += u64::try_from(run.latencies.len())?;
        let answered = run.latencies.len() as f64;
        Ok(Sample {
            p50: percentile(&run.latencies, 0.5) as f64 / 1000.0,
            p99: percentile(&run.latencies, 0.99) as f64 / 1000.0,
            rate: answered / shape.measured.as_secs_f64(),
            cpu: cpu.as_secs_f64() * 1e6 / answered,
        })
    }

    /// Stops the process and hands over what was found.
    async fn finish(self) -> Result<Subject> {
        let Self { mut subject, start, child, answered, .. } = self;
        subject.peak_mib = child.memory()?.peak;
        child.stop().await?;
        if let Some(Start::Sidecar(sidecar)) = start {
            // A record holds at least a hash. Without records the figures would be those of another product.
            ensure!(sidecar.recorded_bytes()? > answered * 32, "the sidecar did not record {answered} calls");
        }
        Ok(subject)
    }
}

impl Subject {
    const fn new(name: &'static str, idle_mib: f64) -> Self {
        Self { name, alone: Vec::new(), crowd: Vec::new(), starts_ms: Vec::new(), idle_mib, peak_mib: f64::NAN }
    }
}

/// Asks until the answer is good: a process that listens may not be ready yet.
async fn first_good_answer(target: &Target) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match load::first_answer(target).await {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(1)).await,
            answered => return answered,
        }
    }
}

fn part(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("failed to find this executable")?);
    command.args(arguments);
    Ok(command)
}
