//! Proofs against brute force, for all small trees and some large ones.

use std::convert::Infallible;

use proptest::prelude::*;

use super::super::fixtures::{Tree, leaf, some_flips};
use super::*;

/// The definitions of RFC 6962, section 2.1, word for word: slow, recursive, and plainly right.
mod definition {
    use super::TreeHash;

    fn half(leaves: &[TreeHash]) -> usize {
        leaves.len().next_power_of_two() / 2
    }

    pub(super) fn root(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [] => TreeHash::EMPTY,
            [leaf] => *leaf,
            leaves => TreeHash::node(&root(&leaves[..half(leaves)]), &root(&leaves[half(leaves)..])),
        }
    }

    pub(super) fn path(m: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(half(leaves));
        let (mut path, sister) = if m < left.len() { (path(m, left), right) } else { (path(m - left.len(), right), left) };
        path.push(root(sister));
        path
    }

    pub(super) fn subproof(m: usize, leaves: &[TreeHash], whole: bool) -> Vec<TreeHash> {
        if m == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(half(leaves));
        let (mut proof, sister) =
            if m <= left.len() { (subproof(m, left, whole), right) } else { (subproof(m - left.len(), right, false), left) };
        proof.push(root(sister));
        proof
    }
}

fn leaves(size: usize) -> Vec<TreeHash> {
    (0..size).map(|index| TreeHash::leaf(&leaf(index as u64))).collect()
}

#[test]
fn every_proof_of_every_small_tree_is_the_defined_one_and_verifies() {
    let tree = Tree::of(130);
    let leaves = leaves(130);
    let roots: Vec<_> = (0..=130).map(|size| definition::root(&leaves[..size])).collect();
    for size in 0..=130_usize {
        let new = size as u64;
        assert_eq!(root(new, &tree), Ok(roots[size]));
        assert_eq!(Tree::of(new).frontier.root(), roots[size]);
        for other in 0..size {
            let old = other as u64;
            let path = prove_inclusion(old, new, &tree).unwrap();
            assert_eq!(path, definition::path(other, &leaves[..size]), "leaf {other} of {size}");
            assert_eq!(verify_inclusion(&leaves[other], old, new, &path, &roots[size]), Ok(()));
            let proof = prove_consistency(old, new, &tree).unwrap();
            let defined = if other == 0 { Vec::new() } else { definition::subproof(other, &leaves[..size], true) };
            assert_eq!(proof, defined, "{other} to {size}");
            assert_eq!(verify_consistency(old, new, &proof, &roots[other], &roots[size]), Ok(()));
        }
    }
}

/// RFC 9162, section 2.1.5.
#[test]
fn proofs_are_those_of_the_example_with_seven_leaves() {
    let tree = Tree::of(7);
    let at = |level, index| tree.read(Node { level, index }).unwrap();
    let [a, b, c, d, e, f, j] = [0, 1, 2, 3, 4, 5, 6].map(|index| at(0, index));
    let (g, h, i) = (TreeHash::node(&a, &b), TreeHash::node(&c, &d), TreeHash::node(&e, &f));
    let (k, l) = (TreeHash::node(&g, &h), TreeHash::node(&i, &j));
    assert_eq!(tree.frontier.root(), TreeHash::node(&k, &l));
    let path = |index| prove_inclusion(index, 7, &tree).unwrap();
    assert_eq!([path(0), path(3), path(4)], [vec![b, h, l], vec![c, g, l], vec![f, j, k]]);
    assert_eq!(path(6), [i, k]);
    let proof = |old| prove_consistency(old, 7, &tree).unwrap();
    assert_eq!(proof(3), [c, d, g, l]);
    assert_eq!(proof(4), [l]);
    assert_eq!(proof(6), [i, j, k]);
}

