//! Tests of writing the archive: again after a restart, with failures, and with the power cut at any moment.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::audit::archive::fixtures::{Dice, FAILURES, Failure, Fragile, Log};

const BUNDLES: usize = 5;
const SIZE: usize = BUNDLES * BUNDLE;

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let (mut directories, mut files) = (vec![directory.to_owned()], Vec::new());
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[test]
fn an_archive_goes_on_after_each_restart() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    for bundles in 0..=BUNDLES {
        let mut archive = Archive::open(dir.path()).unwrap();
        assert_eq!(archive.size(), (bundles.saturating_sub(1) * BUNDLE) as u64);
        log.archive(&mut archive, bundles * BUNDLE);
        assert_eq!(archive.frontier().unwrap().root(), log.root(bundles * BUNDLE));
        log.assert_is_in(&archive.reader());
    }
}

#[test]
fn only_the_owner_can_read_what_is_written() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(&dir.path().join("log")).unwrap();
    log.archive(&mut archive, SIZE);
    log.close(&mut archive, SIZE).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = files_below(dir.path());
    assert!(files.len() > 15);
    for file in files {
        let directories = file.ancestors().skip(1).take_while(|directory| *directory != dir.path());
        directories.for_each(|directory| assert_eq!(mode(directory), 0o700, "{directory:?}"));
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn the_same_records_can_be_appended_again_and_others_cannot() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 3 * BUNDLE);
    log.append(&mut archive, 4 * BUNDLE).unwrap();
    let mut other = Log::of(SIZE);
    (0..4).for_each(|bundle| other.leaves[bundle * BUNDLE + 17][0] ^= 1);
    for first in [0, 256, 512, 768] {
        log.append_bundle(&mut archive, first).unwrap();
        let refusal = other.append_bundle(&mut archive, first).unwrap_err();
        assert!(matches!(refusal, WriteError::Conflict { first: found, .. } if found == first), "{refusal}");
    }
    archive.prune(512).unwrap();
    log.append_bundle(&mut archive, 0).unwrap();
    log.archive(&mut archive, SIZE);
    log.assert_is_in(&archive.reader());
}

#[test]
fn records_with_a_gap_before_them_are_refused() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, BUNDLE);
    for first in [512, 768, 255, 257, 1] {
        let refusal = log.append_bundle(&mut archive, first).unwrap_err();
        assert_eq!(refusal.to_string(), format!("the archive goes on at record 256, not at record {first}"));
    }
    let long = vec![0; 65_536];
    let entries = [Entry { leaf: &long, kept: None }; BUNDLE];
    assert!(matches!(archive.append(256, &entries), Err(WriteError::TooLong(256))));
    log.archive(&mut archive, SIZE);
    log.assert_is_in(&archive.reader());
}

#[test]
fn what_an_interrupted_run_left_above_the_marker_is_written_anew() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 2 * BUNDLE);
    let mut other = Log::of(SIZE);
    other.leaves.iter_mut().for_each(|leaf| leaf.push(b'?'));
    other.kept.iter_mut().for_each(|kept| *kept = Some(b"other".to_vec()));
    other.append(&mut archive, SIZE).unwrap();
    drop(archive);
    // Half of a file, and one that was never renamed.
    let layout = Layout::new(dir.path());
    fs::write(layout.tiles().join("tile/entries/003"), b"half").unwrap();
    fs::write(layout.scratch(), b"half").unwrap();
    let mut archive = Archive::open(dir.path()).unwrap();
    assert_eq!((archive.size(), archive.durable()), (512, 512));
    log.archive(&mut archive, SIZE);
    // The third bundle keeps nothing, and nothing of what the other one kept is left.
    log.assert_is_in(&archive.reader());
    assert!(!layout.scratch().exists());
}

#[test]
fn an_archive_with_a_tile_missing_does_not_open() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, SIZE);
    let path = archive.layout().tiles().join("tile/0/002");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[1..]).unwrap();
    let refusal = Archive::open(dir.path()).err().unwrap();
    assert_eq!(refusal.to_string(), format!("the hash tile `{}` is cut short or too long", path.display()));
    fs::remove_file(&path).unwrap();
    let refusal = Archive::open(dir.path()).err().unwrap();
    assert_eq!(refusal.to_string(), format!("`{}` is missing", path.display()));
}

