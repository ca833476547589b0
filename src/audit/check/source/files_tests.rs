//! Files that have grown since, that are not as long as they can be, and a checkpoint that promises more than any disk holds.

use super::super::super::check_files;
use super::super::super::fixture::{Log, Memory};
use super::super::super::{Fault, TileFault};
use super::*;

fn codes(log: &Log, files: &Memory) -> Vec<&'static str> {
    let report = check_files(files, &log.question(), &mut |_, _| {}).unwrap();
    assert_eq!(report.verified(), report.faults.is_empty());
    report.faults.iter().map(Fault::code).collect()
}

#[test]
fn logs_of_all_sizes_around_a_bundle_verify() {
    let log = Log::of(520);
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 513, 520] {
        let report = check_files(&log.files(size), &log.question(), &mut |_, _| {}).unwrap();
        assert!(report.verified(), "{size}: {:?}", report.faults);
        assert_eq!((report.tree.size, report.tree.root, report.read), (size, log.frontier(size).root(), size));
        assert_eq!(report.without_outcome, u64::from(size > 0 && size % 2 == 0), "{size}");
    }
}

#[test]
fn a_partial_tile_may_have_been_followed_by_the_full_one() {
    let log = Log::of(600);
    let mut files = log.files(600);
    files.0.insert("checkpoint".to_owned(), log.checkpoint(300));
    assert_eq!(codes(&log, &files), ["missing_tile"], "the one of level 1 has grown, and is not full");
    files.0.insert("tile/1/000.p/1".to_owned(), files.0["tile/1/000.p/2"].slice(..32));
    assert_eq!(codes(&log, &files), [""; 0]);
    // More may stand after the part that counts, but not less.
    files.0.insert("tile/0/001".to_owned(), files.0["tile/0/001"].slice(..32 * 40));
    assert_eq!(codes(&log, &files), ["tile_length"]);
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let log = Log::of(300);
    let mut files = log.files(300);
    files.0.insert("tile/0/000".to_owned(), vec![0; MAX_HASHES + 1].into());
    files.0.insert("tile/entries/000".to_owned(), vec![0; MAX_ENTRIES + 1].into());
    assert_eq!(codes(&log, &files), ["tile_length", "bundle_length"]);
}

#[test]
fn a_checkpoint_of_more_records_than_there_are_costs_nothing() {
    let log = Log::of(5);
    let mut files = log.files(5);
    let text = String::from_utf8(files.0["checkpoint"].to_vec()).unwrap();
    files.0.insert("checkpoint".to_owned(), text.replacen("\n5\n", "\n4611686018427387904\n", 1).into());
    let report = check_files(&files, &log.question(), &mut |_, _| {}).unwrap();
    let first_tile = Tile::in_tree(Content::Hashes(0), 0, 1 << 62).unwrap();
    let expected = [
        "the checkpoint: the signature of `audit.example/sidecar/check` is wrong".to_owned(),
        Fault::Tile { tile: first_tile, fault: TileFault::Missing }.to_string(),
        "records 0 to 4611686018427387903 are missing, and no prune record lets them be".to_owned(),
    ];
    assert_eq!(report.faults.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn the_examiner_learns_how_much_is_wrong_and_what_is_not() {
    let log = Log::of(600);
    let mut files = log.files(600);
    let edited = files.0["tile/entries/001"].iter().map(|byte| if *byte == b'k' { b'K' } else { *byte });
    files.0.insert("tile/entries/001".to_owned(), edited.collect());
    let report = check_files(&files, &log.question(), &mut |_, _| {}).unwrap();
    assert_eq!(report.rest, super::super::super::Rest::OnlyNamed);
    // Of the 256 records every second is an outcome, which has an `ok` in it; all hashes have letters of their own.
    let wrong = report.faults.total();
    assert!((128..=256).contains(&wrong), "{wrong}");
    assert_eq!(report.faults.counts(), &[("record_content", wrong)].into());
    assert_eq!(report.faults.iter().count(), 100);
    let first = report.faults.first().unwrap();
    assert_eq!((report.file(first).as_deref(), first.record() >= Some(256)), (Some("tile/entries/001"), true));

    // A hash tile that was changed leaves the records as they were signed.
    let mut files = log.files(600);
    let mut tile = files.0["tile/0/001"].to_vec();
    tile[40] ^= 1;
    files.0.insert("tile/0/001".to_owned(), tile.into());
    let report = check_files(&files, &log.question(), &mut |_, _| {}).unwrap();
    assert_eq!(report.rest, super::super::super::Rest::Signed);
    assert_eq!(report.faults.counts(), &[("record_content", 1)].into());
}

#[test]
fn progress_is_told_up_to_the_end() {
    let log = Log::of(5000);
    let mut told = Vec::new();
    check_files(&log.files(5000), &log.question(), &mut |done, of| told.push((done, of))).unwrap();
    assert_eq!(told, [(2048, Some(5000)), (4096, Some(5000)), (5000, Some(5000))]);
}
