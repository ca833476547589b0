//! The log against what was put away of it, of other logs, and of nothing.

use super::super::fixtures::log::{FakeLog, ORIGIN, pkcs8};
use super::*;
use crate::audit::tlog::{KeyName, SigningKey};

fn held(log: &FakeLog, note: &str) -> Result<u64, String> {
    let place: Arc<str> = "the anchor".into();
    match hold(log, log.size(), &place, note.as_bytes()) {
        Ok(seen) => Ok(seen.size()),
        Err(HoldError::Mismatch(mismatch)) => Err(mismatch.to_string()),
        Err(HoldError::Source(error)) => panic!("{error:?}"),
    }
}

#[test]
fn a_log_that_only_grew_holds_against_all_of_its_past() {
    let log = FakeLog::of(700);
    for size in [0, 1, 255, 256, 300, 512, 699, 700] {
        assert_eq!(held(&log, &FakeLog::of(size).checkpoint().to_string()), Ok(size));
    }
}

#[test]
fn a_contradiction_says_which_one_it_is() {
    let log = FakeLog::of(700);
    let forked = FakeLog::of(500);
    forked.turn("other");
    forked.append(100);
    let stranger = SigningKey::from_pkcs8(KeyName::new(ORIGIN).unwrap(), &pkcs8(9)).unwrap();
    let stranger = SignedCheckpoint::sign(log.checkpoint().checkpoint().clone(), &[&stranger]).unwrap();
    let named = SigningKey::from_pkcs8(KeyName::new("other.example").unwrap(), &pkcs8(1)).unwrap();
    let other = Checkpoint::new(&KeyName::new("other.example").unwrap(), 5, TreeHash::EMPTY).unwrap();
    let other = SignedCheckpoint::sign(other, &[&named]).unwrap();
    let good = log.checkpoint().to_string();
    let table = [
        (FakeLog::of(701).checkpoint().to_string(), "was rolled back: `the anchor` has seen 701 records, the log has 700"),
        (forked.checkpoint().to_string(), "its first 600 records are not those"),
        (stranger.to_string(), "has not signed"),
        (other.to_string(), "has not signed"),
        (good.replace("\n700\n", "\n600\n"), "has not signed"),
        (String::new(), "is no checkpoint"),
        (good.replace("\n700\n", "\n0700\n"), "is no checkpoint"),
    ];
    for (note, expected) in table {
        let found = held(&log, &note).unwrap_err();
        assert!(found.contains(expected) && found.contains("`the anchor`"), "{found}");
    }
}
