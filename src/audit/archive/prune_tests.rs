//! Tests of pruning and erasing.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::audit::archive::fixtures::{Dice, FAILURES, Fragile, Log};
use crate::audit::archive::{ArchiveReader, LocalVolume, SEGMENT};
use crate::audit::tlog::tile::Content;
use crate::audit::tlog::{Tile, merkle};

const BUNDLES: usize = 5;
const SIZE: usize = BUNDLES * BUNDLE;

fn archived(directory: &Path, log: &Log) -> Archive {
    let mut archive = Archive::open(directory).unwrap();
    log.archive(&mut archive, SIZE);
    archive
}

#[test]
fn whole_bundles_below_the_given_record_go_and_their_hashes_stay() {
    let log = Log::of(SIZE);
    for (min_index, pruned) in [(0, 0), (255, 0), (256, 256), (700, 512), (1280, 1280)] {
        let dir = tempfile::tempdir().unwrap();
        let mut archive = archived(dir.path(), &log);
        let layout = archive.reader().layout().clone();
        let length = |first: usize| {
            let bundle = bundle_of(first as u64, SIZE as u64).unwrap();
            let lengths = [layout.tile(bundle), layout.kept(bundle)].map(|path| path.metadata().ok().map(|file| file.len()));
            lengths.into_iter().flatten().collect::<Vec<_>>()
        };
        let lengths: Vec<u64> = (0..pruned).step_by(BUNDLE).flat_map(length).collect();
        let removed = archive.prune(min_index).unwrap();
        assert_eq!(removed, Removed { files: lengths.len() as u64, bytes: lengths.iter().sum() });
        let reader = archive.reader();
        assert_eq!(reader.pruned(), pruned as u64);
        log.assert_is_in(&reader);
        log.assert_is_in(&ArchiveReader::open(dir.path()).unwrap());
        let left = |path: PathBuf| fs::read_dir(path).unwrap().count();
        assert_eq!((left(layout.bundles()), left(layout.tiles().join("tile/0"))), (BUNDLES - pruned / BUNDLE, BUNDLES));
        assert_eq!(archive.prune(pruned as u64).unwrap(), Removed::default());
        assert_eq!(archive.prune(0).unwrap(), Removed::default(), "it does not come back");
        assert_eq!(archive.reader().pruned(), pruned as u64);
    }
}

#[test]
fn records_that_are_not_archived_cannot_be_pruned() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(2 * SIZE));
    let mut archive = archived(dir.path(), &log);
    log.append(&mut archive, 2 * SIZE).unwrap();
    let refusal = archive.prune(1281).unwrap_err();
    assert_eq!(refusal.to_string(), "records below 1281 cannot be pruned: only 1280 are archived");
    archive.make_durable().unwrap();
    archive.prune(1281).unwrap();
    log.assert_is_in(&archive.reader());
}

#[test]
fn pruning_that_was_interrupted_is_finished_by_the_next_call_and_by_opening() {
    let log = Log::of(SIZE);
    for (failure, reopens) in FAILURES.into_iter().flat_map(|failure| [(failure, false), (failure, true)]) {
        for call in 0.. {
            let dir = tempfile::tempdir().unwrap();
            drop(archived(dir.path(), &log));
            let volume = if reopens { Fragile::dies(call, failure) } else { Fragile::fails_once(call, failure) };
            let mut archive = Archive::open_on(Layout::new(dir.path()), Arc::clone(&volume) as Arc<dyn Volume>).unwrap();
            let done = archive.prune(1024);
            assert_eq!(done.is_err(), volume.has_failed());
            log.assert_is_in(&archive.reader());
            if reopens {
                drop(archive);
                volume.cut_power(&mut Dice(call as u64));
                archive = Archive::open(dir.path()).unwrap();
                log.assert_is_in(&archive.reader());
                if archive.reader().pruned() == 0 {
                    assert!(call == 0, "{failure:?} in call {call}: only the first call writes the marker");
                }
            }
            if !reopens || archive.reader().pruned() == 0 {
                archive.prune(1024).unwrap();
            }
            log.assert_is_in(&archive.reader());
            assert_eq!(fs::read_dir(archive.reader().layout().bundles()).unwrap().count(), 1);
            assert_eq!(fs::read_dir(archive.reader().layout().all_kept()).unwrap().count(), 1);
            if !volume.has_failed() {
                break;
            }
        }
    }
}

