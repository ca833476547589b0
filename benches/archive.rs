//! How fast the archive of the audit log is written, indexed and searched: a million records, half of them outcomes.
//!
//! `cargo bench --bench archive`; the first argument is a directory on the disk to measure, the system's temporary one otherwise. Times
//! of searches are the best and the median of several runs, with the files in the page cache; CPU times are the best.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and reports to a terminal"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cedarpost::audit::archive::{Archive, ArchiveError, ArchiveReader, BUNDLE, Entry, Facet, Order, Query, SEGMENT};
use cedarpost::domain::{DecisionId, Timestamp};

/// A million, and a part of a segment that is not indexed.
const RECORDS: u64 = 62 * SEGMENT + 40 * BUNDLE as u64;
const ROUNDS: usize = 7;
/// The time of the first record; the others follow by a tenth of a second.
const BEGIN: i64 = 1_795_000_000_000_000;

fn main() {
    let parent =
        std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).unwrap();
    let mut archive = Archive::open(directory.path()).unwrap();
    write(&mut archive);
    index(&mut archive);
    let began = Instant::now();
    drop(archive);
    let reader = Archive::open(directory.path()).unwrap().reader();
    println!("opening: {:.1} ms\n", began.elapsed().as_secs_f64() * 1e3);
    println!("| search | found | CPU ms | best ms | median ms |");
    println!("| --- | --- | --- | --- | --- |");
    for (what, query) in searches() {
        search(&reader, what, &query);
    }
    println!("\nresident memory after it all: {} KiB", resident());
}

