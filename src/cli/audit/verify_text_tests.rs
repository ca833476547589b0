//! What people and programs are told, from logs in memory.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::audit::check::source::Files;
use crate::audit::check::{Found, Question, ReadError, check_files};
use crate::audit::tlog::tile::{encode_entries, encode_hashes};
use crate::audit::tlog::{Checkpoint, Cosigner, Frontier, KeyName, KeySchedule, SignedCheckpoint, SigningKey, TreeHash};

struct Memory(BTreeMap<String, Bytes>);

impl Files for Memory {
    fn get(&self, name: &str, _: usize) -> Result<Found, ReadError> {
        Ok(self.0.get(name).cloned().map_or(Found::Nothing, Found::Bytes))
    }
}

fn pkcs8(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[seed; 32]);
    der
}

/// A log of so many stops, and its key.
fn log(size: u64) -> (Memory, SigningKey) {
    let key = SigningKey::from_pkcs8(KeyName::new("audit.example/text").unwrap(), &pkcs8(1)).unwrap();
    let (mut frontier, mut hashes, mut leaves) = (Frontier::new(), Vec::new(), Vec::new());
    let mut prev = TreeHash::from_bytes([0; 32]);
    for seq in 0..size {
        let leaf = format!(r#"{{"prev":"{prev}","seq":{seq},"t":"stop","ts":"2026-11-22T10:15:14.00000{seq}Z","v":1}}"#);
        prev = TreeHash::leaf(leaf.as_bytes());
        frontier.append(prev, |_, _| {}).unwrap();
        hashes.push(prev);
        leaves.push(leaf);
    }
    let checkpoint = Checkpoint::new(key.verifier().name(), size, frontier.root()).unwrap();
    let checkpoint = SignedCheckpoint::sign(checkpoint, &[&key]).unwrap();
    let entries = encode_entries(leaves.iter().map(String::as_bytes)).unwrap();
    let files = [
        ("checkpoint".to_owned(), Bytes::from(checkpoint.to_string())),
        (format!("tile/0/000.p/{size}"), Bytes::from(encode_hashes(&hashes))),
        (format!("tile/entries/000.p/{size}"), Bytes::from(entries)),
    ];
    (Memory(files.into()), key)
}

fn told() -> Told {
    Told { source: "/evidence".to_owned(), beside: None }
}

fn question(key: &SigningKey) -> Question {
    Question::new(Trusted::schedule(KeySchedule::new(key.verifier().clone()).unwrap()))
}

fn text(files: &Memory, question: &Question, keys: &KeysFrom) -> String {
    let report = check_files(files, question, &mut |_, _| {}).unwrap();
    report_text(&report, &told(), keys, &question.trusted)
}

#[test]
fn a_whole_log_is_described() {
    let (files, key) = log(3);
    let mut question = question(&key);
    question.add_checkpoint("`march`", &files.0["checkpoint"]);
    let seen = text(&files, &question, &KeysFrom::File("keys.txt".to_owned()));
    insta::assert_snapshot!(seen, @r"
    verified: 3 records in `/evidence`, from 2026-11-22T10:15:14Z to 2026-11-22T10:15:14.000002Z
    tree head: 3:st5nX/RZIppmbW+m190I62rJ1FqhBCI+d+mN1GtX95o=
    head: 1/O5zk/6SvBtoAPt229wxZ/pYfzkAAddwzvfajU8B/M=
    keys: audit.example/text+65088b2d signs now; the keys are those in `keys.txt`
    older head: `march` (3 records) holds
    allowed calls without an outcome: 0
    ");
}

#[test]
fn an_empty_log_is_described_too() {
    let (files, key) = log(0);
    let seen = text(&files, &question(&key), &KeysFrom::Given);
    assert!(seen.starts_with("verified: 0 records in `/evidence`, from - to -\n"), "{seen}");
}

#[test]
fn faults_are_told_in_order_and_counted_and_the_conclusion_is_drawn() {
    let (mut files, key) = log(3);
    let name = "tile/entries/000.p/3";
    let changed: Vec<u8> = files.0[name].iter().map(|byte| if *byte == b'2' { b'3' } else { *byte }).collect();
    files.0.insert(name.to_owned(), changed.into());
    let mut question = question(&key);
    question.add_head("9:PfjKg1ex20a3vE4UwXzf+nb9xu1LbNeopBPnLHUCOQQ=".parse().unwrap());
    let seen = text(&files, &question, &KeysFrom::Beside);
    let expected = "\
the log in `/evidence` does not verify: ROLLBACK: the kept head of size 9 is of 9 records, and the log has only 3
  also: record 0: its content does not match its leaf hash
  also: record 1: its content does not match its leaf hash
  also: record 2: its content does not match its leaf hash
  the hash tiles are those that the checkpoint is about: the records named here were changed or are missing, and no others
found: 3 records in `/evidence`, from - to -
";
    assert!(seen.starts_with(expected), "{seen}");
    assert!(seen.contains("older head: the kept head of size 9 (9 records) DOES NOT HOLD\n"), "{seen}");
    assert!(seen.contains("compare them with what you have kept"), "{seen}");
}

#[test]
fn many_faults_are_counted_by_code() {
    let mut text = String::new();
    let (mut files, key) = log(0);
    files.0.insert("checkpoint".to_owned(), Bytes::from_static(b"?"));
    let mut question = question(&key);
    (0..30).for_each(|number| question.add_checkpoint(format!("`{number}`"), b"?"));
    let report = check_files(&files, &question, &mut |_, _| {}).unwrap();
    faults(&mut text, &report);
    assert_eq!(text.lines().count(), TOLD + 1, "{text}");
    assert!(text.contains("  and 11 more; in all: anchor 30, checkpoint_form 1\n"), "{text}");
}

#[test]
fn witnesses_are_named_with_the_time_they_say() {
    use crate::audit::tlog::{Witness, witness::KnownLog};

    let (mut files, key) = log(1);
    let cosigner = Cosigner::from_pkcs8(KeyName::new("witness.example/w1").unwrap(), &pkcs8(2)).unwrap();
    let known = KnownLog::new(vec![key.verifier().clone()], None).unwrap();
    let mut witness = Witness::new([("audit.example/text".to_owned(), known)].into());
    let body = format!("old 0\n\n{}", std::str::from_utf8(&files.0["checkpoint"]).unwrap());
    let accepted = witness.judge(body.as_bytes()).unwrap();
    let line = accepted.commit(|_| Ok::<_, std::io::Error>(())).unwrap().cosign(&cosigner, 1_795_342_514);
    let cosigned = [&files.0["checkpoint"], line.as_bytes()].concat();
    files.0.insert("checkpoint".to_owned(), cosigned.into());
    let trusted = Trusted::schedule(KeySchedule::new(key.verifier().clone()).unwrap());
    let question = Question::new(trusted.with_witnesses(vec![cosigner.verifier().clone()], 1).unwrap());
    let seen = text(&files, &question, &KeysFrom::Given);
    assert!(seen.contains("seen by witness witness.example/w1 at 2026-11-22T10:15:14Z\n"), "{seen}");
    let report = check_files(&files, &question, &mut |_, _| {}).unwrap();
    let json: Value = serde_json::from_str(&report_json(&report, &told(), &KeysFrom::Given, &question.trusted)).unwrap();
    assert_eq!(json["cosigned"], json!([{"witness": "witness.example/w1", "time": 1_795_342_514}]));
}
