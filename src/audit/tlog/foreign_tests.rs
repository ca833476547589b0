//! What other implementations have made, read by ours.
//!
//! `vectors/go.json` was written by `foreign/check_go.go` with golang.org/x/mod 0.7 (Debian's `golang-golang-x-mod-dev`, the code
//! behind Go's checksum database), `vectors/python.json` by `foreign/check_python.py` with the PyPI packages aics-tlog 0.2.1 and
//! aics-witness 0.1.0, whose roots pymerkle 7.0.0 agreed with in the same run. Leaf n is the decimal text of n. The same two programs
//! check the other direction: they accept what the example `emit` writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fixtures::{Tree, hex, leaf};
use super::merkle::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
use super::rotation::KeySchedule;
use super::tile::growth;
use super::witness::KnownLog;
use super::*;

fn go() -> Value {
    serde_json::from_str(include_str!("vectors/go.json")).unwrap()
}

fn python() -> Value {
    serde_json::from_str(include_str!("vectors/python.json")).unwrap()
}

fn text<'a>(vectors: &'a Value, key: &str) -> &'a str {
    vectors[key].as_str().unwrap()
}

fn hashes(list: &Value) -> Vec<TreeHash> {
    let hash = |text: &Value| TreeHash::from_bytes(hex(text.as_str().unwrap()).try_into().unwrap());
    list.as_array().unwrap().iter().map(hash).collect()
}

/// The names of the widest tiles: Go names every width on the way.
fn widest(list: &Value) -> BTreeSet<String> {
    let tiles = list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().parse::<Tile>().unwrap());
    let mut widest = BTreeMap::new();
    for tile in tiles {
        let seen = widest.entry((tile.content(), tile.index())).or_insert(tile);
        *seen = (*seen).max(tile);
    }
    widest.into_values().map(|tile| tile.to_string()).collect()
}

#[test]
fn proofs_of_go_and_python_are_ours_and_verify() {
    let tree = Tree::of(600);
    for vectors in [go(), python()] {
        for vector in vectors["proofs"].as_array().unwrap() {
            let [index, size] = ["index", "size"].map(|key| vector[key].as_u64().unwrap());
            let [path, proof, roots] = ["inclusion", "consistency", "roots"].map(|key| hashes(&vector[key]));
            let hash = TreeHash::leaf(&leaf(index));
            assert_eq!(verify_inclusion(&hash, index, size, &path, &roots[1]), Ok(()));
            assert_eq!(prove_inclusion(index, size, &tree), Ok(path));
            assert_eq!(prove_consistency(index, size, &tree), Ok(proof.clone()));
            // Go has no root for an empty tree and writes zeros.
            if index > 0 {
                assert_eq!(verify_consistency(index, size, &proof, &roots[0], &roots[1]), Ok(()));
            }
        }
    }
}

#[test]
fn checkpoints_of_go_and_python_verify() {
    for (vectors, size) in [(go(), 600), (python(), 300)] {
        let key: VerifierKey = text(&vectors, "vkey").parse().unwrap();
        let trust = Trust::new(key.name().as_str(), KeySchedule::new(key.clone()).unwrap());
        let signed = SignedCheckpoint::parse(text(&vectors, "checkpoint").as_bytes()).unwrap();
        assert_eq!(signed.to_string(), text(&vectors, "checkpoint"));
        let verified = trust.verify(&signed).unwrap();
        assert_eq!((verified.checkpoint().size(), verified.checkpoint().root()), (size, &Tree::of(size).frontier.root()));
    }
}

#[test]
fn a_cosignature_of_python_counts() {
    let vectors = python();
    let [key, witness] = ["vkey", "witness"].map(|key| text(&vectors, key).parse::<VerifierKey>().unwrap());
    let trust = Trust::new(key.name().as_str(), KeySchedule::new(key.clone()).unwrap());
    let trust = trust.with_witnesses(vec![witness.clone()], 1).unwrap();
    let signed = SignedCheckpoint::parse(text(&vectors, "checkpoint").as_bytes()).unwrap();
    assert_eq!(trust.verify(&signed).unwrap().cosigned(), [(witness.name().clone(), 1_700_000_123)]);
}

#[test]
fn a_request_of_python_is_judged_and_its_answer_accepted() {
    let vectors = python();
    let [key, witness] = ["vkey", "witness"].map(|key| text(&vectors, key).parse::<VerifierKey>().unwrap());
    let body = text(&vectors, "request");
    let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
    assert_eq!(request.to_string(), body);
    let last = Checkpoint::new(key.name(), 100, Tree::of(100).frontier.root()).unwrap();
    assert_eq!(hex(text(&vectors, "root100")), last.root().as_bytes());
    let log = KnownLog::new(vec![key.clone()], Some(&last)).unwrap();
    let mut judge = Witness::new(BTreeMap::from([(key.name().as_str().to_owned(), log)]));
    assert!(judge.judge(body.as_bytes()).is_ok());
    let cosigned = request.accept(text(&vectors, "answer").as_bytes(), &[witness]).unwrap();
    assert_eq!(cosigned.to_string(), text(&vectors, "checkpoint"));
}

#[test]
fn tiles_have_the_names_that_go_and_python_give_them() {
    let ours = |old, new| growth(old, new).map(|tile| tile.to_string());
    let hash_tiles = |old, new| ours(old, new).filter(|name| !name.contains("entries")).collect::<BTreeSet<_>>();
    assert_eq!(hash_tiles(0, 600), widest(&go()["tiles"]));
    assert_eq!(hash_tiles(256, 600), widest(&go()["grown"]));
    assert_eq!(ours(0, 300).collect::<BTreeSet<_>>(), widest(&python()["tiles"]));
    let big = Tile::in_tree(tile::Content::Hashes(1), 1_234_067, ((1_234_067 << 8) + 17) << 8).unwrap();
    assert_eq!(big.to_string(), text(&go(), "big"));
}
