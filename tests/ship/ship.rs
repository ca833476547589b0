//! Ships a log to real servers and reads it back: `cargo run --example ship -- SIZE URL…`, with keys and endpoints in the environment.
//!
//! For each URL: the log is exported while it grows, everything is read back and checked against the signed checkpoint, then it is
//! exported again with the cursor lost (nothing may change), and last a log with another history is held against the place (it must
//! not open, and must not send anything). `run.sh` starts servers for it.
//!
//! `… -- key` prints the key of the log, `… -- witnessed DIR URL KEY` has a witness cosign it while it grows; DIR keeps what the log's
//! directory would.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program of the tests: it tells what it finds, and a fault ends it"
)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cedarpost::audit::ship::store::{ContentKind, StoreError};
use cedarpost::audit::ship::{Board, Location, Settings, Shipping, Source, Standing, Store, StoreOptions, WitnessSettings};
use cedarpost::audit::tlog::tile::{Content, decode_entries, growth};
use cedarpost::audit::tlog::{Frontier, SignedCheckpoint, TreeHash};
use cedarpost::lifecycle::{Stop, Tasks};
use cedarpost::outbound::{self, Outbound};
use prometheus_client::registry::Registry;

#[path = "memory.rs"]
mod memory;

use memory::Memory;

const ORIGIN: &str = "audit.example/ship";

type Fallible<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Fallible<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["key"] => println!("{}", Memory::new(ORIGIN, "record", 0).key()),
        ["witnessed", home, url, key] => witnessed(Path::new(home), url, key).await?,
        [size, urls @ ..] if !urls.is_empty() => places(size.parse()?, urls).await?,
        _ => return Err("how many records, and where to?".into()),
    }
    Ok(())
}

async fn places(size: u64, urls: &[&str]) -> Fallible<()> {
    let options: StoreOptions = std::env::vars().filter(|(name, _)| StoreOptions::knows(name)).collect();
    for url in urls {
        place(url, size, &options).await.map_err(|error| format!("{url}: {error}"))?;
    }
    Ok(())
}

/// Has a witness cosign a log that grows, across a restart in the middle.
async fn witnessed(home: &Path, url: &str, key: &str) -> Fallible<()> {
    let witness = WitnessSettings { url: url.parse()?, key: key.parse()? };
    let log = Memory::new(ORIGIN, "record", 0);
    for group in [1, 255, 1, 0, 700] {
        log.append(group);
        let settings = Settings { witnesses: vec![witness.clone()], quorum: 1, ..settings(home, &StoreOptions::default()) };
        let source: Arc<dyn Source> = log.clone();
        let shipping = Shipping::open(&settings, &source, &outbound()?, &mut Registry::default()).await?;
        let (mut newest, stop) = (shipping.cosigned().ok_or("nobody is asked")?, Stop::new());
        let mut tasks = Tasks::new(stop.clone());
        shipping.start(&mut tasks, &stop);
        let head = log.head().borrow().checkpoint().clone();
        let there = |newest: &Option<Arc<SignedCheckpoint>>| newest.as_ref().is_some_and(|newest| *newest.checkpoint() == head);
        let cosigned = tokio::time::timeout(Duration::from_secs(20), newest.wait_for(there)).await??.clone().ok_or("nothing")?;
        let verified = log.trust().with_witnesses(vec![witness.key.clone()], 1)?.verify(&cosigned)?;
        println!("{url}: {} records, cosigned by {:?}", head.size(), verified.cosigned());
        stop.request();
        tasks.wait(Duration::from_secs(20)).await?;
    }
    Ok(())
}

fn settings(home: &Path, options: &StoreOptions) -> Settings {
    Settings {
        directory: home.to_owned(),
        export: Vec::new(),
        export_interval: Duration::from_secs(1),
        anchors: Vec::new(),
        anchor_interval: Duration::from_secs(1),
        witnesses: Vec::new(),
        quorum: 0,
        options: options.clone(),
        deadline: Duration::from_secs(30),
        grace: Duration::from_secs(120),
    }
}

