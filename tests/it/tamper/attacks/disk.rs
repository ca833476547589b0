//! Whoever can write files and has no key.

use serde_json::json;

use super::super::super::support::tiles::{Files, Log};
use super::super::{Asked, VERIFIED};
use super::{Attack, forge, other, row, with};

/// The files of another log with the checkpoint of this one.
fn unsigned(log: &Log, of: &Log) -> Files {
    with(of.files(), |files| _ = files.insert("checkpoint".to_owned(), log.checkpoint(log.size()).into_bytes()))
}

/// The time of the first record of a bundle set back by a thousand years.
fn edit(files: &mut Files, name: &str) {
    let bytes = files.get_mut(name).unwrap();
    let at = bytes.windows(7).position(|window| window == b"\"ts\":\"2").unwrap();
    bytes[at + 6] = b'1';
}

/// The name of the last tile of a kind.
fn last(files: &Files, kind: &str) -> String {
    files.keys().rfind(|name| name.starts_with(kind)).unwrap().clone()
}

pub(super) fn attacks(log: &Log) -> Vec<Attack> {
    let (files, none) = (log.files(), Asked::default());
    let edited = with(files.clone(), |files| edit(files, "tile/entries/001"));
    // The hash of the record that was edited, as it is in a log where nothing else was done.
    let leaf_too = with(edited.clone(), |files| {
        let bundle = &edited["tile/entries/001"];
        let length = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
        let hash = cedarpost::audit::tlog::TreeHash::leaf(&bundle[2..2 + length]);
        files.get_mut("tile/0/001").unwrap()[..32].copy_from_slice(hash.as_bytes());
    });
    let [loose, later] = [300, 400].map(|from| log.loose(from));
    let filler = json!({"agent": "mallory", "decision": "deny", "id": "01ARZ3NDEKTSV4RRFFQ9999999", "t": "decision"});
    let deleted = other(log, |log| _ = log.entries.remove(loose));
    let refilled = other(&deleted, |log| log.note(&filler));
    let inserted = other(log, |log| {
        _ = log.entries.pop();
        log.note(&filler);
        let entry = log.entries.pop().unwrap();
        log.entries.insert(loose, entry);
    });
    let turned = other(log, |log| log.entries.swap(loose, later));
    let forged = other(log, |log| forge(log, 300));
    let [entries, hashes] = ["tile/entries/", "tile/0/"].map(|kind| last(&files, kind));
    let without = |names: &[&String]| with(files.clone(), |files| names.iter().for_each(|name| _ = files.remove(*name).unwrap()));
    vec![
        row("nobody does anything", files.clone(), &none, VERIFIED),
        row("edit a record", edited, &none, "record_content"),
        row("edit a record and its leaf hash", leaf_too, &none, "record_link"),
        row("edit a record and make everything anew", unsigned(log, &forged), &none, "root"),
        row("delete a record and make everything anew", unsigned(log, &deleted), &none, "missing_tile"),
        row("delete a record, add one, and make everything anew", unsigned(log, &refilled), &none, "root"),
        row("insert a record and make everything anew", unsigned(log, &inserted), &none, "root"),
        row("swap two records and make everything anew", unsigned(log, &turned), &none, "root"),
        row("cut the tail", without(&[&entries, &hashes]), &none, "missing_tile"),
        row("cut the tail's records", without(&[&entries]), &none, "missing_records"),
        row("cut the tail's hashes", without(&[&hashes]), &none, "missing_tile"),
        row("remove records", without(&[&"tile/entries/000".to_owned()]), &none, "missing_records"),
        row("remove the checkpoint", without(&[&"checkpoint".to_owned()]), &none, "checkpoint_missing"),
    ]
}