#[test]
fn bundles_are_found_by_their_names_however_many_groups_these_have() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let indexes = [0, 1, 999, 1000, 1001, 1999, 2000, 999_999, 1_000_000, 1_000_999, 1_234_067, 1_234_068, 2_000_000];
    let tile = |index: u64| Tile::in_tree(Content::Entries, index, u64::MAX).unwrap();
    let partial = Tile::in_tree(Content::Entries, 1001, 1001 * 256 + 5).unwrap();
    let segment = |first: u64| layout.segment(first * SEGMENT);
    for end in [1, 1000, 1001, 2000, 1_000_001, 1_234_068, 1_234_069, 3_000_000_u64] {
        let paths = indexes.iter().flat_map(|index| [layout.tile(tile(*index)), layout.kept(tile(*index))]);
        let stray = [layout.bundles().join("readme"), layout.bundles().join("x"), layout.index().join("0.new")];
        let all = paths.chain([layout.tile(partial)]).chain((0..5).map(segment)).chain(stray.clone()).collect::<Vec<_>>();
        for path in &all {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"four").unwrap();
        }
        let sweep = Sweep { pruned: end * 256, volume: &LocalVolume, removed: Removed::default() };
        let removed = sweep.run(&layout).unwrap();
        for index in indexes {
            let there = [layout.tile(tile(index)), layout.kept(tile(index))].map(|path| path.exists());
            assert_eq!(there, [index >= end; 2], "{index} of {end}");
        }
        assert_eq!(layout.tile(partial).exists(), end <= 1001);
        (0..5).for_each(|number| assert_eq!(segment(number).exists(), (number + 1) * SEGMENT > end * 256));
        stray.iter().for_each(|path| assert!(path.exists()));
        let gone = all.iter().filter(|path| !path.exists()).count() as u64;
        assert_eq!(removed, Removed { files: gone, bytes: 4 * gone });
        assert_eq!(layout.bundles().join("x001").exists(), end < 1_234_069, "empty groups go, too");
    }
}

#[test]
fn what_was_kept_of_a_call_can_be_erased_and_nothing_else_changes() {
    let (dir, mut log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = archived(dir.path(), &log);
    assert!(archive.erase_kept(300).unwrap());
    for seq in [300, 301, 515, 5000, u64::MAX] {
        assert!(!archive.erase_kept(seq).unwrap(), "{seq}");
    }
    let file = fs::read(archive.reader().layout().kept(bundle_of(300, SIZE as u64).unwrap())).unwrap();
    let erased = log.kept[300].take().unwrap();
    assert!(!file.windows(erased.len()).any(|bytes| bytes == erased));
    log.assert_is_in(&archive.reader());
    assert_eq!(archive.reader().kept(300).unwrap(), None);
    drop(archive);
    // What is appended again may have been kept in the meantime.
    log.append_bundle(&mut Archive::open(dir.path()).unwrap(), 256).unwrap();
}

#[test]
fn erasing_that_fails_says_so_and_can_be_tried_again() {
    for failure in FAILURES {
        let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
        drop(archived(dir.path(), &log));
        let mut archive = Archive::open_on(Layout::new(dir.path()), Fragile::fails_once(0, failure)).unwrap();
        assert!(matches!(archive.erase_kept(300), Err(WriteError::Io { step: "overwrite", .. })));
        archive.erase_kept(300).unwrap();
        assert_eq!(archive.reader().kept(300).unwrap(), None);
        assert_eq!(archive.reader().kept(305).unwrap(), log.kept[305]);
    }
}

#[test]
fn proofs_hold_after_everything_was_pruned() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = archived(dir.path(), &log);
    archive.prune(SIZE as u64).unwrap();
    let reader = archive.reader();
    for index in (0..SIZE as u64).step_by(101) {
        let proof = merkle::prove_inclusion(index, SIZE as u64, &reader.tree()).unwrap();
        let leaf = crate::audit::tlog::TreeHash::leaf(&log.leaves[usize::try_from(index).unwrap()]);
        merkle::verify_inclusion(&leaf, index, SIZE as u64, &proof, &log.root(SIZE)).unwrap();
    }
}
