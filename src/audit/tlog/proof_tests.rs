//! Receipts: read, written, verified, and refused when anything in them was changed.

use proptest::prelude::*;

use super::super::fixtures::{ORIGIN, Tree, cosigner, leaf, signing_key, some_flips};
use super::super::merkle::prove_inclusion;
use super::super::rotation::KeySchedule;
use super::*;

fn trust() -> Trust {
    let keys = KeySchedule::new(signing_key(ORIGIN, 1).verifier().clone()).unwrap();
    Trust::new(ORIGIN, keys).with_witnesses(vec![cosigner("w.example", 2).verifier().clone()], 1).unwrap()
}

fn proof(index: u64, size: u64) -> Proof {
    let tree = Tree::of(size);
    let signed = tree.signed();
    let cosignature = cosigner("w.example", 2).cosign(signed.note().text(), 1_700_000_000);
    let signed = signed.with(cosignature).unwrap();
    Proof::new(index, prove_inclusion(index, size, &tree).unwrap(), signed).unwrap()
}

#[test]
fn a_proof_says_where_the_leaf_stands_and_verifies_alone() {
    let text = proof(2, 3).to_string();
    let begin = format!("c2sp.org/tlog-proof@v1\nindex 2\n{}\n\n{ORIGIN}\n3\n", Tree::of(2).frontier.root());
    assert!(text.starts_with(&begin), "{text}");
    let read = Proof::parse(text.as_bytes()).unwrap();
    let verified = read.verify(&leaf(2), &trust()).unwrap();
    assert_eq!((read.index(), verified.checkpoint().size(), verified.cosigned()[0].1), (2, 3, 1_700_000_000));
    assert_eq!(read.verify(&leaf(1), &trust()), Err(VerifyProofError::Inclusion(ProofError::Root)));
}

#[test]
fn every_leaf_of_every_small_log_has_a_proof() {
    for size in 1..20 {
        for index in 0..size {
            let proof = Proof::parse(proof(index, size).to_string().as_bytes()).unwrap();
            assert!(proof.verify(&leaf(index), &trust()).is_ok(), "leaf {index} of {size}");
        }
    }
}

#[test]
fn any_flipped_bit_of_proof_or_leaf_is_noticed() {
    let text = proof(4, 7).to_string();
    for (at, flipped) in some_flips(text.as_bytes()) {
        let accepted = Proof::parse(&flipped).is_ok_and(|proof| proof.verify(&leaf(4), &trust()).is_ok());
        assert!(!accepted, "byte {at} of {text:?}");
    }
    let proof = proof(4, 7);
    assert!(some_flips(&leaf(4)).all(|(_, flipped)| proof.verify(&flipped, &trust()).is_err()));
}

#[test]
fn extra_data_comes_along_unsigned() {
    let extra = proof(0, 1).with_extra(vec![0, 255]).unwrap();
    assert_eq!(extra.to_string().lines().nth(1), Some("extra AP8="));
    let read = Proof::parse(extra.to_string().as_bytes()).unwrap();
    assert_eq!((read.extra(), read.verify(&leaf(0), &trust()).is_ok()), ([0, 255].as_slice(), true));
    assert_eq!(proof(0, 1).with_extra(Vec::new()), Ok(proof(0, 1)));
    assert_eq!(proof(0, 1).with_extra(vec![0; MAX_EXTRA + 1]), Err(ProofFormError::Extra));
    let most = proof(0, 1).with_extra(vec![0; MAX_EXTRA]).unwrap();
    assert_eq!(Proof::parse(most.to_string().as_bytes()), Ok(most));
}

#[test]
fn a_proof_has_one_form() {
    let text = proof(2, 3).to_string();
    let hash = format!("{}\n", Tree::of(2).frontier.root());
    let table = [
        (text.replace("@v1", "@v2"), ProofFormError::Magic),
        (format!("\n{text}"), ProofFormError::Magic),
        (text.replace("index", "extra \nindex"), ProofFormError::Extra),
        (text.replace("index", "extra AAB=\nindex"), ProofFormError::Extra),
        (text.replace("index", "extra AAA=\nextra AAA=\nindex"), ProofFormError::Index),
        (text.replace("index 2", "index 02"), ProofFormError::Index),
        (text.replace("index 2", "index 18446744073709551616"), ProofFormError::Index),
        (text.replace("index 2\n", ""), ProofFormError::Index),
        (text.replace(&hash, &format!("{hash} ")), ProofFormError::Hashes),
        (text.replace(&hash, &hash.repeat(64)), ProofFormError::Hashes),
        (text.replace(&hash, &hash.replace('=', "")), ProofFormError::Hashes),
        (text.replace("\n3\n", "\n03\n"), ProofFormError::Checkpoint(CheckpointError::Size)),
    ];
    for (text, error) in table {
        assert_eq!(Proof::parse(text.as_bytes()), Err(error), "{text:?}");
    }
    assert_eq!(Proof::parse(&vec![b'c'; MAX_BYTES + 1]), Err(ProofFormError::Text));
    assert_eq!(Proof::new(0, vec![TreeHash::EMPTY; 64], Tree::of(1).signed()), Err(ProofFormError::Hashes));
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(index: u64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..64), extra: Vec<u8>) {
        let hashes = hashes.into_iter().map(TreeHash::from_bytes).collect();
        let proof = Proof::new(index, hashes, Tree::of(3).signed()).unwrap().with_extra(extra).unwrap();
        prop_assert_eq!(Proof::parse(proof.to_string().as_bytes()), Ok(proof));
    }

    #[test]
    fn a_cut_or_stirred_proof_never_verifies(from in 0..600_usize, length in 1..30_usize, insert in "[0-9a-zA-Z+/=\\n \u{2014}]{0,30}") {
        let text = proof(4, 7).to_string().into_bytes();
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        let stirred = [&text[..from], insert.as_bytes(), &text[to..]].concat();
        let accepted = Proof::parse(&stirred).is_ok_and(|proof| proof.verify(&leaf(4), &trust()).is_ok());
        prop_assert!(!accepted || stirred == text || stirred.len() > text.len());
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(extra |index )?[0-9A-Z=\\n]{0,60}") {
        let _ = (Proof::parse(&bytes), Proof::parse(format!("{MAGIC}{text}").as_bytes()));
    }
}
