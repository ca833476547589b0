//! Cosignatures: made and verified, and a changed one counts for nothing.

use super::super::fixtures::{cosigner, signing_key, some_flips};
use super::super::signed::Note;
use super::*;

const TEXT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

#[test]
fn the_time_is_signed_before_the_text() {
    let witness = cosigner("witness.example/w1", 9);
    let signature = witness.cosign(TEXT, 1_679_315_147);
    let (time, signed) = signature.bytes().split_at(8);
    assert_eq!(time, [0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb]);
    let message = format!("cosignature/v1\ntime 1679315147\n{TEXT}");
    assert!(witness.verifier().has_signed(message.as_bytes(), signed));
}

#[test]
fn a_cosignature_tells_its_time_and_any_flipped_bit_spoils_it() {
    let witness = cosigner("witness.example/w1", 9);
    for time in [0, 1, 1_679_315_147, MAX_TIME] {
        let signature = witness.cosign(TEXT, time);
        assert_eq!(check(TEXT, witness.verifier(), signature.bytes()), Some(time));
        for (at, flipped) in some_flips(signature.bytes()) {
            assert_eq!(check(TEXT, witness.verifier(), &flipped), None, "byte {at}");
        }
    }
    assert_eq!(check(TEXT, witness.verifier(), &[]), None);
    assert_eq!(check(TEXT, cosigner("witness.example/w1", 8).verifier(), witness.cosign(TEXT, 1).bytes()), None);
}

#[test]
fn times_end_where_they_stop_being_positive_elsewhere() {
    let witness = cosigner("w.example", 9);
    assert_eq!(check(TEXT, witness.verifier(), witness.cosign(TEXT, u64::MAX).bytes()), Some(MAX_TIME));
    let late = [&u64::MAX.to_be_bytes(), witness.0.sign(message(TEXT, u64::MAX).as_bytes()).as_ref()].concat();
    assert_eq!(check(TEXT, witness.verifier(), &late), None);
}

#[test]
fn of_several_cosignatures_of_one_witness_the_latest_counts() {
    let (log, witness) = (signing_key("log.example", 1), cosigner("w.example", 2));
    let note = Note::sign(TEXT.to_owned(), &[&log]).unwrap();
    let note = [30, 50, 40].into_iter().fold(note, |note, time| note.with(witness.cosign(TEXT, time)).unwrap());
    let keys = [witness.verifier().clone()];
    assert_eq!(note.verify(&keys).unwrap().as_slice()[0].time, Some(50));
}
