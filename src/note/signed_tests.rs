//! Signed notes: strict reading, known and unknown keys, changed texts.

use proptest::prelude::*;

use super::super::fixtures::{cosigner, name, signing_key, some_flips};
use super::*;

/// The example in the documentation of Go's `golang.org/x/mod/sumdb/note`.
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn verify(note: &str, keys: &[VerifierKey]) -> Result<usize, VerifyNoteError> {
    Note::parse(note.as_bytes()).unwrap().verify(keys).map(|signers| signers.as_slice().len())
}

fn signed() -> (Note, VerifierKey) {
    let key = signing_key("log.example", 1);
    (Note::sign("one\n\ntwo\n".to_owned(), &[&key]).unwrap(), key.verifier().clone())
}

#[test]
fn the_note_of_go_verifies() {
    let key: VerifierKey = NEUMANN.parse().unwrap();
    assert_eq!(verify(NOTE, std::slice::from_ref(&key)), Ok(1));
    assert_eq!(Note::parse(NOTE.as_bytes()).unwrap().to_string(), NOTE);
    assert_eq!(verify(&NOTE.replace("your problem is", "your problem was"), &[key]), forged("PeterNeumann"));
}

fn forged<T>(key: &str) -> Result<T, VerifyNoteError> {
    Err(VerifyNoteError::Forged(name(key)))
}

#[test]
fn every_signature_of_a_known_key_must_be_right_and_one_is_needed() {
    let (note, key) = signed();
    let other = signing_key("other.example", 2);
    let both = Note::sign(note.text().to_owned(), &[&signing_key("log.example", 1), &other]).unwrap();
    let keys = [key.clone(), other.verifier().clone()];
    assert_eq!(both.verify(&keys).unwrap().count(Algorithm::Ed25519), 2);
    assert_eq!(both.verify(&keys[..1]).unwrap().as_slice(), [Signer { key: &key, time: None }]);
    assert_eq!(both.verify(&[]), Err(VerifyNoteError::Unknown));
    // The same name with another id, and the same id with another name, are other keys.
    assert_eq!(note.verify(&[signing_key("log.example", 3).verifier().clone()]), Err(VerifyNoteError::Unknown));
    let renamed = Signature { name: name("x.example"), ..note.signatures()[0].clone() };
    let renamed = Note { signatures: vec![renamed], ..note.clone() };
    assert_eq!(renamed.verify(&keys), Err(VerifyNoteError::Unknown));
    let mut wrong = note.signatures()[0].clone();
    wrong.bytes[5] ^= 1;
    let wrong = both.with(wrong).unwrap();
    assert_eq!(wrong.verify(&keys), forged("log.example"));
    assert_eq!(wrong.verify(&keys[1..]).unwrap().as_slice().len(), 1);
}

#[test]
fn the_last_blank_line_ends_the_text() {
    let (note, key) = signed();
    assert_eq!(note.to_string().matches("\n\n").count(), 2);
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!((read.text(), read.verify(&[key]).is_ok()), ("one\n\ntwo\n", true));
}

