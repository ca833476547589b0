//! Receipts of single records (C2SP tlog-proof): both verifiers take the genuine ones and nothing else.

use std::fs;

use cedarpost::audit::tlog::{KeySchedule, Proof, SignedCheckpoint, Trust};
use serde_json::json;

use super::super::support::tiles::{Log, ORIGIN};
use super::VERIFIED;
use super::python::Script;

fn receipt(log: &Log, index: u64) -> String {
    let checkpoint = SignedCheckpoint::parse(log.checkpoint(log.size()).as_bytes()).unwrap();
    Proof::new(index, log.path(index), checkpoint).unwrap().to_string()
}

/// Whether our verifier takes a receipt for a record.
fn ours(trust: &str, receipt: &[u8], record: &[u8]) -> bool {
    let trust = Trust::new(ORIGIN, trust.parse::<KeySchedule>().unwrap());
    Proof::parse(receipt).is_ok_and(|proof| proof.verify(record, &trust).is_ok())
}

/// The script with files for its arguments.
struct Asking {
    home: tempfile::TempDir,
    script: Script,
}

impl Asking {
    fn start(trust: &str) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("trust"), trust).unwrap();
        Some(Self { home, script: Script::start()? })
    }

    fn says(&mut self, receipt: &[u8], record: &[u8]) -> String {
        let path = |name: &str| self.home.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("receipt"), receipt).unwrap();
        fs::write(path("record"), record).unwrap();
        let arguments = ["--trust", &path("trust"), "--proof", &path("receipt"), "--record", &path("record")].map(str::to_owned);
        self.script.run(&arguments).0
    }
}

#[test]
fn a_receipt_is_good_for_its_record_and_for_no_other() {
    for size in [1, 2, 3, 7, 8, 100, 257] {
        let log = Log::of(size);
        let (texts, trust) = (log.texts(), log.trust());
        let mut script = Asking::start(&trust);
        let places = [0, size / 3, size / 2, size - 1].into_iter().collect::<std::collections::BTreeSet<_>>();
        for index in places {
            let receipt = receipt(&log, index as u64);
            let record = texts[index].as_bytes();
            assert!(ours(&trust, receipt.as_bytes(), record), "{size} {index}");
            let other = texts[(index + 1) % size].as_bytes();
            assert!(size == 1 || !ours(&trust, receipt.as_bytes(), other));
            let extra = receipt.replacen("index", "extra aGVsbG8=\nindex", 1);
            assert!(ours(&trust, extra.as_bytes(), record), "nobody vouches for the extra data, and nobody looks at it");
            let Some(script) = &mut script else { continue };
            assert_eq!(script.says(receipt.as_bytes(), record), VERIFIED, "{size} {index}");
            assert_eq!(script.says(extra.as_bytes(), record), VERIFIED);
            assert!(size == 1 || script.says(receipt.as_bytes(), other) == "record_number");
        }
    }
}

#[test]
fn every_changed_byte_of_a_receipt_or_its_record_is_found() {
    let mut log = Log::of(40);
    log.note(&json!({"t": "stop"}));
    let (trust, receipt, record) = (log.trust(), receipt(&log, 40).into_bytes(), log.texts()[40].clone().into_bytes());
    let mut script = Asking::start(&trust);
    for at in 0..receipt.len() + record.len() {
        let (mut receipt, mut record) = (receipt.clone(), record.clone());
        let byte = receipt.iter_mut().chain(&mut record).nth(at).unwrap();
        *byte ^= 1 << (at % 8);
        assert!(!ours(&trust, &receipt, &record), "{at}");
        // A wrong signature takes the script a while.
        if let (Some(script), 0) = (&mut script, at % 3) {
            assert_ne!(script.says(&receipt, &record), VERIFIED, "{at}");
        }
    }
}
