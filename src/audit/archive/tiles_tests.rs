//! Tests of the hashes of the archive, as proofs take them.

use std::fs;

use super::*;
use crate::audit::archive::fixtures::Log;
use crate::audit::archive::{Archive, BUNDLE};
use crate::audit::tlog::merkle::{self, prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};

/// Above one full tile of level 1.
const SIZE: usize = 65_536 + 3 * BUNDLE;

#[test]
fn proofs_are_made_from_the_archive_alone() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 700);
    let reader = archive.reader();
    assert_eq!(merkle::root(512, &reader.tree()).unwrap(), log.root(512));
    log.archive(&mut archive, SIZE - BUNDLE);
    archive.prune(SIZE as u64 - 512).unwrap();
    log.archive(&mut archive, SIZE);
    for reader in [reader, ArchiveReader::open(dir.path()).unwrap()] {
        let (size, root) = (SIZE as u64, log.root(SIZE));
        for index in [0, 255, 256, 65_535, 65_536, size - 1] {
            let proof = prove_inclusion(index, size, &reader.tree()).unwrap();
            let leaf = TreeHash::leaf(&log.leaves[usize::try_from(index).unwrap()]);
            verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
        }
        for old in [255, 257, 1000, 65_536, size - 1] {
            let proof = prove_consistency(old, size, &reader.tree()).unwrap();
            verify_consistency(old, size, &proof, &log.root(usize::try_from(old).unwrap()), &root).unwrap();
        }
    }
}

#[test]
fn a_partial_tile_is_computed_once_and_then_extended() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(6 * BUNDLE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 4 * BUNDLE);
    let reader = archive.reader();
    let tile = |width: u64| Tile::in_tree(Content::Hashes(1), 0, width * 256).unwrap();
    let four = TileReader::hashes(&reader, tile(4)).unwrap();
    log.archive(&mut archive, 6 * BUNDLE);
    // What is known is not read again.
    (0..4).for_each(|index| fs::remove_file(reader.layout().tiles().join(format!("tile/0/{index:03}"))).unwrap());
    let six = TileReader::hashes(&reader, tile(6)).unwrap();
    assert_eq!((&six[..4], six.len()), (&four[..], 6));
    assert_eq!(TileReader::hashes(&reader, tile(2)).unwrap()[..2], four[..2]);
    assert!(TileReader::hashes(&ArchiveReader::open(dir.path()).unwrap(), tile(6)).is_err());
}

#[test]
fn what_is_not_archived_is_missing_and_the_cache_is_bounded() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(40 * BUNDLE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 40 * BUNDLE);
    let reader = archive.reader();
    for tile in ["tile/0/040", "tile/0/040.p/7", "tile/1/000.p/41", "tile/2/000.p/1", "tile/entries/040.p/3"] {
        let refusal = TileReader::hashes(&reader, tile.parse().unwrap()).unwrap_err();
        assert!(refusal.to_string().ends_with("is missing"), "{tile}: {refusal}");
    }
    for index in (0..40).chain(0..40) {
        let tile = Tile::in_tree(Content::Hashes(0), index, 40 * 256).unwrap();
        TileReader::hashes(&reader, tile).unwrap();
        assert!(reader.shared.tiles.0.lock().len() <= CACHED);
    }
}