async fn place(url: &str, size: u64, options: &StoreOptions) -> Fallible<()> {
    let (home, location) = (tempfile::tempdir()?, url.parse::<Location>()?);
    let log = Memory::new(ORIGIN, "record", size / 2);
    let begin = Instant::now();
    let first = run(home.path(), &location, options, &log, size - size / 2).await?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{url}: {size} records exported in {seconds:.2} s, {:.0} records/s; {first:?}", size as f64 / seconds);

    let store = Store::open(&location, options, &outbound()?, Duration::from_secs(30))?;
    let (objects, bytes) = read_back(&store, &log).await?;
    println!("{url}: read back {objects} objects, {bytes} bytes: all of them are what the checkpoint says");

    match store.create("tile/0/000", "something else".into(), ContentKind::Tile).await {
        Err(StoreError::Different { .. }) => println!("{url}: what is there is not replaced"),
        other => return Err(format!("what is there was replaced: {other:?}").into()),
    }

    std::fs::remove_dir_all(home.path().join("cursors"))?;
    let before = store.read("checkpoint").await?;
    run(home.path(), &location, options, &log, 0).await?;
    if store.read("checkpoint").await? != before || read_back(&store, &log).await? != (objects, bytes) {
        return Err("sending again has changed something".into());
    }
    println!("{url}: sent again with the cursor lost, and nothing has changed");

    let other = tempfile::tempdir()?;
    let fork = open(other.path(), &location, options, &Memory::new(ORIGIN, "fork", size + 5)).await;
    let refused = fork.map(drop).err().ok_or("a fork was let in")?.to_string();
    println!("{url}: {refused}");
    let rolled_back = open(other.path(), &location, options, &Memory::new(ORIGIN, "record", size - 1)).await;
    let refused = rolled_back.map(drop).err().ok_or("a rollback was let in")?.to_string();
    println!("{url}: {refused}");
    Ok(())
}

fn outbound() -> Fallible<Outbound> {
    Ok(Outbound::new(outbound::Settings::default())?)
}

async fn open(home: &Path, location: &Location, options: &StoreOptions, log: &Arc<Memory>) -> Fallible<Shipping> {
    let settings = Settings { export: vec![location.clone()], ..settings(home, options) };
    let source: Arc<dyn Source> = log.clone();
    Ok(Shipping::open(&settings, &source, &outbound()?, &mut Registry::default()).await?)
}

/// Exports the log while `more` records are appended in small groups, to its end.
async fn run(home: &Path, location: &Location, options: &StoreOptions, log: &Arc<Memory>, more: u64) -> Fallible<Standing> {
    let shipping = open(home, location, options, log).await?;
    let (board, stop): (Board, _) = (shipping.board(), Stop::new());
    let mut tasks = Tasks::new(stop.clone());
    shipping.start(&mut tasks, &stop);
    let mut left = more;
    while left > 0 {
        let group = left.min((more / 4).max(1));
        log.append(group);
        left -= group;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    stop.request();
    tasks.wait(Duration::from_secs(130)).await?;
    let standing = board.exports().pop().ok_or("no export")?;
    if standing.lag_records > 0 || standing.trouble.is_some() { Err(format!("{standing:?}").into()) } else { Ok(standing) }
}

/// Reads everything that the checkpoint speaks of, and checks it.
async fn read_back(store: &Store, log: &Memory) -> Fallible<(usize, usize)> {
    let note = store.read("checkpoint").await?.ok_or("there is no checkpoint")?;
    let signed = SignedCheckpoint::parse(&note)?;
    log.trust().verify(&signed)?;
    let size = signed.checkpoint().size();
    let (mut frontier, mut objects, mut bytes) = (Frontier::new(), 1, note.len());
    for tile in growth(0, size) {
        let object = store.read(&tile.to_string()).await?.ok_or_else(|| format!("{tile} is missing"))?;
        (objects, bytes) = (objects + 1, bytes + object.len());
        if tile.content() == Content::Entries {
            for leaf in decode_entries(tile, &object).ok_or_else(|| format!("{tile} is no bundle"))? {
                if leaf != log.record(frontier.size()) {
                    return Err(format!("record {} is another one", frontier.size()).into());
                }
                frontier.append(TreeHash::leaf(leaf), |_, _| ())?;
            }
        }
    }
    if frontier.root() == *signed.checkpoint().root() { Ok((objects, bytes)) } else { Err("the root is another one".into()) }
}
