//! A process that is killed at any moment leaves every acknowledged record behind.
//!
//! The test binary starts itself again as the process that is killed. It prints each acknowledgement; what it managed to print must
//! be in the log. An ordinary run kills it 20 times, `CEDARPOST_KILLS` says another number.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

const DIRECTORY: &str = "CEDARPOST_CRASH_DIRECTORY";
const CHILD: &str = "audit::tests::crash::appends_until_it_is_killed";

#[expect(clippy::disallowed_methods, reason = "the only way to tell a test in another process what to do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started and killed by the test below"]
async fn appends_until_it_is_killed() {
    let directory = PathBuf::from(variable(DIRECTORY).unwrap());
    let (writer, _reader) = start(&directory);
    let writers = (0..16_u128).map(|task| {
        let writer = writer.clone();
        tokio::spawn(async move {
            let scene = Scene::new();
            loop {
                let receipt = writer.append(scene.decided(task)).await.unwrap();
                let line = format!("acknowledged {} {}\n", receipt.seq(), receipt.leaf_hash());
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                writer.note(&ended(&receipt)).unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    assert_eq!(writers.len(), 16);
    std::future::pending().await
}

/// Lets the child work for some time after it has begun or has acknowledged something, kills it, and hands back what it acknowledged.
fn run_and_kill(directory: &Path, when_writing: bool, after: Duration) -> Vec<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
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
    if when_writing {
        began.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

fn acknowledged(line: &str) -> Option<(u64, String)> {
    let (seq, hash) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
    Some((seq.parse().ok()?, LeafHash::parse(hash)?.to_string()))
}

#[test]
fn every_acknowledged_record_survives_kill_9() {
    let rounds: u64 = variable("CEDARPOST_KILLS").and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..rounds {
        // Some kills hit the opening, most the writing.
        let receipts = run_and_kill(dir.path(), round % 5 != 0, Duration::from_millis((round * 67) % 211));
        acknowledged += receipts.len();
        if !database_there(dir.path()) {
            continue;
        }
        let verified = check(dir.path()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let (writer, reader) = start(dir.path());
        for (seq, hash) in receipts {
            assert!(seq < verified.head.size, "round {round}: record {seq} is gone");
            assert_eq!(reader.get(seq).unwrap().unwrap().hash().to_string(), hash, "round {round}");
        }
        drop((writer, reader));
        wait_until_free(dir.path());
    }
    assert!(acknowledged > 100, "only {acknowledged} records were acknowledged: the test proves nothing");
}

fn database_there(directory: &Path) -> bool {
    super::super::open::database_path(directory).exists()
}

/// The committer closes the database on its own thread.
fn wait_until_free(directory: &Path) {
    let path = super::super::open::database_path(directory);
    for _ in 0..200 {
        if crate::storage::Database::open(&path, Arc::new(LocalDisk)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the log is still locked");
}
