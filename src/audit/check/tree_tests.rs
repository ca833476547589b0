//! The tree grown by bundles is the tree grown by leaves, at every size on the way, and its upper tiles are those that files have.

use std::collections::BTreeMap;

use super::super::super::tlog::Node;
use super::super::super::tlog::tile::growth;
use super::*;

fn leaves(size: u64) -> Vec<TreeHash> {
    (0..size).map(|index| TreeHash::leaf(&index.to_be_bytes())).collect()
}

#[test]
fn roots_on_the_way_are_those_of_the_plain_tree() {
    let leaves = leaves(3 * 256 + 17);
    let (mut plain, mut expected) = (Frontier::new(), Vec::new());
    for leaf in &leaves {
        plain.append(*leaf, |_, _| {}).unwrap();
        expected.push(plain.clone());
    }
    let (mut tree, mut seen) = (Tree::default(), Vec::new());
    for bundle in leaves.chunks(256) {
        let sizes: Vec<u64> = (tree.size() + 1..=tree.size() + bundle.len() as u64).collect();
        tree.on_the_way(bundle, &sizes, |frontier| seen.push(frontier)).unwrap();
        match bundle_root(bundle) {
            Some(root) => assert!(tree.add_bundle(root).unwrap().is_empty()),
            None => tree.add_rest(bundle).unwrap(),
        }
        assert_eq!(tree.frontier().unwrap(), expected[usize::try_from(tree.size()).unwrap() - 1]);
    }
    assert_eq!(seen, expected);
    let (empty, mut none) = (Tree::default(), 0);
    empty.on_the_way(&leaves[..9], &[0, 10, 700], |_| none += 1).unwrap();
    assert_eq!((none, empty.frontier().unwrap()), (0, Frontier::new()));
}

#[test]
fn tiles_above_the_leaves_are_those_that_files_have() {
    let size = 65_536 + 256 * 3 + 9;
    let (mut plain, mut nodes) = (Frontier::new(), BTreeMap::new());
    let leaves = leaves(size);
    for leaf in &leaves {
        plain.append(*leaf, |node, hash| _ = (node.level % 8 == 0).then(|| nodes.insert(node, *hash))).unwrap();
    }
    let (mut tree, mut tiles) = (Tree::default(), Vec::new());
    for bundle in leaves.chunks(256) {
        match bundle_root(bundle) {
            Some(root) => tiles.extend(tree.add_bundle(root).unwrap()),
            None => tree.add_rest(bundle).unwrap(),
        }
    }
    tiles.extend(tree.partial_tiles());
    assert_eq!(tree.frontier().unwrap(), plain);
    let seen: BTreeMap<Tile, Vec<TreeHash>> = tiles.into_iter().map(|UpperTile { tile, hashes }| (tile, hashes)).collect();
    let expected = growth(0, size).filter_map(|tile| {
        let Content::Hashes(level @ 1..) = tile.content() else { return None };
        let first = tile.index() * 256;
        let hashes = (first..first + u64::from(tile.width())).map(|index| nodes[&Node { level: level * 8, index }]);
        Some((tile, hashes.collect()))
    });
    assert_eq!(seen, expected.collect());
    assert_eq!(seen.keys().map(ToString::to_string).collect::<Vec<_>>(), ["tile/1/000", "tile/1/001.p/3", "tile/2/000.p/1"]);
}

#[test]
fn only_a_full_bundle_has_a_root_of_its_own() {
    assert_eq!([0, 1, 255, 257].map(|size| bundle_root(&leaves(size))), [None; 4]);
    let mut plain = Frontier::new();
    leaves(256).into_iter().for_each(|leaf| _ = plain.append(leaf, |_, _| {}).unwrap());
    assert_eq!(bundle_root(&leaves(256)), Some(plain.root()));
}
