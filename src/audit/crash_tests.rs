//! A process that is killed at any moment leaves every acknowledged record behind.
//!
//! The test binary starts itself again as the process that is killed. It prints each acknowledgement; what it managed to print must
//! be in the log, now and after every later round. An ordinary run kills it 20 times, `CEDARPOST_KILLS` says another number. The same at
//! each request to the disk, one after the other, is in `tests/it/faults/kills.rs`.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU32;

use super::*;
use crate::audit::tlog::Trust;

const DIRECTORY: &str = "CEDARPOST_CRASH_DIRECTORY";
const WORK: &str = "CEDARPOST_CRASH_WORK";
const CHILD: &str = "audit::tests::crash::appends_until_it_is_killed";

/// What the process is busy with when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Many writers.
    Writes,
    /// The same, with another epoch every few hundred records and another key now and then.
    Turns,
    /// The same, on a disk that fails again and again, so that it recovers.
    Recovers,
    /// It opens the log, writes a little and closes it, again and again.
    Opens,
}

impl Work {
    const ALL: [Self; 4] = [Self::Writes, Self::Turns, Self::Recovers, Self::Opens];

    /// How long it works before it is killed: up to so many milliseconds after its first acknowledgement, or after it was started.
    const fn span(self) -> (bool, u64) {
        match self {
            Self::Writes | Self::Turns => (true, 250),
            // The first attempt to recover comes after half a second.
            Self::Recovers => (true, 1500),
            Self::Opens => (false, 500),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the only way to tell a test in another process what to do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started and killed by the test below"]
async fn appends_until_it_is_killed() {
    let directory = PathBuf::from(variable(DIRECTORY).unwrap());
    let work = Work::ALL.into_iter().find(|work| variable(WORK) == Some(format!("{work:?}"))).unwrap();
    let disk = Arc::new(TestDisk::default());
    let epochs =
        if work == Work::Writes { EpochLimits::default() } else { EpochLimits { records: 256, ..EpochLimits::default() } };
    let settings = Settings { epochs, ..settings(&directory) };
    loop {
        let (writer, _reader) = start_on(&settings, &disk);
        if work == Work::Recovers {
            let disk = Arc::clone(&disk);
            std::thread::spawn(move || fail_again_and_again(&disk));
        }
        let (count, most) = (Arc::new(AtomicU32::new(0)), if work == Work::Opens { 40 } else { u32::MAX });
        let writers = (0..16).map(|task| tokio::spawn(write(writer.clone(), task, work, Arc::clone(&count), most)));
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        writer.close().await.unwrap();
    }
}

/// A disk that works for a while, fails for a moment, and works again.
fn fail_again_and_again(disk: &TestDisk) {
    for fault in [DiskFault::FailsToSync, DiskFault::FailsToWrite, DiskFault::FailsAfterWriting].into_iter().cycle() {
        std::thread::sleep(Duration::from_millis(300));
        disk.set(fault);
        std::thread::sleep(Duration::from_millis(20));
        disk.fault.store(0, Ordering::SeqCst);
    }
}

/// Appends until `most` records are acknowledged, and prints each.
async fn write(writer: AuditWriter, task: u128, work: Work, count: Arc<AtomicU32>, most: u32) {
    let scene = Scene::new();
    loop {
        match writer.append(scene.decided(task)).await {
            Ok(receipt) => {
                let line = format!("acknowledged {} {}\n", receipt.seq(), receipt.leaf_hash());
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                // Without it there is one record less, and no harm to what is acknowledged.
                let _ = writer.note(&ended(&receipt));
            }
            Err(error) => {
                assert_eq!(work, Work::Recovers, "{error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        if number.is_multiple_of(100) && work != Work::Writes {
            // On a sick disk it is not to be had.
            let _ = writer.rotate_key().await;
        }
        if number >= most {
            return;
        }
    }
}

/// Lets the child work for some time, kills it, and hands back what it acknowledged.
fn run_and_kill(directory: &Path, work: Work, after: u64) -> Vec<(u64, String)> {
    let complaints = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(WORK, format!("{work:?}"))
        .stdout(Stdio::piped())
        .stderr(complaints.reopen().unwrap())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let (begins, began) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        // The last line may be cut: then it was not acknowledged to anyone.
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        lines
            .filter_map(|line| acknowledged(&String::from_utf8(line).ok()?))
            .inspect(|_| begins.send(()).unwrap_or_default())
            .collect()
    });
    let (when_writing, span) = work.span();
    if when_writing {
        let waited = began.recv_timeout(Duration::from_secs(30));
        assert!(waited.is_ok(), "{work:?}: {waited:?}: {}", std::fs::read_to_string(complaints.path()).unwrap());
    }
    std::thread::sleep(Duration::from_millis(after % span));
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "{work:?}: {}", std::fs::read_to_string(complaints.path()).unwrap());
    reading.join().unwrap()
}

fn acknowledged(line: &str) -> Option<(u64, String)> {
    let (seq, hash) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((seq.parse().ok()?, LeafHash::parse(hash)?.to_string()))
}

#[tokio::test]
async fn every_acknowledged_record_survives_kill_9() {
    let rounds: u64 = variable("CEDARPOST_KILLS").and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let dir = tempfile::tempdir().unwrap();
    let (mut all, mut recoveries) = (std::collections::HashMap::new(), 0);
    for round in 0..rounds {
        let work = Work::ALL[usize::try_from(round).unwrap() % Work::ALL.len()];
        let receipts = run_and_kill(dir.path(), work, round * 67);
        if !database_there(dir.path()) {
            assert!(receipts.is_empty(), "round {round}");
            continue;
        }
        all.extend(receipts);
        let verified = check(dir.path()).unwrap_or_else(|error| panic!("round {round}, {work:?}: {error}"));
        let (writer, reader) = start(dir.path());
        assert!(reader.len() > verified.tree.size, "round {round}");
        let found: Vec<_> =
            reader.range(0).map(|record| record.unwrap_or_else(|error| panic!("round {round}: {error}"))).collect();
        for (seq, hash) in &all {
            let record = found.get(usize::try_from(*seq).unwrap());
            assert_eq!(
                record.map(|record| record.hash().to_string()).as_ref(),
                Some(hash),
                "round {round}, {work:?}: record {seq}"
            );
        }
        recoveries = found.iter().filter(|record| record.summary().kind == "recovery").count();
        signed(dir.path(), &reader);
        writer.close().await.unwrap();
    }
    println!("{rounds} rounds, {} records acknowledged, {recoveries} recoveries", all.len());
    assert!(all.len() > 100, "only {} records were acknowledged: the test proves nothing", all.len());
}

/// The log's keys have signed its newest checkpoint, which is about the records that are there.
fn signed(directory: &Path, reader: &AuditReader) {
    let newest = reader.checkpoint();
    let trust = Trust::new(newest.checkpoint().origin(), read_schedule(directory).unwrap());
    trust.verify(&newest).unwrap();
    assert_eq!(*newest.checkpoint().root(), reader.root(reader.len()).unwrap());
}

fn database_there(directory: &Path) -> bool {
    super::super::epoch::directory_of(directory).join("00000000").exists() || directory.join("archived").exists()
}