#[test]
fn a_directory_that_would_not_be_synced_with_the_rest_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), Path::new("/dev/shm"));
    if fs::metadata(other).map_or(true, |other| other.dev() == fs::metadata(dir.path()).unwrap().dev()) {
        eprintln!("skipped: there is no other file system at {other:?}");
        return;
    }
    std::os::unix::fs::symlink(other, dir.path().join("tiles")).unwrap();
    assert!(matches!(Archive::open(dir.path()), Err(OpenError::OtherFileSystem(path)) if path.ends_with("tiles")));
}

#[test]
fn after_a_sync_that_failed_nothing_counts_and_all_of_it_is_written_again() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, 2 * BUNDLE);
    drop(archive);
    // Three calls a bundle come before the sync.
    let mut archive = Archive::open_on(Layout::new(dir.path()), Fragile::fails_once(9, Failure::After)).unwrap();
    log.append(&mut archive, SIZE).unwrap();
    let refusal = archive.make_durable().unwrap_err();
    assert!(matches!(refusal, WriteError::Io { step: "sync", .. }), "{refusal}");
    assert_eq!((archive.size(), archive.durable()), (512, 512));
    let untouched = archive.layout().tiles().join("tile/entries/003");
    let before = fs::metadata(&untouched).unwrap().ino();
    log.archive(&mut archive, SIZE);
    assert_ne!(fs::metadata(&untouched).unwrap().ino(), before, "the file is a new one, though its bytes are the same");
    log.assert_is_in(&archive.reader());
}

#[test]
fn a_marker_whose_writing_failed_counts_for_nobody_though_it_can_be_read() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(SIZE));
    // Six calls for the bundles and one to sync come before the marker.
    let mut archive = Archive::open_on(Layout::new(dir.path()), Fragile::fails_once(7, Failure::After)).unwrap();
    log.append(&mut archive, 2 * BUNDLE).unwrap();
    let reader = archive.reader();
    assert!(matches!(archive.make_durable(), Err(WriteError::Io { step: "replace", .. })));
    reader.refresh().unwrap();
    assert_eq!((archive.size(), archive.durable(), reader.archived()), (512, 0, 0));
    assert_eq!(Marker::read(archive.layout()).unwrap().archived, 512);
    assert_eq!(archive.make_durable().unwrap(), 512);
    log.assert_is_in(&reader);
}

/// Archives all bundles, two at a time, and goes on after errors.
fn archive_stubbornly(log: &Log, archive: &mut Archive) {
    for bundles in (2..=BUNDLES + 2).step_by(2).cycle() {
        let done = log.append(archive, SIZE.min(bundles * BUNDLE)).and_then(|()| archive.make_durable());
        if done.is_ok_and(|durable| durable == SIZE as u64) {
            return;
        }
    }
}

#[test]
fn a_call_that_fails_at_any_point_costs_nothing_but_another_try() {
    let log = Log::of(SIZE);
    for failure in FAILURES {
        for call in 0.. {
            let (dir, volume) = (tempfile::tempdir().unwrap(), Fragile::fails_once(call, failure));
            let mut archive = Archive::open_on(Layout::new(dir.path()), Arc::clone(&volume) as Arc<dyn Volume>).unwrap();
            archive_stubbornly(&log, &mut archive);
            log.assert_is_in(&archive.reader());
            assert_eq!(archive.durable(), SIZE as u64);
            if !volume.has_failed() {
                assert!(call > 3 * BUNDLES, "{call} calls");
                break;
            }
        }
    }
}

#[test]
fn the_power_may_be_cut_at_any_point_and_what_counted_still_does() {
    let log = Log::of(SIZE);
    for (failure, seed) in FAILURES.into_iter().flat_map(|failure| (0..2).map(move |seed| (failure, seed))) {
        for call in 0.. {
            let (dir, volume) = (tempfile::tempdir().unwrap(), Fragile::dies(call, failure));
            let mut archive = Archive::open_on(Layout::new(dir.path()), Arc::clone(&volume) as Arc<dyn Volume>).unwrap();
            let steps = (1..=BUNDLES).map(|bundles| {
                log.append(&mut archive, bundles * BUNDLE)?;
                if bundles % 2 == 0 { archive.make_durable() } else { Ok(0) }
            });
            let told = steps.take_while(Result::is_ok).filter_map(Result::ok).max().unwrap_or(0);
            drop(archive);
            volume.cut_power(&mut Dice(seed << 32 | call as u64));

            let mut archive = Archive::open(dir.path()).unwrap();
            assert!(archive.durable() >= told, "{failure:?} in call {call}: {told} records counted");
            log.assert_is_in(&archive.reader());
            log.archive(&mut archive, SIZE);
            log.assert_is_in(&archive.reader());
            if !volume.has_failed() {
                break;
            }
        }
    }
}
