//! Tests of closing the log: what then is in `tiles/` is a whole log.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::audit::archive::fixtures::{Dice, FAILURES, Fragile, Log};
use crate::audit::archive::{BUNDLE, Layout, Volume};
use crate::audit::tlog::tile::{Content, decode_entries, decode_hashes, growth};
use crate::audit::tlog::{Tile, TileHashes, TileReader, merkle};

/// Reads tiles by exactly the names that they have in a tree, as the simplest of foreign tools do.
struct Plain<'a>(&'a Path);

impl TileReader for Plain<'_> {
    type Error = std::io::Error;
    type Hashes = Vec<TreeHash>;

    fn hashes(&self, tile: Tile) -> std::io::Result<Vec<TreeHash>> {
        Ok(decode_hashes(tile, &fs::read(self.0.join(tile.to_string()))?).unwrap())
    }
}

/// Asserts that `tiles/` has a checkpoint, of one of these sizes, and all that it covers.
fn assert_whole(directory: &Path, log: &Log, sizes: &[usize]) {
    let tiles = directory.join("tiles");
    let signed = SignedCheckpoint::parse(&fs::read(tiles.join("checkpoint")).unwrap()).unwrap();
    let size = signed.checkpoint().size();
    assert!(sizes.contains(&usize::try_from(size).unwrap()), "{size}");
    assert_eq!(merkle::root(size, &TileHashes::new(Plain(&tiles), size)).unwrap(), *signed.checkpoint().root());
    assert_eq!(signed, log.checkpoint(usize::try_from(size).unwrap()));
    for tile in growth(0, size) {
        let bytes = fs::read(tiles.join(tile.to_string())).unwrap();
        if tile.content() == Content::Entries {
            let first = usize::try_from(tile.index()).unwrap() * BUNDLE;
            let expected = &log.leaves[first..first + usize::from(tile.width())];
            assert_eq!(decode_entries(tile, &bytes).unwrap(), expected);
        }
    }
}

#[test]
fn a_closed_log_is_whole_and_goes_on_afterwards() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(1300));
    for size in [0, 1, 255, 255, 256, 300, 301, 512, 700, 1279, 1280, 1300] {
        let mut archive = Archive::open(dir.path()).unwrap();
        log.append(&mut archive, size).unwrap();
        log.close(&mut archive, size).unwrap();
        assert_whole(dir.path(), &log, &[size]);
        assert_eq!(archive.durable(), (size - size % BUNDLE) as u64);
        log.assert_is_in(&archive.reader());
    }
}

#[test]
fn a_large_log_is_whole_on_all_levels() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(66_000));
    let mut archive = Archive::open(dir.path()).unwrap();
    for size in [65_536, 66_000] {
        log.append(&mut archive, size).unwrap();
        log.close(&mut archive, size).unwrap();
        assert_whole(dir.path(), &log, &[size]);
    }
}

#[test]
fn partial_tiles_go_once_they_are_full_and_the_checkpoint_says_so() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(1000));
    let mut archive = Archive::open(dir.path()).unwrap();
    let entries = dir.path().join("tiles/tile/entries");
    for size in [100, 200] {
        log.close(&mut archive, size).unwrap();
    }
    log.append(&mut archive, 600).unwrap();
    archive.make_durable().unwrap();
    assert_whole(dir.path(), &log, &[200]);
    log.close(&mut archive, 600).unwrap();
    assert_whole(dir.path(), &log, &[600]);
    assert!(!entries.join("000.p/200").exists());
    assert!(entries.join("002.p/88").exists());
}

#[test]
fn a_checkpoint_of_other_records_is_refused() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(1000));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.append(&mut archive, 512).unwrap();
    log.close(&mut archive, 600).unwrap();
    let tail: Vec<_> = log.leaves[512..700].iter().map(Vec::as_slice).collect();
    let mut other = Log::of(1000);
    other.leaves[3].push(b'?');
    let too_many: Vec<_> = log.leaves[512..800].iter().map(Vec::as_slice).collect();
    let cases = [(&tail, log.checkpoint(699)), (&tail, log.checkpoint(188)), (&tail, other.checkpoint(700))];
    for (tail, checkpoint) in cases.into_iter().chain([(&too_many, log.checkpoint(800))]) {
        let refusal = archive.close_partial(tail, &checkpoint).unwrap_err();
        assert!(matches!(refusal, WriteError::Checkpoint { .. }), "{refusal}");
    }
    assert_whole(dir.path(), &log, &[600]);
}

#[test]
fn a_failure_or_a_power_cut_leaves_the_earlier_checkpoint_or_the_new_one_and_all_that_it_covers() {
    let log = Log::of(1300);
    let ways = FAILURES.into_iter().flat_map(|failure| [750, 1100].map(|size| (failure, size)));
    for (failure, size) in ways {
        for call in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let mut archive = Archive::open(dir.path()).unwrap();
            log.append(&mut archive, 700).unwrap();
            log.close(&mut archive, 700).unwrap();
            let volume = Fragile::dies(call, failure);
            let mut archive = Archive::open_on(Layout::new(dir.path()), Arc::clone(&volume) as Arc<dyn Volume>).unwrap();
            let closed = log.append(&mut archive, size).and_then(|()| log.close(&mut archive, size));
            let expected: &[usize] = if closed.is_ok() { &[size] } else { &[700, size] };
            assert_whole(dir.path(), &log, expected);
            volume.cut_power(&mut Dice(call as u64));
            assert_whole(dir.path(), &log, expected);

            let mut archive = Archive::open(dir.path()).unwrap();
            log.append(&mut archive, 1300).unwrap();
            log.close(&mut archive, 1300).unwrap();
            assert_whole(dir.path(), &log, &[1300]);
            if !volume.has_failed() {
                break;
            }
        }
    }
}
