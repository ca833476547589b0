//! The log itself: how many decisions a second so many appenders make durable when nothing else is done. What `Check` could reach at most.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use cedarpost::audit::{self, AuditWriter, CheckRecord, Content, DecisionRecord, Detail, DetailSettings, Part, Record, Settings};
use cedarpost::clock::Clock;
use cedarpost::domain::{
    Action, Actor, AgentId, Arguments, Call, Caller, Cause, Decision, DecisionId, Fingerprint, Grounds, Judgement, PolicyRef,
    Principal, ServerName, Source, Target, Transport, UserId,
};
use prometheus_client::registry::Registry;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::load::{Shape, summed_up};
use crate::stats::Sample;

/// Appends for a while, on threads of its own.
pub(crate) async fn sample(disk: &Path, shape: Shape) -> Result<Sample> {
    let disk = disk.to_owned();
    let work = move || -> Result<Sample> {
        let directory = tempfile::tempdir_in(disk)?;
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(appended(&directory.path().join("log"), shape))
    };
    tokio::task::spawn_blocking(work).await?
}

async fn appended(path: &Path, shape: Shape) -> Result<Sample> {
    let settings = Settings { low_water: 0, ..Settings::new(path.into()) };
    let (writer, _reader) = audit::open(&settings, &Clock::System, &mut Registry::default())?;
    let (begin, mut appenders) = (Instant::now() + shape.warmup, JoinSet::new());
    let end = begin + shape.measured;
    for number in 0..shape.callers {
        appenders.spawn(append(writer.clone(), u128::try_from(number)? << 64, begin, end));
    }
    tokio::time::sleep_until(begin.into()).await;
    let before = cpu()?;
    tokio::time::sleep_until(end.into()).await;
    let cpu = cpu()?.saturating_sub(before);
    let mut latencies = Vec::new();
    while let Some(appender) = appenders.join_next().await {
        latencies.extend(appender??);
    }
    writer.close().await?;
    Ok(summed_up(latencies, shape, cpu))
}

async fn append(writer: AuditWriter, first: u128, begin: Instant, end: Instant) -> Result<Vec<u64>> {
    let (caller, call, decision) = scene()?;
    let keeping = Detail::new(&DetailSettings::default()).of(&call.server, &Target::Server);
    let (mut latencies, mut number) = (Vec::new(), first);
    loop {
        let began = Instant::now();
        if began >= end {
            return Ok(latencies);
        }
        number += 1;
        let args = call.arguments.json().map(|arguments| Content::of(arguments, &keeping, Part::Arguments));
        let record = DecisionRecord {
            id: DecisionId::from_parts(1_795_342_514_000, number),
            caller: &caller,
            call: &call,
            via: None,
            args: args.as_ref(),
            catalog: None,
            decision: &decision,
            approval: None,
            check: Some(CheckRecord { by: "127.0.0.1:50000", dry_run: false }),
            micros: 12,
        };
        writer.append(Record::Decision(record)).await?;
        if began >= begin {
            latencies.push(u64::try_from(began.elapsed().as_nanos())?);
        }
    }
}

fn scene() -> Result<(Caller, Call, Decision)> {
    let caller = Caller::new(AgentId::new("assistant"), Actor::Person(UserId::new("alice"))).vouched();
    let arguments = Bytes::from_static(br#"{"message":"a message of ordinary length, as calls have them","amount":25}"#);
    let call = Call {
        server: ServerName::new("bench").context("it is a name")?,
        action: Action::ToolsCall,
        target: Target::Tool("echo".into()),
        arguments: Arguments::from_checked_json(arguments),
        source: Source { transport: Transport::Http, ip: None, session: None },
        request: None,
        trace: None,
    };
    let judge = |principal, id: &str| {
        let policy = PolicyRef { id: id.into(), file: "bench.cedar".into(), line: 3, reason: None };
        Judgement { principal, cause: Cause::Permitted, policies: vec![policy], faults: vec![] }
    };
    let judgements = vec![judge(Principal::Agent, "bots-may-echo"), judge(Principal::Actor, "support-may-echo")];
    Ok((caller, call, Decision::from_grounds(Grounds { snapshot: Fingerprint::new([7; 32]), judgements })))
}

/// The CPU time of this process so far, in steps of 10 ms. Nothing else is done in it while the log is measured.
fn cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("the process times have no name")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(10 * ticks))
}
