//! No change of a signed directory goes unnoticed: not of a byte of a file or of the signature, not of a name, not of what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::manifest::Manifest;
use super::tree::sha256;
use super::{Signing, Tree};
use crate::note::fixtures::{flips, signing_key};
use crate::note::{Note, VerifierKey};

fn tree(files: &BTreeMap<String, Vec<u8>>) -> Tree {
    let files = files.iter().map(|(name, bytes)| (name.clone(), Arc::from(bytes.as_slice()))).collect();
    Tree { files, signature: None }
}

fn signed(files: &BTreeMap<String, Vec<u8>>, version: u64) -> (Tree, VerifierKey) {
    let key = signing_key("policies.example", 1);
    let mut tree = tree(files);
    tree.signature = Some(Signing::of(&tree, &[&key], Some(version)).unwrap().text.into_bytes());
    (tree, key.verifier().clone())
}

fn holds(tree: Tree, key: &VerifierKey) -> bool {
    tree.verify(std::slice::from_ref(key), 0).is_ok()
}

#[test]
fn every_changed_bit_of_a_signature_is_found() {
    let files = [("a.cedar".to_owned(), b"permit".to_vec()), ("b.json".to_owned(), b"[]".to_vec())].into();
    let (tree, key) = signed(&files, 7);
    assert!(holds(tree.clone(), &key));
    let signature = tree.signature.clone().unwrap();
    let mut tried = 0;
    for (at, changed) in flips(&signature) {
        let changed = Tree { signature: Some(changed), ..tree.clone() };
        assert!(!holds(changed, &key), "byte {at}");
        tried += 1;
    }
    assert_eq!(tried, signature.len() * 8);
    for length in 0..signature.len() {
        let cut = Tree { signature: Some(signature[..length].to_vec()), ..tree.clone() };
        assert!(!holds(cut, &key), "{length}");
    }
}

#[derive(Debug, Clone)]
enum Change {
    Flip(usize, usize, u8),
    Append(usize, u8),
    Cut(usize),
    Remove(usize),
    Add(String, Vec<u8>),
    Rename(usize, String),
    Swap(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let name = "[a-e]{1,3}\\.(cedar|json)";
    prop_oneof![
        (any::<usize>(), any::<usize>(), 0_u8..8).prop_map(|(file, byte, bit)| Change::Flip(file, byte, bit)),
        (any::<usize>(), any::<u8>()).prop_map(|(file, byte)| Change::Append(file, byte)),
        any::<usize>().prop_map(Change::Cut),
        any::<usize>().prop_map(Change::Remove),
        (name, proptest::collection::vec(any::<u8>(), 0..8)).prop_map(|(name, bytes)| Change::Add(name, bytes)),
        (any::<usize>(), name).prop_map(|(file, name)| Change::Rename(file, name)),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

fn apply(files: &mut BTreeMap<String, Vec<u8>>, change: Change) {
    let names: Vec<String> = files.keys().cloned().collect();
    let pick = |number: usize| names.get(number % names.len().max(1)).cloned().unwrap_or_default();
    match change {
        Change::Flip(file, byte, bit) => {
            if let Some(bytes) = files.get_mut(&pick(file)).filter(|bytes| !bytes.is_empty()) {
                let at = byte % bytes.len();
                bytes[at] ^= 1 << bit;
            }
        }
        Change::Append(file, byte) => files.get_mut(&pick(file)).into_iter().for_each(|bytes| bytes.push(byte)),
        Change::Cut(file) => _ = files.get_mut(&pick(file)).and_then(Vec::pop),
        Change::Remove(file) => _ = files.remove(&pick(file)),
        Change::Add(name, bytes) => _ = files.insert(name, bytes),
        Change::Rename(file, name) => {
            if let Some(bytes) = files.remove(&pick(file)) {
                files.insert(name, bytes);
            }
        }
        Change::Swap(one, other) => {
            let (one, other) = (pick(one), pick(other));
            if let (Some(first), Some(second)) = (files.get(&one).cloned(), files.get(&other).cloned()) {
                files.insert(one, second);
                files.insert(other, first);
            }
        }
    }
}

proptest! {
    #[test]
    fn files_hold_exactly_when_they_are_those_that_were_signed(
        files in proptest::collection::btree_map("[a-e]{1,3}\\.(cedar|json)", proptest::collection::vec(any::<u8>(), 0..16), 1..6),
        changes in proptest::collection::vec(change(), 1..3),
        version in 1_u64..100,
    ) {
        let (original, key) = signed(&files, version);
        let mut changed = files.clone();
        changes.into_iter().for_each(|change| apply(&mut changed, change));
        let now = Tree { signature: original.signature, ..tree(&changed) };
        prop_assert_eq!(holds(now, &key), changed == files);
        // Nor does a list that nobody trusted has signed, however right it is.
        let digests = changed.iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect();
        let list = Manifest::new(version, digests).unwrap();
        let forged = Note::sign(list.to_string(), &[&signing_key("policies.example", 2)]).unwrap();
        let forged = Tree { signature: Some(forged.to_string().into_bytes()), ..tree(&changed) };
        prop_assert!(!holds(forged, &key));
    }
}
