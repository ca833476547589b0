//! Keys that follow each other: each counts for its own part of the log.

use proptest::prelude::*;

use super::super::checkpoint::Checkpoint;
use super::super::fixtures::{ORIGIN, Tree, cosigner, name, signing_key};
use super::super::note::SigningKey;
use super::*;

fn key(seed: u8) -> SigningKey {
    signing_key(ORIGIN, seed)
}

fn verifier(seed: u8) -> VerifierKey {
    key(seed).verifier().clone()
}

fn first() -> KeySchedule {
    KeySchedule::new(verifier(1)).unwrap()
}

/// The checkpoint at `size`, signed with the keys of these seeds.
fn signed(size: u64, seeds: &[u8]) -> SignedCheckpoint {
    let keys: Vec<_> = seeds.iter().map(|seed| key(*seed)).collect();
    SignedCheckpoint::sign(Tree::of(size).checkpoint(), &keys.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_key_follows_another_where_both_have_signed() {
    let schedule = first().rotate(&signed(7, &[1, 2]), verifier(2)).unwrap();
    let schedule = schedule.rotate(&signed(9, &[2, 3]), verifier(3)).unwrap();
    assert_eq!(schedule.current(), &verifier(3));
    assert_eq!(schedule.keys_at(0), [verifier(1)]);
    assert_eq!(schedule.keys_at(6), [verifier(1)]);
    assert_eq!(schedule.keys_at(7), [verifier(1), verifier(2)]);
    assert_eq!(schedule.keys_at(8), [verifier(2)]);
    assert_eq!(schedule.keys_at(9), [verifier(2), verifier(3)]);
    assert_eq!(schedule.keys_at(u64::MAX), [verifier(3)]);
    assert_eq!(schedule.to_string().parse(), Ok(schedule));
}

#[test]
fn a_rotation_that_breaks_a_rule_is_refused() {
    let schedule = first().rotate(&signed(7, &[1, 2]), verifier(2)).unwrap();
    let rotate = |signed: SignedCheckpoint, key| schedule.rotate(&signed, key).unwrap_err();
    assert_eq!(rotate(signed(9, &[3]), verifier(3)), RotationError::Unsigned);
    assert_eq!(rotate(signed(9, &[2]), verifier(3)), RotationError::Unsigned);
    assert_eq!(rotate(signed(9, &[1, 3]), verifier(3)), RotationError::Unsigned);
    assert_eq!(rotate(signed(7, &[2, 3]), verifier(3)), RotationError::Empty(7));
    assert_eq!(rotate(signed(9, &[2, 1]), verifier(1)), RotationError::Key);
    assert_eq!(rotate(signed(9, &[2]), verifier(2)), RotationError::Key);
    assert_eq!(rotate(signed(9, &[2]), cosigner(ORIGIN, 3).verifier().clone()), RotationError::Key);
    assert_eq!(rotate(signed(9, &[2]), signing_key("other", 3).verifier().clone()), RotationError::Key);
    let other = Checkpoint::new(&name("other"), 9, *Tree::of(9).checkpoint().root()).unwrap();
    let other = SignedCheckpoint::sign(other, &[&key(2), &key(3)]).unwrap();
    assert_eq!(rotate(other, verifier(3)), RotationError::Origin("other".to_owned()));
    let forged = signed(9, &[2, 3]).to_string().replace("\n9\n", "\n8\n");
    let forged = SignedCheckpoint::parse(forged.as_bytes()).unwrap();
    assert!(matches!(rotate(forged, verifier(3)), RotationError::Forged(_)));
}

#[test]
fn a_schedule_has_one_form() {
    let (a, b) = (verifier(1), verifier(2));
    let table = [
        (String::new(), ScheduleError::Ends),
        (format!("0 - {a}"), ScheduleError::Ends),
        (format!("0 7 {a}\n"), ScheduleError::Ends),
        (format!("0 7 {a}\n\n"), ScheduleError::Line(2)),
        (format!("00 - {a}\n"), ScheduleError::Line(1)),
        (format!("0  - {a}\n"), ScheduleError::Line(1)),
        (format!("0 - {a} \n"), ScheduleError::Line(1)),
        (format!("0 - {a}\n7 - {b}\n"), ScheduleError::Order(2)),
        (format!("0 7 {a}\n8 - {b}\n"), ScheduleError::Order(2)),
        (format!("0 7 {a}\n6 - {b}\n"), ScheduleError::Order(2)),
        (format!("7 7 {a}\n7 - {b}\n"), ScheduleError::Order(1)),
        (format!("0 7 {a}\n7 - {a}\n"), ScheduleError::Reused(2)),
        (format!("0 - {}\n", cosigner(ORIGIN, 1).verifier()), ScheduleError::Algorithm),
    ];
    for (text, error) in table {
        assert_eq!(text.parse::<KeySchedule>(), Err(error), "{text:?}");
    }
    assert_eq!(KeySchedule::new(cosigner(ORIGIN, 1).verifier().clone()), Err(ScheduleError::Algorithm));
}

#[test]
fn a_schedule_may_begin_late_and_then_knows_nothing_earlier() {
    let late: KeySchedule = format!("100 - {}\n", verifier(1)).parse().unwrap();
    assert_eq!((late.keys_at(99), late.keys_at(100)), (Vec::new(), vec![verifier(1)]));
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "([0-9]{1,3} [0-9-]{1,3} [a-z+]{0,6}\n){0,3}") {
        prop_assert!(text.parse::<KeySchedule>().is_err());
    }
}
