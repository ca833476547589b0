//! What is believed: the right log, keys and witnesses, and enough of them.

use super::super::fixtures::{ORIGIN, Tree, cosigner, name, signing_key};
use super::super::merkle::prove_consistency;
use super::*;

fn key(seed: u8) -> VerifierKey {
    signing_key(ORIGIN, seed).verifier().clone()
}

fn witness(seed: u8) -> VerifierKey {
    cosigner(&format!("w{seed}.example"), seed).verifier().clone()
}

fn trust() -> Trust {
    Trust::new(ORIGIN, KeySchedule::new(key(1)).unwrap())
}

/// The checkpoint of five leaves, cosigned by the witnesses of these seeds at the time of the same number.
fn cosigned(seeds: &[u8]) -> SignedCheckpoint {
    seeds.iter().fold(Tree::of(5).signed(), |signed, seed| {
        let witness = cosigner(&format!("w{seed}.example"), *seed);
        let cosignature = witness.cosign(signed.note().text(), u64::from(*seed));
        signed.with(cosignature).unwrap()
    })
}

#[test]
fn origin_and_key_must_be_the_logs() {
    let signed = Tree::of(5).signed();
    assert_eq!(trust().verify(&signed).unwrap().checkpoint(), signed.checkpoint());
    let other = Trust::new("other", KeySchedule::new(key(1)).unwrap());
    assert_eq!(other.verify(&signed), Err(DistrustError::Origin(ORIGIN.to_owned())));
    let other = Trust::new(ORIGIN, KeySchedule::new(key(2)).unwrap());
    assert_eq!(other.verify(&signed), Err(DistrustError::Unsigned));
    let forged = signed.to_string().replace("\n5\n", "\n4\n");
    let forged = SignedCheckpoint::parse(forged.as_bytes()).unwrap();
    assert_eq!(trust().verify(&forged), Err(DistrustError::Forged(VerifyNoteError::Forged(name(ORIGIN)))));
}

#[test]
fn a_witness_alone_is_not_the_log() {
    let witness = cosigner("w9.example", 9);
    let text = Tree::of(5).checkpoint().to_string();
    let line = witness.cosign(&text, 1).to_string();
    let signed = SignedCheckpoint::parse(format!("{text}\n{line}\n").as_bytes()).unwrap();
    let trust = trust().with_witnesses(vec![witness.verifier().clone()], 1).unwrap();
    assert_eq!(trust.verify(&signed), Err(DistrustError::Unsigned));
}

#[test]
fn a_retired_key_cannot_sign_longer_logs_nor_a_new_one_shorter_ones() {
    let sign = |size, seed| SignedCheckpoint::sign(Tree::of(size).checkpoint(), &[&signing_key(ORIGIN, seed)]).unwrap();
    let both = SignedCheckpoint::sign(Tree::of(5).checkpoint(), &[&signing_key(ORIGIN, 1), &signing_key(ORIGIN, 2)]).unwrap();
    let keys = KeySchedule::new(key(1)).unwrap().rotate(&both, key(2)).unwrap();
    let trust = Trust::new(ORIGIN, keys);
    for (size, seed) in [(4, 1), (5, 1), (5, 2), (6, 2)] {
        assert!(trust.verify(&sign(size, seed)).is_ok(), "size {size}, key {seed}");
    }
    assert_eq!(trust.verify(&sign(6, 1)), Err(DistrustError::OutOfTerm(6)));
    assert_eq!(trust.verify(&sign(4, 2)), Err(DistrustError::OutOfTerm(4)));
}

#[test]
fn enough_known_witnesses_must_have_signed() {
    let trust = trust().with_witnesses(vec![witness(7), witness(8), witness(9)], 2).unwrap();
    let few = |found| Err(DistrustError::Witnesses { found, quorum: 2 });
    assert_eq!(trust.verify(&cosigned(&[])), few(0));
    assert_eq!(trust.verify(&cosigned(&[7, 10])), few(1));
    let verified = trust.verify(&cosigned(&[9, 10, 7])).unwrap();
    assert_eq!(verified.cosigned(), [(name("w7.example"), 7), (name("w9.example"), 9)]);
    // One witness twice is still one.
    let signed = cosigned(&[7]);
    let again = cosigner("w7.example", 7).cosign(signed.note().text(), 70);
    assert_eq!(trust.verify(&signed.with(again).unwrap()), few(1));
}

#[test]
fn trust_that_could_be_cheated_cannot_be_put() {
    let twice = vec![witness(7), cosigner("alias.example", 7).verifier().clone()];
    assert_eq!(trust().with_witnesses(twice, 1).unwrap_err(), TrustError::Twice);
    assert_eq!(trust().with_witnesses(vec![key(3)], 1).unwrap_err(), TrustError::Algorithm);
    let quorum = TrustError::Quorum { quorum: 2, witnesses: 1 };
    assert_eq!(trust().with_witnesses(vec![witness(7)], 2).unwrap_err(), quorum);
}

#[test]
fn a_log_that_was_rewritten_or_rolled_back_does_not_continue() {
    let (old, new) = (Tree::of(3), Tree::of(5));
    let proof = prove_consistency(3, 5, &new).unwrap();
    let (older, newer) = (trust().verify(&old.signed()).unwrap(), trust().verify(&new.signed()).unwrap());
    assert_eq!(newer.continues(older.checkpoint(), &proof), Ok(()));
    assert_eq!(older.continues(newer.checkpoint(), &proof), Err(ProofError::Shrunk { old: 5, new: 3 }));
    let fork = Checkpoint::parse(&format!("{ORIGIN}\n3\n{}\n", TreeHash::leaf(b"fork"))).unwrap();
    assert_eq!(newer.continues(&fork, &proof), Err(ProofError::OldRoot));
}
