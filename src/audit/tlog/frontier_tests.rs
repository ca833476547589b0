//! The growing edge against trees that are computed whole.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::fixtures::{Tree, hex};
use super::*;

/// The leaves and roots that Certificate Transparency implementations have tested against since RFC 6962.
const LEAVES: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_certificate_transparency() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), TreeHash::EMPTY);
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        frontier.append(TreeHash::leaf(&hex(leaf)), |_, _| ()).unwrap();
        assert_eq!(frontier.root().as_bytes().as_slice(), hex(root));
    }
}

#[test]
fn every_complete_subtree_is_named_once() {
    let mut seen = BTreeMap::new();
    let mut frontier = Frontier::new();
    for _ in 0..130 {
        let named = |node, _: &TreeHash| assert_eq!(seen.insert(node, ()), None);
        frontier.append(TreeHash::leaf(b"x"), named).unwrap();
    }
    let complete: usize = (0..8).map(|level| 130_usize >> level).sum();
    assert_eq!(seen.len(), complete);
}

#[test]
fn a_stored_frontier_goes_on_where_it_stopped() {
    for size in 0..130 {
        let mut tree = Tree::of(size);
        assert_eq!(Frontier::decode(&tree.frontier.encode()), Ok(tree.frontier.clone()));
        let stored = Frontier::from_parts(size, tree.frontier.peaks().to_vec()).unwrap();
        tree.frontier = stored;
        tree.grow();
        assert_eq!(tree.frontier, Tree::of(size + 1).frontier);
    }
}

#[test]
fn a_frontier_with_the_wrong_number_of_peaks_is_refused() {
    let expected = FrontierError::Peaks { size: 3, expected: 2, found: 1 };
    assert_eq!(Frontier::from_parts(3, vec![TreeHash::EMPTY]), Err(expected));
    assert_eq!(Frontier::decode(&[0; 7]), Err(FrontierError::Short));
    assert_eq!(Frontier::decode(&[0; 41]), Err(FrontierError::Short));
    assert_eq!(Frontier::from_parts(MAX_SIZE + 1, vec![TreeHash::EMPTY; 2]), Err(FrontierError::TooLarge));
}

#[test]
fn a_full_tree_takes_no_leaf() {
    let mut frontier = Frontier::from_parts(MAX_SIZE, vec![TreeHash::EMPTY]).unwrap();
    assert_eq!(frontier.append(TreeHash::EMPTY, |_, _| ()), Err(FrontierError::TooLarge));
    let mut frontier = Frontier::from_parts(MAX_SIZE - 1, vec![TreeHash::EMPTY; 62]).unwrap();
    assert_eq!(frontier.append(TreeHash::EMPTY, |_, _| ()), Ok(MAX_SIZE - 1));
    assert_eq!((frontier.size(), frontier.peaks().len()), (MAX_SIZE, 1));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_what_encodes_back_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(frontier) = Frontier::decode(&bytes) {
            prop_assert_eq!(frontier.encode(), bytes);
        }
    }
}
