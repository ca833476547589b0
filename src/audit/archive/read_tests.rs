//! Tests of reading the archive.

use std::fs;

use super::*;
use crate::audit::archive::Archive;
use crate::audit::archive::fixtures::Log;

const BUNDLES: usize = 5;

/// An archive of five bundles, of which the first is pruned when `pruned` says so.
fn archived(pruned: bool) -> (tempfile::TempDir, Archive, Log) {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(BUNDLES * BUNDLE));
    let mut archive = Archive::open(dir.path()).unwrap();
    log.archive(&mut archive, BUNDLES * BUNDLE);
    if pruned {
        archive.prune(BUNDLE as u64).unwrap();
    }
    (dir, archive, log)
}

#[test]
fn records_and_what_was_kept_of_them_are_read_by_the_writer_and_by_others() {
    for pruned in [false, true] {
        let (dir, archive, log) = archived(pruned);
        for reader in [archive.reader(), ArchiveReader::open(dir.path()).unwrap()] {
            log.assert_is_in(&reader);
            for seq in [256, 257, 1000, 1279] {
                assert_eq!(reader.get(seq).unwrap().unwrap().leaf(), log.leaves[usize::try_from(seq).unwrap()]);
            }
            for seq in [1280, u64::MAX] {
                assert_eq!((reader.get(seq).unwrap(), reader.kept(seq).unwrap()), (None, None));
                assert_eq!(reader.range(seq).count(), 0);
            }
            assert_eq!(reader.range(1279).count(), 1);
        }
    }
}

#[test]
fn a_reader_sees_what_counts_and_nothing_before_it_does() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::of(3 * BUNDLE));
    let mut archive = Archive::open(dir.path()).unwrap();
    let (within, elsewhere) = (archive.reader(), ArchiveReader::open(dir.path()).unwrap());
    log.append(&mut archive, 2 * BUNDLE).unwrap();
    assert_eq!((within.archived(), within.range(0).count(), within.bundle(0).unwrap().is_none()), (0, 0, true));
    let mut records = within.range(0);
    archive.make_durable().unwrap();
    assert_eq!((within.archived(), elsewhere.archived()), (512, 0));
    elsewhere.refresh().unwrap();
    assert_eq!((elsewhere.archived(), elsewhere.range(0).count()), (512, 512));
    assert_eq!(records.next().unwrap().unwrap().seq(), 0);
    log.archive(&mut archive, 3 * BUNDLE);
    assert_eq!(records.count(), 767, "what is archived meanwhile is read, too");
}

#[test]
fn pruned_missing_and_damaged_are_told_apart() {
    let (dir, archive, _log) = archived(true);
    // As another process may have pruned: this reader has not heard of it.
    let elsewhere = ArchiveReader::open(dir.path()).unwrap();
    let layout = elsewhere.layout().clone();
    let path = |seq| layout.tile(bundle_of(seq, 1280).unwrap());
    fs::remove_file(path(512)).unwrap();
    let mut bytes = fs::read(path(768)).unwrap();
    bytes[100] ^= 1;
    fs::write(path(768), bytes).unwrap();
    fs::write(layout.tile("tile/0/004".parse().unwrap()), b"short").unwrap();
    for reader in [archive.reader(), elsewhere] {
        let cases = [
            (0, "record 0 was pruned; the log begins at record 256".to_owned()),
            (512, format!("`{}` is missing", path(512).display())),
            (774, format!("record 774 in `{}`: its bytes do not have the hash of its tile", path(768).display())),
            (1024, format!("the hash tile `{}` is cut short or too long", layout.tiles().join("tile/0/004").display())),
        ];
        for (seq, expected) in cases {
            let first = seq / 256 * 256;
            let refusal = reader.range(first).find_map(Result::err).unwrap();
            assert_eq!(refusal.to_string(), expected);
            assert_eq!(reader.range(first).skip_while(Result::is_ok).count(), 1, "it ends after an error");
        }
        assert!(matches!(reader.kept(0), Err(ArchiveError::Pruned { seq: 0, pruned: 256 })));
        assert!(reader.get(300).unwrap().is_some());
    }
}

#[test]
fn what_another_process_prunes_is_told_as_pruned() {
    let (dir, mut archive, _log) = archived(false);
    let elsewhere = ArchiveReader::open(dir.path()).unwrap();
    archive.prune(512).unwrap();
    assert_eq!(elsewhere.pruned(), 0);
    assert!(matches!(elsewhere.get(300), Err(ArchiveError::Pruned { pruned: 512, .. })));
    assert_eq!(elsewhere.pruned(), 512);
}

#[test]
fn damage_to_what_was_kept_is_told_with_its_file_and_record() {
    let (_dir, archive, log) = archived(false);
    let reader = archive.reader();
    let path = reader.layout().kept(bundle_of(300, 1280).unwrap());
    let whole = fs::read(&path).unwrap();
    assert_eq!(reader.kept(300).unwrap(), log.kept[300]);
    for damaged in [&b""[..], b"\x07", &whole[..whole.len() - 1]] {
        fs::write(&path, damaged).unwrap();
        let refusal = reader.kept(510).unwrap_err();
        assert_eq!(refusal.to_string(), format!("record 510 in `{}`: what was kept in its bundle is cut short", path.display()));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(reader.kept(300).unwrap(), None);
}
