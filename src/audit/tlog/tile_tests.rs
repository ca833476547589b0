//! Tiles: names, contents, and hashes read back from them.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::super::fixtures::{Tree, leaf};
use super::super::merkle::{MAX_SIZE, consistency_nodes, inclusion_nodes, prove_consistency, prove_inclusion, root};
use super::*;

/// Tiles by name, as a directory or bucket has them.
#[derive(Default)]
struct Files(HashMap<String, Vec<u8>>);

impl TileReader for &Files {
    type Error = String;
    type Hashes = Vec<TreeHash>;

    fn hashes(&self, tile: Tile) -> Result<Vec<TreeHash>, String> {
        let read = |tile: Tile| decode_hashes(tile, self.0.get(&tile.to_string())?);
        read(tile).or_else(|| read(tile.full())).ok_or_else(|| tile.to_string())
    }
}

/// Writes what a tree has more than it had at size `old`; names must be new.
fn publish(files: &mut Files, tree: &Tree, old: u64) {
    for tile in growth(old, tree.frontier.size()) {
        let start = tile.index() * 256;
        let range = start..start + u64::from(tile.width());
        let bytes = match tile.content() {
            Content::Entries => encode_entries(range.map(leaf).collect::<Vec<_>>().iter().map(Vec::as_slice)).unwrap(),
            Content::Hashes(level) => {
                let hash = |index| tree.nodes[&Node { level: level * 8, index }];
                encode_hashes(&range.map(hash).collect::<Vec<_>>())
            }
        };
        assert_eq!(files.0.insert(tile.to_string(), bytes), None, "{tile} twice");
    }
}

#[test]
fn names_are_those_of_the_specification() {
    let table = [
        ("tile/0/x001/x234/067", Content::Hashes(0), 1_234_067, 256),
        ("tile/0/000", Content::Hashes(0), 0, 256),
        ("tile/63/999.p/1", Content::Hashes(63), 999, 1),
        ("tile/1/x001/000.p/255", Content::Hashes(1), 1000, 255),
        ("tile/entries/x273/000.p/112", Content::Entries, 273_000, 112),
        ("tile/entries/x018/x446/x744/x073/x709/x551/615", Content::Entries, u64::MAX, 256),
    ];
    for (name, content, index, width) in table {
        let tile = Tile { content, index, width };
        assert_eq!((tile.to_string().as_str(), name.parse()), (name, Ok(tile)));
    }
}

#[test]
fn a_tile_has_one_name() {
    for wrong in [
        "",
        "tile/0",
        "tile/0/",
        "0/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/Entries/000",
        "tile/0/1",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/+01",
        "tile/0/x001/2",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1.p/1",
        "tile/data/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/../000",
        "tile/0/000\n",
    ] {
        assert_eq!(wrong.parse::<Tile>(), Err(TileNameError), "{wrong}");
    }
}