#[test]
fn a_note_has_one_form() {
    let line = signed().0.signatures()[0].to_string();
    let table = [
        ("", NoteError::Unsigned),
        ("text\n", NoteError::Unsigned),
        ("text\n\n", NoteError::Unsigned),
        (&format!("text\n{line}\n"), NoteError::Unsigned),
        (&format!("\n{line}\n"), NoteError::Unsigned),
        (&format!("text\n\n{line}"), NoteError::Unsigned),
        (&format!("text\n\n{line}\n\n"), NoteError::Unsigned),
        (&format!("text\n\n {line}\n"), NoteError::Signature),
        (&format!("text\n\n{line} \n"), NoteError::Signature),
        (&format!("text\n\n{}\n", line.replace('\u{2014}', "-")), NoteError::Signature),
        (&format!("text\n\n{}\n", line.replace("log.", "lo+g.")), NoteError::Signature),
        (&format!("text\n\n{}\n", line.replace("log.", "lo g.")), NoteError::Signature),
        (&format!("text\n\n{}\n", line.replace("log.example", "")), NoteError::Signature),
        ("text\n\n\u{2014} log.example AAAAAA==\n", NoteError::Signature),
        (&format!("text\n\n{line}\nmore\n"), NoteError::Signature),
        (&format!("te\txt\n\n{line}\n"), NoteError::Characters),
        (&format!("text\r\n\r\n{line}\r\n"), NoteError::Characters),
    ];
    for (note, error) in table {
        assert_eq!(Note::parse(note.as_bytes()), Err(error), "{note:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Characters));
    let key = signing_key("log.example", 1);
    assert_eq!(Note::sign("text".to_owned(), &[&key]), Err(NoteError::Text));
    assert_eq!(Note::sign("te\0xt\n".to_owned(), &[&key]), Err(NoteError::Characters));
    assert_eq!(Note::sign("text\n".to_owned(), &[]), Err(NoteError::Unsigned));
}

#[test]
fn size_and_number_of_signatures_are_limited() {
    let (mut note, _) = signed();
    for seed in 2..=64 {
        let more = Note::sign(note.text().to_owned(), &[&signing_key("log.example", seed)]).unwrap();
        note = note.with(more.signatures()[0].clone()).unwrap();
    }
    assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note.clone()));
    assert_eq!(note.clone().with(note.signatures()[3].clone()), Ok(note.clone()));
    let line = signed().0.signatures()[0].to_string().replace("log", "more");
    assert_eq!(note.clone().with(Signature::parse(&line).unwrap()), Err(NoteError::TooMany));
    assert_eq!(Note::parse(format!("{note}{line}\n").as_bytes()), Err(NoteError::TooMany));
    let key = signing_key("log.example", 1);
    let overhead = signed().0.to_string().len() - signed().0.text().len();
    let longest = format!("{}\n", "x".repeat(MAX_NOTE - overhead - 1));
    let note = Note::sign(longest.clone(), &[&key]).unwrap();
    assert_eq!(note.to_string().len(), MAX_NOTE);
    assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
    assert_eq!(Note::sign(format!("x{longest}"), &[&key]), Err(NoteError::TooLong));
    assert_eq!(Note::parse(&[b'x'; MAX_NOTE + 1]), Err(NoteError::TooLong));
}

#[test]
fn any_flipped_bit_is_noticed() {
    let (note, key) = signed();
    let witness = cosigner("w.example", 2);
    let note = note.with(witness.cosign("one\n\ntwo\n", 7)).unwrap();
    let keys = [key, witness.verifier().clone()];
    for (at, flipped) in some_flips(note.to_string().as_bytes()) {
        let signers = Note::parse(&flipped).ok().and_then(|note| note.verify(&keys).ok().map(|signers| signers.0.len()));
        // A changed name or id makes the signature that of an unknown key; the other one still counts.
        assert!(signers.is_none_or(|signers| signers < 2), "byte {at}");
    }
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(text in "[a-z\\n]{0,10}", lines in prop::collection::vec("\u{2014} [a-z+ ]{1,4} [AQg=]{4,8}", 0..4)) {
        let bytes = format!("{text}\n\n{}\n", lines.join("\n"));
        if let Ok(note) = Note::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_string(), bytes);
        }
    }

    #[test]
    fn what_is_signed_reads_and_verifies(text in "[^\\x00-\\x1f]{0,30}(\\n[^\\x00-\\x1f]{0,30}){0,5}", seeds in prop::collection::vec(1..20_u8, 1..4)) {
        let keys: Vec<_> = seeds.iter().map(|seed| signing_key("log.example", *seed)).collect();
        let note = Note::sign(format!("{text}\n"), &keys.iter().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note.clone()));
        let verifiers: Vec<_> = keys.iter().map(|key| key.verifier().clone()).collect();
        prop_assert_eq!(note.verify(&verifiers).unwrap().count(Algorithm::Ed25519), keys.len());
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Note::parse(&bytes);
    }
}
