//! Every byte of every file of a small log, changed in turn: found, or harmless for a reason that is said here.

use std::collections::BTreeMap;
use std::fs;

use serde_json::json;

use super::super::support::tiles::{Log, read, write};
use super::python::Script;
use super::{Asked, VERIFIED, ours, report};

/// Small, and yet with every kind of record that verifiers look into.
fn small() -> Log {
    let mut log = Log::of(20);
    log.rotate();
    log.note(&json!({"min_index": 0, "t": "prune"}));
    log
}

#[test]
fn every_changed_byte_of_a_log_is_found() {
    let (directory, log) = (tempfile::tempdir().unwrap(), small());
    let files = log.files();
    write(directory.path(), &files);
    let asked = Asked { trust: Some(log.trust()), checkpoint: Some(log.checkpoint(10)), ..Asked::default() };
    assert_eq!(ours(directory.path(), &asked), VERIFIED);
    let mut found = BTreeMap::<String, usize>::new();
    // What the keys beside the log say does not matter here: others were given.
    for (name, bytes) in files.iter().filter(|(name, _)| *name != "trust") {
        let path = directory.path().join(name);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, &changed).unwrap();
            let code = ours(directory.path(), &asked);
            assert_ne!(code, VERIFIED, "{name} {at}");
            *found.entry(code).or_default() += 1;
        }
        fs::write(&path, bytes).unwrap();
    }
    let codes: Vec<&str> = found.keys().map(String::as_str).collect();
    let expected = [
        "bundle_length",
        "checkpoint_form",
        "checkpoint_origin",
        "checkpoint_signature",
        "checkpoint_unsigned",
        "record_content",
    ];
    assert_eq!(codes, expected, "{found:?}");
}

#[test]
fn every_changed_bit_of_a_checkpoint_is_found_and_so_is_every_other_value_of_its_last_bytes() {
    let (directory, log) = (tempfile::tempdir().unwrap(), Log::of(3));
    write(directory.path(), &log.files());
    let (asked, path) = (Asked { trust: Some(log.trust()), ..Asked::default() }, directory.path().join("checkpoint"));
    let whole = fs::read(&path).unwrap();
    let bits = (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, 1_u8 << bit)));
    let ends = (whole.len() - 6..whole.len()).flat_map(|at| (1..=255).map(move |mask| (at, mask)));
    for (at, mask) in bits.chain(ends) {
        let mut changed = whole.clone();
        changed[at] ^= mask;
        fs::write(&path, &changed).unwrap();
        assert_ne!(ours(directory.path(), &asked), VERIFIED, "byte {at}, {mask:#x}");
    }
}

#[test]
fn of_the_keys_beside_a_log_only_the_size_from_which_the_first_signs_can_change_unseen() {
    let (directory, log) = (tempfile::tempdir().unwrap(), Log::of(5));
    write(directory.path(), &log.files());
    let whole = log.trust();
    let mut unseen = Vec::new();
    for at in 0..whole.len() {
        for bit in 0..7 {
            let mut changed = whole.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let trust = String::from_utf8(changed).unwrap();
            if trust.parse::<cedarpost::audit::tlog::KeySchedule>().is_err() {
                continue;
            }
            let asked = Asked { trust: Some(trust), ..Asked::default() };
            if report(directory.path(), &asked).verified() {
                unseen.push(at);
            }
        }
    }
    // `0 - KEY`: the key signs all the same at the size of the checkpoint.
    assert!(unseen.iter().all(|at| *at == 0), "{unseen:?}");
}

#[test]
fn the_script_finds_every_changed_byte_too() {
    let Some(mut script) = Script::start() else { return };
    let (directory, log) = (tempfile::tempdir().unwrap(), small());
    let (files, tiles, trust) = (log.files(), directory.path().join("log"), directory.path().join("trust"));
    write(&tiles, &files);
    fs::write(&trust, log.trust()).unwrap();
    let answer = script.ask(&json!({"flips": tiles, "trust": trust}));
    assert_eq!(answer["missed"], json!([]), "{answer}");
    let bytes: usize = files.iter().filter(|(name, _)| *name != "trust").map(|(_, bytes)| bytes.len()).sum();
    let found: u64 = answer["words"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(found, bytes as u64, "{answer}");
    assert_eq!(read(&tiles), files, "the log is as it was");
}
