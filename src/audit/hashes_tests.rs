//! Hashes that come partly from an archive and partly from leaves are those of the whole tree.

use super::super::tlog::fixtures::Tree;
use super::*;

#[test]
fn every_root_and_every_proof_is_the_same_wherever_the_archive_ends() {
    const SIZE: u64 = 40;
    let whole = Tree::of(SIZE);
    for archived in 0..=SIZE {
        let tail = (archived..SIZE).map(leaf).collect();
        let hashes = Hashes::new(Tree::of(archived), archived, tail);
        for size in 0..=SIZE {
            assert_eq!(hashes.root(size).unwrap(), merkle::root(size, &whole).unwrap(), "{archived} {size}");
        }
        for size in 1..=SIZE {
            let index = (size * 7) % size.max(1);
            let [mine, theirs] =
                [merkle::prove_inclusion(index, size, &hashes).unwrap(), merkle::prove_inclusion(index, size, &whole).unwrap()];
            assert_eq!(mine, theirs, "{archived} {index} {size}");
            let [mine, theirs] =
                [merkle::prove_consistency(size, SIZE, &hashes).unwrap(), merkle::prove_consistency(size, SIZE, &whole).unwrap()];
            assert_eq!(mine, theirs, "{archived} {size}");
        }
    }
}

#[test]
fn a_tree_that_is_larger_than_the_log_has_no_hashes() {
    let hashes = Hashes::new(Tree::of(4), 4, vec![leaf(4)]);
    assert!(hashes.root(5).is_ok() && hashes.root(6).is_err());
}

fn leaf(seq: u64) -> TreeHash {
    Tree::of(seq + 1).read(Node::leaf(seq)).unwrap()
}