#[test]
fn what_cannot_be_proven_is_refused() {
    let tree = Tree::of(5);
    let none = TreeHash::EMPTY;
    assert_eq!(prove_inclusion(5, 5, &tree), Err(ProveError::Impossible(ProofError::NoSuchLeaf { index: 5, size: 5 })));
    assert_eq!(prove_consistency(6, 5, &tree), Err(ProveError::Impossible(ProofError::Shrunk { old: 6, new: 5 })));
    let missing = Node { level: 2, index: 1 };
    assert_eq!(prove_inclusion(0, 8, &tree), Err(ProveError::Read { node: missing, source: missing }));
    assert_eq!(verify_inclusion(&none, 0, 0, &[], &none), Err(ProofError::NoSuchLeaf { index: 0, size: 0 }));
    assert_eq!(verify_inclusion(&none, 0, u64::MAX, &[], &none), Err(ProofError::TooLarge(u64::MAX)));
    assert_eq!(verify_consistency(0, u64::MAX, &[], &none, &none), Err(ProofError::TooLarge(u64::MAX)));
    assert_eq!(verify_consistency(2, 1, &[], &none, &none), Err(ProofError::Shrunk { old: 2, new: 1 }));
}

#[test]
fn the_empty_tree_begins_every_tree_and_a_tree_begins_itself() {
    let (some, other) = (TreeHash::leaf(b"1"), TreeHash::leaf(b"2"));
    assert_eq!(verify_consistency(0, 7, &[], &TreeHash::EMPTY, &some), Ok(()));
    assert_eq!(verify_consistency(0, 7, &[], &some, &some), Err(ProofError::OldRoot));
    assert_eq!(verify_consistency(0, 7, &[some], &TreeHash::EMPTY, &some), Err(ProofError::Length));
    assert_eq!(verify_consistency(0, 0, &[], &TreeHash::EMPTY, &some), Err(ProofError::OldRoot));
    assert_eq!(verify_consistency(7, 7, &[], &some, &some), Ok(()));
    assert_eq!(verify_consistency(7, 7, &[], &some, &other), Err(ProofError::OldRoot));
    assert_eq!(verify_consistency(7, 7, &[some], &some, &some), Err(ProofError::Length));
}

/// A tree of any size in which all leaves but one are the same, so that every hash can be computed when it is asked for.
struct Vast {
    special: u64,
    plain: Vec<TreeHash>,
}

impl Vast {
    fn new(special: u64) -> Self {
        let grow = |hash: &TreeHash| Some(TreeHash::node(hash, hash));
        Self { special, plain: std::iter::successors(Some(TreeHash::leaf(b"plain")), grow).take(63).collect() }
    }
}

impl HashReader for Vast {
    type Error = Infallible;

