//! What a decision over gRPC costs: `Check` as a question (`dry_run`) and recorded durably, beside a bare server of the same library that
//! answers the same messages with the same answer, and beside the log itself with as many who append.
//!
//! One interleaved run, so that whatever else the machine does falls on all of them alike; ratios are taken within a round. The servers
//! are processes of their own; the load comes from this one. `benches/README.md` says how to read the table.

#[path = "../proxy/child.rs"]
mod child;
mod echo;
#[path = "../proxy/home.rs"]
mod home;
mod load;
mod log;
mod sidecar;
#[path = "../proxy/stats.rs"]
mod stats;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use tokio::process::Command;
use tokio::runtime::Builder;

use crate::child::Child;
use crate::load::Shape;
use crate::stats::{Sample, median, paired};

/// How many ask at the same time.
const CALLERS: [usize; 3] = [1, 8, 64];

/// Measure decisions over gRPC.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Cargo says that it wants a measurement; without it (as in `cargo test --benches`) nothing is measured.
    #[arg(long, hide = true)]
    bench: bool,
    /// Rounds; everything is measured once a round.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Measured milliseconds of every run, after a quarter of that as warm-up.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..=30_000))]
    millis: u64,
    /// Directory for the audit logs.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    disk: PathBuf,
    /// Measure this binary of the sidecar instead of the one that was built with the benchmark.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// The part that runs as a process of its own, from this same executable.
#[derive(Debug, Clone, Copy, Subcommand)]
enum Part {
    /// The bare server.
    Echo,
}

/// What is measured, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Echo,
    Question,
    Log,
    Durable,
}

const ALL: [What; 4] = [What::Echo, What::Question, What::Log, What::Durable];

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Echo => "bare tonic echo",
            Self::Question => "Check, dry_run",
            Self::Log => "appends to a log",
            Self::Durable => "Check, recorded",
        }
    }

    /// What it is measured against.
    const fn beside(self) -> Option<Self> {
        match self {
            Self::Echo | Self::Log => None,
            Self::Question => Some(Self::Echo),
            Self::Durable => Some(Self::Log),
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Echo) => Builder::new_multi_thread().enable_all().build()?.block_on(echo::run()),
        None if arguments.bench => {
            // One thread is the cheapest per call, and it shares the machine with what is measured.
            Builder::new_current_thread().enable_all().build()?.block_on(measure(&arguments))
        }
        None => Ok(()),
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut echo = Command::new(std::env::current_exe().context("failed to find this executable")?);
    echo.arg("echo");
    let echo = Child::start(echo).await?;
    let home = sidecar::prepare(&arguments.disk)?;
    let sidecar = Child::start(home.command(arguments.binary.as_deref())).await?;
    let measured = Duration::from_millis(arguments.millis);
    // seen[callers][what] has a sample for each round.
    let mut seen: Vec<Vec<Vec<Sample>>> = vec![vec![Vec::new(); ALL.len()]; CALLERS.len()];
    for round in 0..usize::try_from(arguments.rounds)? {
        for (callers, seen) in CALLERS.into_iter().zip(&mut seen) {
            // Each round starts with another, so that none always follows the same one.
            for turn in 0..ALL.len() {
                let at = (round + turn) % ALL.len();
                let what = *ALL.get(at).context("it is one of them")?;
                let shape = Shape { callers, warmup: measured / 4, measured, dry_run: what == What::Question };
                let sample = match what {
                    What::Echo => load::sample(&echo, shape).await,
                    What::Question | What::Durable => load::sample(&sidecar, shape).await,
                    What::Log => log::sample(&arguments.disk, shape).await,
                };
                let sample = sample.with_context(|| format!("{} failed with {callers} callers", what.name()))?;
                seen.get_mut(at).context("it is one of them")?.push(sample);
            }
        }
        writeln!(std::io::stderr(), "round {} of {}", round + 1, arguments.rounds)?;
    }
    let memory = sidecar.memory()?;
    sidecar.stop().await?;
    echo.stop().await?;
    ensure!(home.recorded_bytes()? > 0, "nothing was recorded");
    let table = table(&seen)?;
    Ok(write!(std::io::stdout(), "{table}\nmemory of the sidecar: {:.0} MiB, at most {:.0} MiB\n", memory.now, memory.peak)?)
}

fn table(seen: &[Vec<Vec<Sample>>]) -> Result<String> {
    let mut text = format!(
        "medians of {} rounds; {} policies\n\n\
         | callers | what | a second | of the row above | p50 ms | p99 ms | CPU us |\n\
         | ------- | ---- | -------- | ---------------- | ------ | ------ | ------ |\n",
        seen.first().and_then(|seen| seen.first()).map_or(0, Vec::len),
        sidecar::POLICIES,
    );
    for (callers, seen) in CALLERS.into_iter().zip(seen) {
        for (what, samples) in ALL.into_iter().zip(seen) {
            let middle = |of: fn(&Sample) -> f64| median(samples.iter().map(of));
            let beside = what.beside().and_then(|other| seen.get(ALL.iter().position(|what| *what == other)?));
            let share = beside.map(|others| 100.0 * paired(samples, others, |this, that| this.rate / that.rate));
            text += &format!(
                "| {callers} | {} | {:.0} | {} | {:.2} | {:.2} | {:.0} |\n",
                what.name(),
                middle(|sample| sample.rate),
                share.map_or_else(String::new, |share| format!("{share:.0} %")),
                middle(|sample| sample.p50) / 1000.0,
                middle(|sample| sample.p99) / 1000.0,
                middle(|sample| sample.cpu),
            );
        }
    }
    Ok(text)
}