/// The example of C2SP tlog-tiles.
#[test]
fn a_tree_of_70000_leaves_has_the_tiles_of_the_example() {
    let mut widths: BTreeMap<Content, Vec<u16>> = BTreeMap::new();
    growth(0, 70_000).for_each(|tile| widths.entry(tile.content()).or_default().push(tile.width()));
    let summary: Vec<_> =
        widths.values().map(|widths| (widths.iter().filter(|width| **width == 256).count(), *widths.last().unwrap())).collect();
    assert_eq!(summary, [(273, 112), (273, 112), (1, 17), (0, 1)]);
    let names: Vec<_> = growth(0, 256).map(|tile| tile.to_string()).collect();
    assert_eq!(names, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn growth_names_what_is_new_and_nothing_twice() {
    let mut tree = Tree::default();
    let mut files = Files::default();
    for next in [1, 2, 255, 256, 257, 511, 512, 513, 700, 1024, 1025] {
        let old = tree.frontier.size();
        (old..next).for_each(|_| tree.grow());
        publish(&mut files, &tree, old);
        let all: Vec<_> = growth(0, next).collect();
        assert!(all.iter().all(|tile| files.0.contains_key(&tile.to_string())), "at {next}");
        assert_eq!(growth(next, next).count(), 0);
    }
    assert_eq!(growth(5, 3).count(), 0);
    assert!(growth(MAX_SIZE - 1, MAX_SIZE).count() <= 9);
}

#[test]
fn proofs_come_from_tiles_as_from_the_tree() {
    for size in [1, 2, 130, 255, 256, 257, 600, 70_000] {
        let tree = Tree::of(size);
        let mut files = Files::default();
        publish(&mut files, &tree, 0);
        let tiles = TileHashes::new(&files, size);
        assert_eq!(root(size, &tiles), Ok(tree.frontier.root()));
        for other in [0, 1, 7, 255, 256, 300, size - 1].into_iter().filter(|other| *other < size) {
            assert_eq!(prove_inclusion(other, size, &tiles).ok(), prove_inclusion(other, size, &tree).ok());
            assert_eq!(prove_consistency(other, size, &tiles).ok(), prove_consistency(other, size, &tree).ok());
            let needed = tiles_for(&inclusion_nodes(other, size).unwrap(), size).unwrap();
            assert!(needed.len() <= 6 && needed.iter().all(|tile| files.0.contains_key(&tile.to_string())));
            assert!(tiles_for(&consistency_nodes(other, size).unwrap(), size).is_some());
        }
    }
}

#[test]
fn a_full_tile_does_for_a_partial_one_and_a_short_one_does_not() {
    let tree = Tree::of(256);
    let mut files = Files::default();
    publish(&mut files, &tree, 0);
    let node = Node { level: 6, index: 3 };
    assert_eq!(TileHashes::new(&files, 200).read(node), Err(TileHashError::Outside));
    let node = Node { level: 6, index: 1 };
    assert_eq!(TileHashes::new(&files, 200).read(node), Ok(tree.nodes[&node]));
    struct Short;
    impl TileReader for Short {
        type Error = ();
        type Hashes = [TreeHash; 3];
        fn hashes(&self, _: Tile) -> Result<[TreeHash; 3], ()> {
            Ok([TreeHash::EMPTY; 3])
        }
    }
    let tile = Tile::in_tree(Content::Hashes(0), 0, 200).unwrap();
    assert_eq!(TileHashes::new(Short, 200).read(node), Err(TileHashError::Short(tile)));
    let missing = TileHashes::new(&files, 600).read(Node { level: 0, index: 599 });
    assert!(matches!(missing, Err(TileHashError::Read { .. })));
}

#[test]
fn bytes_of_the_wrong_length_are_no_tile() {
    let two = Tile::in_tree(Content::Entries, 0, 2).unwrap();
    let entries: [&[u8]; 2] = [b"", b"abc"];
    let bytes = encode_entries(entries).unwrap();
    assert_eq!(bytes, [0, 0, 0, 3, b'a', b'b', b'c']);
    assert_eq!(decode_entries(two, &bytes), Some(entries.to_vec()));
    assert_eq!(decode_entries(two, &bytes[..6]), None);
    assert_eq!(decode_entries(two, &[&bytes[..], &[0]].concat()), None);
    assert_eq!(decode_entries(two.full(), &bytes), None);
    let (longest, too_long) = (vec![0; 65_535], vec![0; 65_536]);
    assert_eq!(encode_entries([longest.as_slice()]).map(|bytes| bytes.len()), Some(65_537));
    assert_eq!(encode_entries([too_long.as_slice()]), None);
    let tile = Tile::in_tree(Content::Hashes(0), 0, 2).unwrap();
    assert!(decode_hashes(tile, &[0; 64]).is_some());
    assert!([0, 32, 63, 65, 96].into_iter().all(|length| decode_hashes(tile, &vec![0; length]).is_none()));
}

#[test]
fn a_tile_ends_where_the_specification_says() {
    let end = |content, index| Tile { content, index, width: 256 }.end_index();
    assert_eq!([end(Content::Entries, 0), end(Content::Hashes(0), 2), end(Content::Hashes(1), 0)], [256, 768, 65_536]);
    assert_eq!([end(Content::Hashes(7), 0), end(Content::Hashes(0), u64::MAX)], [u64::MAX; 2]);
}

proptest! {
    #[test]
    fn names_read_as_they_were_written(entries: bool, level in 0..=63_u8, index: u64, shift in 0..64_u32, width in 1..=256_u16) {
        let content = if entries { Content::Entries } else { Content::Hashes(level) };
        let tile = Tile { content, index: index >> shift, width };
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn what_is_read_is_written_the_same(name in "tile/(entries|[0-9]{1,2})(/x[0-9]{3}){0,3}/[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = name.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), name);
        }
    }

    #[test]
    fn no_input_makes_anything_panic(level: u8, index: u64, size: u64, bytes: Vec<u8>, text in "\\PC{0,30}", new: u64) {
        let node = Node { level, index };
        let tile = Tile::in_tree(Content::Hashes(level), index, size);
        let _ = (tiles_for(&[node], size), tile.map(|tile| (tile.end_index(), decode_hashes(tile, &bytes).is_some())));
        let _ = (text.parse::<Tile>(), growth(size, new).next());
        if let Some(tile) = Tile::in_tree(Content::Entries, 0, size) {
            let _ = decode_entries(tile, &bytes);
        }
    }
}
