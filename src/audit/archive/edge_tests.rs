//! Tests of the right edge of the tree as tiles see it.

use std::collections::BTreeMap;

use super::*;
use crate::audit::tlog::tile::growth;

/// Above a full tile of level 1.
const SIZE: u64 = 65_536 + 3 * 256 + 7;

fn leaf(index: u64) -> TreeHash {
    TreeHash::leaf(&index.to_be_bytes())
}

#[test]
fn the_edge_is_the_same_whether_it_grew_or_was_read_from_tiles() {
    let (mut edge, mut tree, mut tiles) = (Edge::default(), Frontier::new(), BTreeMap::new());
    for index in 0..SIZE {
        let mut full = Vec::new();
        edge.append(leaf(index), &mut full).unwrap();
        tree.append(leaf(index), |_, _| {}).unwrap();
        tiles.extend(full);
        let looks = edge.size().is_multiple_of(256 * 31) || edge.size() % 65_536 <= 256;
        if looks && edge.size().is_multiple_of(256) {
            let read = |tile| tiles.get(&tile).cloned().ok_or(FrontierError::Short);
            assert_eq!(Edge::restore(edge.size(), read).unwrap(), edge);
            assert_eq!(edge.frontier().unwrap(), tree);
        }
    }
    assert_eq!(edge.frontier().unwrap(), tree);
    let partial = edge.partial().map(|(tile, row)| {
        assert_eq!(row.len(), usize::from(tile.width()));
        (tile, row.clone())
    });
    tiles.extend(partial);
    let hashes = growth(0, SIZE).filter(|tile| tile.content() != Content::Entries).collect::<Vec<_>>();
    let mut written = tiles.into_keys().collect::<Vec<_>>();
    written.sort_by_key(|tile| hashes.iter().position(|other| other == tile));
    assert_eq!(written, hashes);
}

#[test]
fn a_tile_that_cannot_be_read_is_an_error() {
    let read = |tile: Tile| if tile.index() == 2 { Err(FrontierError::Short) } else { Ok(vec![leaf(0); 256]) };
    assert_eq!(Edge::restore(3 * 256, read), Err(FrontierError::Short));
    assert!(Edge::restore(2 * 256, read).is_ok());
}

#[test]
fn the_tiles_that_are_not_full_are_those_that_the_next_leaves_change() {
    for size in [0, 1, 255, 256, 257, 65_536, 65_537, SIZE] {
        let partial = growth(0, size).filter(|tile| !tile.is_full()).collect::<Vec<_>>();
        assert_eq!(partial_tiles(size).collect::<Vec<_>>(), partial, "{size}");
    }
}
