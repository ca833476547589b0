//! How many records a second are checked, from files on a disk, with one thread and with one for each processor.
//!
//! Writes a log of a million records of about 600 bytes (decisions and outcomes in turn) in the layout of C2SP tlog-tiles and checks it
//! several times: everything that `cedarpost audit verify DIRECTORY` checks. The files are in the page cache then. CPU time is the whole
//! process's. Run it with `cargo bench --bench verify`; arguments are a number of records, and a directory on another disk.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and reports to a terminal"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cedarpost::audit::check::source::Directory;
use cedarpost::audit::check::{Question, Trusted, check_files};
use cedarpost::audit::tlog::tile::{Content, encode_hashes};
use cedarpost::audit::tlog::{Checkpoint, Frontier, KeyName, KeySchedule, SignedCheckpoint, SigningKey, Tile, TreeHash};

const ROUNDS: usize = 5;
const RECORDS: u64 = 1_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let records = arguments.first().map_or(RECORDS, |records| records.parse().unwrap());
    let parent = arguments.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).unwrap();
    let (schedule, bytes) = write_log(directory.path(), records);
    println!("{records} records of {bytes} bytes\n");
    println!("| threads | records/s best (median) | CPU us/record |");
    println!("| --- | --- | --- |");
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, all] {
        let mut rounds: Vec<_> = (0..ROUNDS).map(|_| check(directory.path(), &schedule, threads)).collect();
        rounds.sort_by_key(|(wall, _)| *wall);
        let rate = |wall: Duration| records as f64 / wall.as_secs_f64();
        let (best, median) = (rounds.first().unwrap(), rounds.get(ROUNDS / 2).unwrap());
        let cpu = median.1.as_secs_f64() * 1e6 / records as f64;
        println!("| {threads} | {:.0} ({:.0}) | {cpu:.2} |", rate(best.0), rate(median.0));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    println!("\n{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

/// One check: how long it took, and how much CPU time.
fn check(directory: &Path, schedule: &KeySchedule, threads: usize) -> (Duration, Duration) {
    let question = Question { threads, ..Question::new(Trusted::schedule(schedule.clone())) };
    let (began, cpu) = (Instant::now(), cpu_time());
    let report = check_files(&Directory::new(directory.to_owned()), &question, &mut |_, _| {}).unwrap();
    assert!(report.verified(), "{:?}", report.faults.first());
    (began.elapsed(), cpu_time() - cpu)
}

/// Writes a log; its keys, and how long its records are on average.
fn write_log(directory: &Path, size: u64) -> (KeySchedule, u64) {
    let key = signing_key();
    let (mut frontier, mut entries, mut total) = (Frontier::new(), Vec::new(), 0);
    let mut prev = TreeHash::from_bytes([0; 32]);
    // For each level of tiles, the hashes of the one that is being filled, and how many were before it.
    let mut levels: Vec<(Vec<TreeHash>, u64)> = vec![(Vec::new(), 0); 8];
    for seq in 0..size {
        let leaf = leaf(seq, &prev);
        total += leaf.len() as u64;
        prev = TreeHash::leaf(leaf.as_bytes());
        entries.extend_from_slice(&u16::try_from(leaf.len()).unwrap().to_be_bytes());
        entries.extend_from_slice(leaf.as_bytes());
        let tiles = &mut levels;
        let add = |node: cedarpost::audit::tlog::Node, hash: &TreeHash| {
            if node.level.is_multiple_of(8) {
                tiles.get_mut(usize::from(node.level / 8)).unwrap().0.push(*hash);
            }
        };
        frontier.append(prev, add).unwrap();
        if seq % 256 == 255 || seq + 1 == size {
            flush(directory, &mut levels, &mut entries, seq + 1 == size);
        }
    }
    let checkpoint = Checkpoint::new(key.verifier().name(), size, frontier.root()).unwrap();
    write(directory, "checkpoint", SignedCheckpoint::sign(checkpoint, &[&key]).unwrap().to_string().as_bytes());
    (KeySchedule::new(key.verifier().clone()).unwrap(), total / size.max(1))
}

/// Writes the tiles that are full, at the end also the others.
fn flush(directory: &Path, levels: &mut [(Vec<TreeHash>, u64)], entries: &mut Vec<u8>, end: bool) {
    for (level, (hashes, index)) in (0..).zip(levels) {
        if hashes.is_empty() || (hashes.len() < 256 && !end) {
            continue;
        }
        let count = *index * 256 + hashes.len() as u64;
        let tile = Tile::in_tree(Content::Hashes(level), *index, count << (8 * level)).unwrap();
        write(directory, &tile.to_string(), &encode_hashes(hashes));
        if level == 0 {
            write(directory, &Tile::in_tree(Content::Entries, *index, count).unwrap().to_string(), entries);
            entries.clear();
        }
        hashes.clear();
        *index += 1;
    }
}

fn write(directory: &Path, name: &str, bytes: &[u8]) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn signing_key() -> SigningKey {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[1; 32]);
    SigningKey::from_pkcs8(KeyName::new("audit.example/bench").unwrap(), &der).unwrap()
}

/// A decision, or the outcome of the one before.
fn leaf(seq: u64, prev: &TreeHash) -> String {
    let id = seq / 2;
    let common = format!(r#""seq":{seq}"#);
    if seq % 2 == 1 {
        return format!(
            r#"{{"bytes":1204,"decision_seq":{},"id":"01M81C1DTG{id:016}","outcome":"ok","prev":"{prev}","result":{{"alg":"hmac-sha256","commit":"L0y2kW+kIAVmDTY7XaEj9q/abmTwKXRiweYTUiFdWsk=","kept":false,"len":1204}},{common},"t":"outcome","ts":"2026-11-22T10:15:14.000012Z","us":80411,"v":1}}"#,
            seq - 1
        );
    }
    let policy = r#"{"file":"shop.cedar","id":"no-refund","line":12}"#;
    let judgement =
        |principal| format!(r#"{{"cause":"permitted","faults":[],"policies":[{policy},{policy}],"principal":"{principal}"}}"#);
    let judgements = [judgement("agent"), judgement("actor")].join(",");
    format!(
        r#"{{"action":"tools/call","actor":"ann@shop.example","agent":"planner","args":{{"alg":"hmac-sha256","commit":"L0y2kW+kIAVmDTY7XaEj9q/abmTwKXRiweYTUiFdWsk=","kept":true,"len":48}},"decision":"allow","id":"01M81C1DTG{id:016}","judgements":[{judgements}],"policy":"sha256:{:064}","prev":"{prev}","request":"\"req-1\"",{common},"server":"shop","session":"s-5f1c","source":{{"ip":"10.1.2.3","transport":"http"}},"t":"decision","tool":"refund","trace":"0af7651916cd43dd8448eb211c80319c","ts":"2026-11-22T10:15:14.000012Z","us":412,"v":1}}"#,
        7
    )
}

/// The CPU time of this process so far, from the kernel's clock ticks (10 ms).
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
