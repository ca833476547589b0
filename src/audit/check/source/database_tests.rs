//! The newest part of a log, in whatever portions it was stored, and everything that can be wrong with it.

use super::super::super::fixture::{Log, Memory};
use super::super::super::{Report, check_database};
use super::*;
use crate::audit::tlog::TreeHash;

type Portions = std::vec::IntoIter<Result<Stored, ReadError>>;

/// The records from `from` on, out of these portions.
fn newest(log: &Log, from: u64, stored: Vec<Stored>) -> Bundles<Portions> {
    let records: Vec<Option<Bytes>> = (0..log.size()).map(|seq| log.record(seq)).collect();
    let record = move |seq: u64| Ok(records.get(usize::try_from(seq).unwrap()).cloned().flatten());
    Bundles::new(from, stored.into_iter().map(Ok).collect::<Vec<_>>().into_iter(), record, Some(log.size()))
}

fn live(log: &Log, archived: u64, files: Memory, stored: Vec<Stored>) -> Live<Memory, Portions> {
    Live::new(TileSpans::new(files, archived), newest(log, archived, stored))
}

fn check(log: &Log, spans: &impl Spans) -> Report {
    check_database(spans, None, &log.question(), &mut |_, _| {}).unwrap()
}

fn first(report: &Report) -> String {
    report.faults.first().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn portions_of_every_size_make_the_same_log() {
    let log = Log::of(700);
    for step in [1, 3, 255, 256, 257, 700] {
        let report = check(&log, &newest(&log, 0, log.stored(0..700, step)));
        assert!(report.verified(), "{step}: {}", first(&report));
        assert_eq!((report.tree.size, report.tree.root), (700, log.frontier(700).root()));
    }
    let empty = Log::of(0);
    assert!(check(&empty, &newest(&empty, 0, Vec::new())).verified());
}

#[test]
fn what_is_in_files_and_what_is_in_the_database_are_one_log() {
    // What the database still has of records that are in files is passed over, also in the middle of a portion.
    for (archived, begins, size) in [(0, 0, 40), (256, 256, 700), (512, 256, 700), (512, 400, 700), (512, 512, 512)] {
        let log = Log::of(size);
        let (mut files, stored) = (log.files(archived), log.stored(begins..size, 31));
        // A running log keeps no partial tiles and no checkpoint.
        files.0.retain(|name, _| !name.contains(".p/") && name != "checkpoint");
        let spans = live(&log, archived, files.clone(), stored.clone());
        let newest = log.checkpoint(size);
        let report = check_database(&spans, Some(&newest), &log.question(), &mut |_, _| {}).unwrap();
        assert!(report.verified(), "{archived} {begins}: {}", first(&report));
        assert_eq!(report.tree.root, log.frontier(size).root());
        if files.0.remove("tile/1/000").is_some() {
            assert_eq!(first(&check(&log, &live(&log, archived, files, stored))), "`tile/1/000`: missing");
        }
    }
    // Records that were committed together have one head, after the last of them; records that were carried over may have none.
    let log = Log::of(700);
    let mut stored = log.stored(512..700, 10);
    stored.iter_mut().skip(1).step_by(2).for_each(|stored| stored.claim.edge = None);
    assert!(check(&log, &live(&log, 512, log.files(512), stored.clone())).verified());
    stored.iter_mut().for_each(|stored| stored.claim.edge = None);
    let spans = live(&log, 512, log.files(512), stored);
    assert!(check_database(&spans, Some(&log.checkpoint(700)), &log.question(), &mut |_, _| {}).unwrap().verified());
    let stored = log.stored(512..700, 188);
    let older =
        check_database(&live(&log, 512, log.files(512), stored), Some(&log.checkpoint(600)), &log.question(), &mut |_, _| {});
    assert!(older.unwrap().verified(), "an older one does not matter");
    // When all records are in files, nothing tells how many there should be.
    let log = Log::of(512);
    assert_eq!(first(&check(&log, &live(&log, 512, log.files(512), Vec::new()))), "the checkpoint: it is missing");
}

#[test]
fn an_older_head_is_found_where_files_end_and_in_the_middle_of_a_portion() {
    let log = Log::of(700);
    let mut question = log.question();
    for size in [0, 1, 256, 511, 512, 513, 600, 700] {
        question.add_checkpoint(format!("the head of {size}"), &log.checkpoint(size));
    }
    let spans = live(&log, 512, log.files(512), log.stored(512..700, 50));
    let report = check_database(&spans, None, &question, &mut |_, _| {}).unwrap();
    assert!(report.verified(), "{}", first(&report));
    assert!(report.anchors.iter().all(|anchor| anchor.holds == Some(true)) && report.anchors.len() == 8);
}

#[test]
fn everything_that_a_database_says_wrong_is_named_with_its_record() {
    let log = Log::of(300);
    type Change = fn(&mut Vec<Stored>, &Log);
    let cases: [(&str, Change); 13] = [
        ("", |_, _| {}),
        ("records 100 to 109 are missing, and no prune record lets them be", |stored, _| _ = stored.remove(10)),
        ("record 119: the head that is stored after it is wrong: it has another hash", |stored, _| {
            stored[11].claim.last = TreeHash::from_bytes([1; 32]);
        }),
        ("record 119: the head that is stored after it is wrong: it has another tree", |stored, log| {
            stored[11].claim.edge.as_mut().unwrap().0 = log.frontier(110).clone();
        }),
        ("record 119: the head that is stored after it is wrong: its checkpoint is one of another tree", |stored, log| {
            stored[11].claim.edge.as_mut().unwrap().1 = log.checkpoint(110);
        }),
        (
            "record 119: the head that is stored after it is wrong: its checkpoint: it is damaged (not a signed note)",
            |stored, _| {
                stored[11].claim.edge.as_mut().unwrap().1 = Bytes::new();
            },
        ),
        ("record 111: its bundle is cut short there, or goes on after it", |stored, _| {
            let first = usize::from(u16::from_be_bytes([stored[11].entries[0], stored[11].entries[1]]));
            stored[11].entries.truncate(first + 3);
        }),
        ("records 110 to 119 are missing, and no prune record lets them be", |stored, _| stored.swap(11, 12)),
        ("record 110: it is not a record in canonical form: it is not JSON without white space", |stored, _| {
            let mut entries = stored[11].entries.to_vec();
            entries[3] = b' ';
            stored[11].entries = entries.into();
        }),
        // Cut at its end, it is an older log, which only an older head could tell; in the middle it is not.
        ("", |stored, _| stored.truncate(20)),
        ("", |stored, _| stored.insert(12, stored[11].clone())),
        ("record 9: the head that is stored after it is wrong: its checkpoint is one of another tree", |stored, log| {
            stored.iter_mut().for_each(|stored| stored.claim.edge.as_mut().unwrap().1 = log.checkpoint(1));
            stored.truncate(1);
        }),
        ("record 4: it is the outcome of record 5, which is not the decision it names", |stored, _| {
            let mut entries = stored[0].entries.to_vec();
            let at = entries.windows(16).position(|window| window == b"\"decision_seq\":3").unwrap();
            entries[at + 15] = b'5';
            stored[0].entries = entries.into();
        }),
    ];
    for (expected, change) in cases {
        let mut stored = log.stored(0..300, 10);
        change(&mut stored, &log);
        let report = check(&log, &newest(&log, 0, stored));
        assert_eq!((first(&report).as_str(), report.verified()), (expected, expected.is_empty()));
    }
}

#[test]
fn a_database_that_cannot_be_read_is_no_fault_of_the_log() {
    let log = Log::of(300);
    let mut stored: Vec<Result<Stored, ReadError>> = log.stored(0..300, 10).into_iter().map(Ok).collect();
    stored.insert(7, Err(ReadError::new("the database", "the disk is gone")));
    let spans = Bundles::new(0, stored.into_iter(), |_| Ok(None), None);
    let error = check_database(&spans, None, &log.question(), &mut |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "failed to read the database");
}