    fn read(&self, node: Node) -> Result<TreeHash, Infallible> {
        if self.special >> node.level != node.index {
            return Ok(self.plain[usize::from(node.level)]);
        }
        let climb = |hash, level: u8| match (self.special >> level) & 1 {
            0 => TreeHash::node(&hash, &self.plain[usize::from(level)]),
            _ => TreeHash::node(&self.plain[usize::from(level)], &hash),
        };
        Ok((0..node.level).fold(TreeHash::leaf(b"special"), climb))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn vast_trees_prove_as_small_ones_do(size in 2..=MAX_SIZE, shift in 0..62_u32, index: u64, old: u64, bit in 0..62_u32) {
        let size = (size >> shift).max(2);
        let (index, old) = (index % size, old % size + 1);
        let tree = Vast::new(index);
        let (Ok(new_root), Ok(old_root)) = (root(size, &tree), root(old, &tree)) else { panic!("readable") };
        let path = prove_inclusion(index, size, &tree).unwrap();
        prop_assert!(path.len() <= MAX_PROOF);
        let special = TreeHash::leaf(b"special");
        prop_assert_eq!(verify_inclusion(&special, index, size, &path, &new_root), Ok(()));
        prop_assert!(verify_inclusion(&special, index ^ (1 << bit), size, &path, &new_root).is_err());
        let proof = prove_consistency(old, size, &tree).unwrap();
        prop_assert!(proof.len() <= MAX_PROOF);
        prop_assert_eq!(verify_consistency(old, size, &proof, &old_root, &new_root), Ok(()));
        prop_assert_eq!(inclusion_nodes(index, size).unwrap().len() >= path.len(), true);
        prop_assert_eq!(consistency_nodes(old, size).unwrap().len() >= proof.len(), true);
        let peaks = root_nodes(size).unwrap().into_iter().map(|node| tree.read(node).unwrap());
        prop_assert_eq!(fold(peaks.collect::<Vec<_>>().into_iter()), new_root);
    }
}

proptest! {
    #[test]
    fn no_input_makes_checking_panic(
        sizes in prop::array::uniform2(any::<u64>()), shift in 0..64_u32, count in 0..70_usize, seed: [u8; 32],
    ) {
        let [a, b] = sizes.map(|size| size >> shift);
        let hash = TreeHash::from_bytes(seed);
        let proof = vec![hash; count];
        prop_assert!(verify_inclusion(&hash, a, b, &proof, &hash).is_err() || (b == 1 && count == 0));
        prop_assert!(verify_consistency(a, b, &proof, &hash, &hash).is_err() || (a == b && count == 0));
        let _ = (inclusion_nodes(a, b), consistency_nodes(a, b), root_nodes(a));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_changed_bit_or_a_changed_length_proves_nothing(size in 2..70_u64, index: u64, old: u64) {
        let (index, old) = (index % size, old % (size - 1) + 1);
        let tree = Tree::of(size);
        let (hash, old_root) = (tree.read(Node::leaf(index)).unwrap(), Tree::of(old).frontier.root());
        let new_root = tree.frontier.root();
        let path = prove_inclusion(index, size, &tree).unwrap();
        for (_, [hash, new_root, path]) in tampered([&[hash], &[new_root], &path]) {
            prop_assert!(verify_inclusion(&hash[0], index, size, &path, &new_root[0]).is_err());
        }
        for other in (0..size).filter(|other| *other != index) {
            prop_assert!(verify_inclusion(&hash, other, size, &path, &new_root).is_err());
        }
        let proof = prove_consistency(old, size, &tree).unwrap();
        for (_, [old_root, new_root, proof]) in tampered([&[old_root], &[new_root], &proof]) {
            prop_assert!(verify_consistency(old, size, &proof, &old_root[0], &new_root[0]).is_err());
        }
        for other in (1..=size).filter(|other| *other != old) {
            prop_assert!(verify_consistency(other, size, &proof, &old_root, &new_root).is_err());
        }
        for wrong in resized(&path) {
            prop_assert!(verify_inclusion(&hash, index, size, &wrong, &new_root).is_err());
        }
        for wrong in resized(&proof) {
            prop_assert!(verify_consistency(old, size, &wrong, &old_root, &new_root).is_err());
        }
    }
}

/// The same lists of hashes with one bit changed in one of them.
fn tampered<const N: usize>(lists: [&[TreeHash]; N]) -> impl Iterator<Item = (usize, [Vec<TreeHash>; N])> {
    let bytes: Vec<u8> = lists.iter().flat_map(|list| list.iter()).flat_map(|hash| *hash.as_bytes()).collect();
    let lengths = lists.map(<[TreeHash]>::len);
    some_flips(&bytes).collect::<Vec<_>>().into_iter().map(move |(at, bytes)| {
        let mut hashes = bytes.as_chunks().0.iter().copied().map(TreeHash::from_bytes);
        (at, lengths.map(|length| hashes.by_ref().take(length).collect()))
    })
}

fn resized(proof: &[TreeHash]) -> Vec<Vec<TreeHash>> {
    let longer = [proof, &[TreeHash::EMPTY]].concat();
    let mut wrong = vec![longer, [&[TreeHash::EMPTY], proof].concat()];
    if let [first, .., last] = proof {
        wrong.extend([proof[1..].to_vec(), proof[..proof.len() - 1].to_vec()]);
        wrong.extend((first != last).then(|| proof.iter().rev().copied().collect()));
    }
    wrong
}
