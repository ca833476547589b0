//! Tests of keeping the index: made, made again, and done without.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::audit::archive::fixtures::{FAILURES, Fragile, Log};
use crate::audit::archive::{BUNDLE, Facet, Layout, LocalVolume, Volume};

/// How many records a segment has in these tests.
const LENGTH: u64 = 1024;
/// Two segments and a bit.
const SIZE: usize = 11 * BUNDLE;

fn open_on(directory: &Path, volume: Arc<dyn Volume>) -> Archive {
    Archive::open_on(Layout::new(directory).with_segments_of(LENGTH), volume).unwrap()
}

fn open(directory: &Path) -> Archive {
    open_on(directory, Arc::new(LocalVolume))
}

/// An archive of decisions by two agents in turn.
fn archived(directory: &Path) -> (Archive, Log) {
    let mut log = Log::of(SIZE);
    for (seq, leaf) in log.leaves.iter_mut().enumerate() {
        *leaf = format!(r#"{{"agent":"a{}","seq":{seq},"t":"decision"}}"#, seq % 2).into_bytes();
    }
    log.kept.fill(None);
    let mut archive = open(directory);
    log.archive(&mut archive, SIZE);
    (archive, log)
}

fn tend(archive: &mut Archive) -> usize {
    std::iter::from_fn(|| archive.tend_index().unwrap().then_some(())).count()
}

/// How many records of a segment are by agent `a1`; nothing when it cannot be used.
fn by_a1(reader: &ArchiveReader, first: u64) -> Option<usize> {
    let mask = reader.segment(first)?.having(Facet::Agent, |agent| agent == b"a1");
    Some(mask.unwrap_or_default().into_iter().filter(|is_hit| *is_hit).count())
}

#[test]
fn segments_are_made_once_they_are_full_and_looked_at_once_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (mut archive, log) = archived(dir.path());
    assert_eq!(tend(&mut archive), 2);
    let path = archive.reader().layout().segment(0);
    let made = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(tend(&mut archive), 0);
    let reader = archive.reader();
    assert_eq!([0, LENGTH, 2 * LENGTH].map(|first| by_a1(&reader, first)), [Some(512), Some(512), None]);
    drop(archive);

    fs::remove_file(reader.layout().segment(LENGTH)).unwrap();
    let mut archive = open(dir.path());
    assert_eq!(tend(&mut archive), 2);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), made, "what is whole is left as it is");
    assert_eq!(by_a1(&archive.reader(), LENGTH), Some(512));

    // A reader tells the writer what is damaged.
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let reader = archive.reader();
    assert_eq!((by_a1(&reader, 0), tend(&mut archive), by_a1(&reader, 0)), (None, 1, Some(512)));
    log.assert_is_in(&reader);
}

#[test]
fn a_segment_of_another_history_is_not_used_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (mut archive, mut log) = archived(dir.path());
    assert_eq!(tend(&mut archive), 2);
    drop(archive);
    for name in ["archived", "tiles"] {
        fs::rename(dir.path().join(name), dir.path().join(format!("{name}.old"))).unwrap();
    }
    let other = |leaf: &[u8]| String::from_utf8_lossy(leaf).replace("a0", "a1").replace('}', r#","v":1}"#).into_bytes();
    log.leaves.iter_mut().for_each(|leaf| *leaf = other(leaf));
    let mut archive = open(dir.path());
    log.archive(&mut archive, SIZE);
    let reader = archive.reader();
    // One because a reader said so, and one look at each.
    assert_eq!((by_a1(&reader, 0), tend(&mut archive), by_a1(&reader, 0)), (None, 3, Some(1024)));
}

#[test]
fn a_segment_of_which_a_part_is_pruned_is_made_of_the_rest_and_a_pruned_one_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let (mut archive, _log) = archived(dir.path());
    assert_eq!(tend(&mut archive), 2);
    archive.prune(LENGTH + 512).unwrap();
    let layout = archive.reader().layout().clone();
    assert!(!layout.segment(0).exists());
    fs::remove_file(layout.segment(LENGTH)).unwrap();
    drop(archive);
    let mut archive = open(dir.path());
    assert_eq!(tend(&mut archive), 1);
    assert_eq!(by_a1(&archive.reader(), LENGTH), Some(256));
}

#[test]
fn a_segment_that_cannot_be_written_is_tried_again_and_one_of_damaged_records_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (archive, _log) = archived(dir.path());
    drop(archive);
    for failure in FAILURES {
        let mut archive = open_on(dir.path(), Fragile::fails_once(0, failure));
        fs::remove_file(archive.reader().layout().segment(0)).unwrap_or_default();
        assert!(matches!(archive.tend_index(), Err(WriteError::Io { step: "write", .. })));
        assert_eq!((tend(&mut archive), by_a1(&archive.reader(), 0)), (2, Some(512)));
    }
    let reader = open(dir.path()).reader();
    fs::remove_file(reader.layout().segment(0)).unwrap();
    fs::write(reader.layout().tiles().join("tile/entries/002"), b"?").unwrap();
    let mut archive = open(dir.path());
    let refusal = archive.tend_index().unwrap_err();
    assert!(refusal.to_string().starts_with("record 512 in"), "{refusal}");
    assert_eq!(tend(&mut archive), 1);
}