fn write(archive: &mut Archive) {
    let (mut appending, mut syncing, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    for first in (0..RECORDS).step_by(BUNDLE) {
        let leaves: Vec<_> = (first..first + BUNDLE as u64).map(leaf).collect();
        let entries: Vec<_> = leaves.iter().map(|leaf| Entry { leaf, kept: None }).collect();
        bytes += leaves.iter().map(Vec::len).sum::<usize>();
        let began = cpu_time();
        archive.append(first, entries.as_slice().try_into().unwrap()).unwrap();
        appending += cpu_time() - began;
        if (first / BUNDLE as u64).is_multiple_of(64) {
            let began = Instant::now();
            archive.make_durable().unwrap();
            syncing += began.elapsed();
        }
    }
    let began = Instant::now();
    archive.make_durable().unwrap();
    syncing += began.elapsed();
    let rate = RECORDS as f64 / appending.as_secs_f64();
    println!("{RECORDS} records of {} bytes on average", bytes as u64 / RECORDS);
    println!(
        "appending: {rate:.0} records for a second of CPU time; making durable, every 64 bundles: {:.1} s in all",
        syncing.as_secs_f64()
    );
}

fn index(archive: &mut Archive) {
    let began = cpu_time();
    let segments = std::iter::from_fn(|| archive.tend_index().unwrap().then_some(())).count();
    let each = (cpu_time() - began).as_secs_f64() * 1e3 / segments as f64;
    let index = archive.reader().layout().index();
    let bytes: u64 = std::fs::read_dir(index).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!("indexing: {each:.1} ms of CPU time a segment, {} bytes a record", bytes / (segments as u64 * SEGMENT));
}

fn searches() -> Vec<(&'static str, Query)> {
    let query = |terms: &[(Facet, &str)]| Query {
        terms: terms.iter().map(|(facet, pattern)| (*facet, (*pattern).into())).collect(),
        ..Query::default()
    };
    let hour = |hours: i64| Some(Timestamp::from_micros(BEGIN + hours * 3_600_000_000));
    let late = Query { since: hour(1), until: hour(2), ..query(&[(Facet::Verdict, "deny")]) };
    vec![
        ("the last 100", query(&[])),
        ("an agent's last 100", query(&[(Facet::Agent, "agent-07")])),
        ("a rare agent, everything", Query { limit: usize::MAX, ..query(&[(Facet::Agent, "rare")]) }),
        ("an agent that never was", query(&[(Facet::Agent, "nobody")])),
        ("a decision by its id", Query { id: Some(id(300_000)), ..query(&[]) }),
        ("a policy's last 100 denials", query(&[(Facet::Policy, "no-refund-3"), (Facet::Verdict, "deny")])),
        (
            "a person's calls of one tool, oldest first",
            Query { order: Order::OldestFirst, ..query(&[(Facet::Actor, "user-0123@*"), (Facet::Target, "tool-5")]) },
        ),
        ("failed calls of a person", query(&[(Facet::Actor, "user-0777@shop.example"), (Facet::Verdict, "failed")])),
        ("denials in one hour of a day", late),
        ("all denials (a tenth of the decisions)", Query { limit: usize::MAX, ..query(&[(Facet::Verdict, "deny")]) }),
    ]
}

fn search(reader: &ArchiveReader, what: &str, query: &Query) {
    let (mut times, mut cpu, mut found) = (Vec::new(), Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let (began, cpu_before) = (Instant::now(), cpu_time());
        found = query.run::<ArchiveError, _>(reader, |_| std::iter::empty()).unwrap().len();
        cpu = cpu.min(cpu_time() - cpu_before);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let ms = |time: &Duration| time.as_secs_f64() * 1e3;
    let (best, median) = (ms(times.first().unwrap()), ms(times.get(ROUNDS / 2).unwrap()));
    println!("| {what} | {found} | {:.1} | {best:.1} | {median:.1} |", ms(&cpu));
}

/// The CPU time of this thread, which does all the work.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

fn id(seq: u64) -> DecisionId {
    DecisionId::from_parts(1_795_000_000_000 + seq * 100, (seq * 0x9e37_79b9_7f4a_7c15).into())
}

/// A decision, or the outcome of the one before.
fn leaf(seq: u64) -> Vec<u8> {
    let prev = "L0y2kW+kIAVmDTY7XaEj9q/abmTwKXRiweYTUiFdWsk=";
    let (call, seconds) = (seq / 2, BEGIN / 1_000_000 + i64::try_from(seq / 10).unwrap());
    let time = jiff::Timestamp::from_second(seconds).unwrap().strftime("%Y-%m-%dT%H:%M:%S");
    let (id, micros) = (id(seq - seq % 2), seq % 10 * 100_000);
    if seq % 2 == 1 {
        let outcome = if call % 50 == 7 { "failed" } else { "ok" };
        let text = format!(
            r#"{{"bytes":1204,"decision_seq":{},"id":"{id}","outcome":"{outcome}","prev":"{prev}","seq":{seq},"t":"outcome","ts":"{time}.{micros:06}Z","us":80411,"v":1}}"#,
            seq - 1
        );
        return text.into_bytes();
    }
    let agent = if call % 50_000 == 77 { "rare".to_owned() } else { format!("agent-{:02}", call % 37) };
    let (user, tool, policy, session) = (call * 31 % 2003, call * 7 % 41, call % 11, call / 40);
    let verdict = if call % 10 == 3 { "deny" } else { "allow" };
    let judgement = |principal| {
        format!(
            r#"{{"cause":"permitted","faults":[],"policies":[{{"file":"shop.cedar","id":"no-refund-{policy}","line":12}},{{"file":"shop.cedar","id":"office-hours","line":40}}],"principal":"{principal}"}}"#
        )
    };
    let text = format!(
        r#"{{"action":"tools/call","actor":"user-{user:04}@shop.example","agent":"{agent}","args":{{"alg":"hmac-sha256","commit":"{prev}","kept":true,"len":230}},"decision":"{verdict}","id":"{id}","judgements":[{},{}],"policy":"sha256:abababababababababababababababababababababababababababababababab","prev":"{prev}","request":"req-{call}","seq":{seq},"server":"server-{}","session":"s-{session:08x}","source":{{"ip":"10.1.2.3","transport":"http"}},"t":"decision","tool":"tool-{tool}","trace":"0af7651916cd43dd8448eb211c80319c","ts":"{time}.{micros:06}Z","us":412,"v":1}}"#,
        judgement("agent"),
        judgement("actor"),
        call % 5
    );
    text.into_bytes()
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").to_owned()
}
