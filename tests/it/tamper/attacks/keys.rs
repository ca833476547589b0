//! Keys that follow each other, and records that may be gone.

use serde_json::json;

use super::super::super::support::tiles::{Files, Log};
use super::super::{Asked, VERIFIED};
use super::{Attack, only_ours, other, row, short, with};

/// The files of the first `size` records with a checkpoint that the keys of these terms have signed.
fn signed(log: &Log, size: u64, terms: &[usize]) -> Files {
    let keys: Vec<Vec<u8>> = terms.iter().map(|term| log.private_key(*term)).collect();
    let checkpoint = log.checkpoint_by(size, &keys.iter().map(Vec::as_slice).collect::<Vec<_>>());
    with(short(log, size).files(), |files| _ = files.insert("checkpoint".to_owned(), checkpoint.into_bytes()))
}

pub(super) fn attacks(genuine: &Log) -> Vec<Attack> {
    let log = other(genuine, |log| {
        log.rotate();
        (0..200).for_each(|_| log.note(&json!({"t": "stop"})));
    });
    let (none, size, changed) = (Asked::default(), log.size(), genuine.size() + 1);
    let key = |vkey: String| Asked { key: Some(vkey), ..Asked::default() };
    let list = |trust: String| Asked { trust: Some(trust), ..Asked::default() };
    let older = |term| Asked { checkpoint: Some(log.checkpoint_by(200, &[&log.private_key(term)])), ..Asked::default() };
    let moved = log.trust().replace(&changed.to_string(), &(changed + 1).to_string());
    let quiet = other(&log, |log| {
        log.entries[usize::try_from(changed).unwrap() - 1].members = [("t".to_owned(), json!("stop"))].into();
    });
    let early = row("an older head by the new key", log.files(), &older(1), "anchor");
    vec![
        row("a key that follows another", log.files(), &none, VERIFIED),
        row("ask with the newest key", log.files(), &key(log.vkey()), VERIFIED),
        row("ask with the oldest key", log.files(), &key(genuine.vkey()), "checkpoint_unsigned"),
        row("ask with a list that ends with the oldest key", log.files(), &list(genuine.trust()), "checkpoint_unsigned"),
        row("both sign where they change", signed(&log, changed, &[0, 1]), &none, VERIFIED),
        row("the old key signs where they change", signed(&log, changed, &[0]), &none, VERIFIED),
        row("a crash came before the list", signed(&log, changed, &[0, 1]), &list(genuine.trust()), VERIFIED),
        row("the old key signs after its time", signed(&log, size, &[0]), &none, "checkpoint_key"),
        row("the new key signs before its time", signed(&log, 200, &[1]), &none, "checkpoint_key"),
        row("an older head by the old key", log.files(), &older(0), VERIFIED),
        Attack { script: "checkpoint_key", ..early },
        only_ours("the list ends with the oldest key", signed(&log, size, &[0, 1]), &list(genuine.trust()), "key_record"),
        only_ours("the list says another size", log.files(), &list(moved), "key_record"),
        only_ours("the log does not say that the key changes", quiet.files(), &none, "key_record"),
    ]
}

/// Records that may be gone, and others.
pub(super) fn prunings(log: &Log) -> Vec<Attack> {
    let none = Asked::default();
    let pruned = |min_index| other(log, |log| log.prune(min_index));
    let without = |log: &Log, name: &str| with(log.files(), |files| assert!(files.remove(name).is_some(), "{name}"));
    let beyond = other(log, |log| {
        log.note(&json!({"min_index": log.size() + 1, "t": "prune"}));
        (0..100).for_each(|_| log.note(&json!({"t": "stop"})));
    });
    let back = other(&pruned(300), |log| log.prune(200));
    let again = other(&pruned(300), |log| log.prune(600));
    vec![
        row("records gone as a prune record says", pruned(300).files(), &none, VERIFIED),
        row("more gone as a later one says", again.files(), &none, VERIFIED),
        row("records gone that the prune record keeps", without(&pruned(300), "tile/entries/001"), &none, "missing_records"),
        row("records gone right below the index", without(&pruned(511), "tile/entries/001"), &none, "missing_records"),
        row("records gone and no prune record", without(log, "tile/entries/001"), &none, "missing_records"),
        row("hashes gone of records that may be", without(&pruned(300), "tile/0/000"), &none, "missing_tile"),
        row("a prune record that lets itself be gone", beyond.files(), &none, "prune_record"),
        row("a prune record that takes another back", back.files(), &none, "prune_record"),
    ]
}
