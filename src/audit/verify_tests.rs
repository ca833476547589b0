//! What verification finds, in logs that somebody or something changed, and in logs that are being written.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tempfile::TempDir;

use super::super::chain::{ChunkWriter, LEAVES, LeafHash, key};
use super::super::open::database_path;
use super::super::tlog::TreeHash;
use super::super::{anchor, show};
use super::*;

/// A closed log with a few calls.
async fn small_log(calls: u128) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let (writer, reader) = start(dir.path());
    for number in 0..calls {
        let receipt = writer.append(scene.decided(number)).await.unwrap();
        writer.note(&ended(&receipt)).unwrap();
    }
    writer.close().await.unwrap();
    drop(reader);
    dir
}

/// Replaces the log by one of these leaves, with every hash as it should be, and removes what the anchor knows.
fn rewrite(directory: &Path, leaves: &[String]) {
    let database = Database::open(&database_path(directory), Arc::new(LocalDisk)).unwrap();
    let mut chunk = ChunkWriter::default();
    let (mut prev, mut batch) = (LeafHash::ZERO, Batch::default());
    for (seq, leaf) in (0..).zip(leaves) {
        chunk.begin(seq);
        let leaf = leaf.replace("PREV", &prev.to_string()).replace("SEQ", &seq.to_string());
        prev = chunk.push(|out| out.extend_from_slice(leaf.as_bytes()));
        batch.insert(&key(LEAVES, seq), chunk.finish(&prev));
    }
    database.commit(batch).unwrap();
    drop(database);
    anchor::write(directory, Head::EMPTY).unwrap();
}

fn leaf(members: &str) -> String {
    format!(r#"{{"prev":"PREV","seq":SEQ,"ts":"2026-11-22T10:15:14.000000Z","v":1,{members}}}"#)
}

#[tokio::test]
async fn a_whole_log_verifies_and_says_what_it_holds() {
    let dir = small_log(3).await;
    let verified = check(dir.path()).unwrap();
    assert_eq!((verified.head.size, verified.without_outcome), (8, 0));
    assert!(verified.first.unwrap() <= verified.last.unwrap());
}

#[test]
fn each_way_a_record_can_be_wrong_is_named_with_its_number() {
    const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let decision = leaf(&format!(r#""t":"decision","decision":"allow","id":"{ID}""#));
    let outcome = |of: u64, id: &str| leaf(&format!(r#""t":"outcome","outcome":"ok","decision_seq":{of},"id":"{id}""#));
    let stop = leaf(r#""t":"stop""#);
    let cases: [(&str, Vec<String>, Option<&str>); 12] = [
        ("whole", vec![decision.clone(), outcome(0, ID), outcome(0, ID), stop.clone()], None),
        (
            "other id",
            vec![decision.clone(), outcome(0, "01ARZ3NDEKTSV4RRFFQ69G5FAW")],
            Some("record 1: it is the outcome of record 0"),
        ),
        ("later", vec![decision, outcome(1, ID)], Some("record 1: it is the outcome of record 1")),
        ("no decision", vec![stop.clone(), outcome(0, ID)], Some("record 1: it is the outcome of record 0")),
        ("kind", vec![stop.clone(), leaf(r#""t":"gift""#)], Some("record 1: it is not a record: its kind")),
        (
            "verdict",
            vec![leaf(&format!(r#""t":"decision","decision":"maybe","id":"{ID}""#))],
            Some("record 0: it is not a record: a decision"),
        ),
        ("no id", vec![leaf(r#""t":"decision","decision":"deny""#)], Some("record 0: it is not a record: a decision without")),
        ("version", vec![stop.replace("\"v\":1", "\"v\":2")], Some("record 0: it is not a record: its version")),
        ("time", vec![stop.replace("2026-11-22T", "yesterday ")], Some("record 0: it is not a record: its time")),
        ("number", vec![stop.clone(), stop.replace("SEQ", "7")], Some("record 1: it says it is record 7")),
        ("link", vec![stop.clone(), stop.replace("PREV", &LeafHash::ZERO.to_string())], Some("record 1: it does not name")),
        ("not JSON", vec!["{".to_owned()], Some("record 0: it is not a record")),
    ];
    for (name, leaves, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path()).unwrap();
        drop(Database::create(&database_path(dir.path()), &local_disk()).unwrap());
        rewrite(dir.path(), &leaves);
        match (check(dir.path()), expected) {
            (Ok(verified), None) => assert_eq!(verified.head.size, leaves.len() as u64, "{name}"),
            (Err(error), Some(expected)) => assert!(error.to_string().starts_with(expected), "{name}: {error}"),
            (answer, expected) => panic!("{name}: {answer:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_log_that_is_shorter_or_other_than_its_anchor_is_refused_at_open_and_by_verification() {
    let dir = small_log(3).await;
    let head = anchor::read(dir.path()).unwrap();
    assert_eq!(head.size, 8, "closing writes the anchor");
    for (anchored, expected) in [
        (Head { size: head.size + 1, ..head }, "records are missing: the anchor has seen 9 and the log holds 8"),
        (Head { hash: LeafHash::ZERO, ..head }, "record 7 is not the one that the anchor has seen"),
    ] {
        anchor::write(dir.path(), anchored).unwrap();
        let opening = open(&settings(dir.path()), &Clock::System, &mut Registry::default()).err().unwrap();
        assert!(opening.to_string().starts_with(expected), "{opening}");
        assert!(check(dir.path()).unwrap_err().to_string().starts_with(expected));
    }
    std::fs::write(dir.path().join("anchor"), "{}").unwrap();
    assert!(matches!(check(dir.path()), Err(VerifyError::Anchor(AnchorError::Damaged(_)))));
    std::fs::remove_file(dir.path().join("anchor")).unwrap();
    assert!(matches!(check(dir.path()), Err(VerifyError::Anchor(AnchorError::Missing(_)))));
    anchor::write(dir.path(), head).unwrap();
    std::fs::remove_dir_all(database_path(dir.path())).unwrap();
    let opening = open(&settings(dir.path()), &Clock::System, &mut Registry::default()).err().unwrap();
    assert!(opening.to_string().starts_with("records are missing"), "{opening}");
}

#[tokio::test]
async fn a_log_begins_with_the_records_of_every_tree_head_that_was_kept_and_of_no_other() {
    let dir = small_log(3).await;
    let kept = |kept: TreeHead| verify(dir.path(), tempfile::tempdir().unwrap().path(), kept, &mut |_| {});
    let whole = kept(TreeHead::EMPTY).unwrap().tree;
    assert_eq!(whole.size, 8);
    assert_eq!(whole.to_string().parse(), Ok(whole), "what is printed can be given back");

    // The same tree by the book: the root of two halves, the left one the largest power of two.
    let (_, reader) = start(dir.path());
    let leaves: Vec<TreeHash> = (0..8)
        .map(|seq| TreeHash::from_bytes(*LeafHash::of(reader.get(seq).unwrap().unwrap().json().as_bytes()).as_bytes()))
        .collect();
    drop(reader);
    let head = |size: usize| TreeHead { size: size as u64, root: root(&leaves[..size]) };
    assert_eq!(head(8), whole);
    for size in 0..=8 {
        assert!(kept(head(size)).is_ok(), "{size}");
        let other = TreeHead { root: TreeHash::from_bytes([7; 32]), ..head(size) };
        assert!(matches!(kept(other), Err(VerifyError::Kept(_))), "{size}");
    }
    let longer = TreeHead { size: 100, ..whole };
    assert!(matches!(kept(longer), Err(VerifyError::Kept(_))));
}

fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::EMPTY,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            TreeHash::node(&root(left), &root(right))
        }
    }
}

/// The bytes that hold something: sled pads its file with zeros.
fn used(path: &Path) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    (0..).zip(bytes).filter(|(_, byte)| *byte != 0).map(|(at, _)| at).collect()
}

#[tokio::test]
async fn a_flipped_byte_is_found_or_harmless_but_never_a_different_log() {
    let dir = small_log(4).await;
    let whole = check(dir.path()).unwrap();
    let data = database_path(dir.path()).join("db");
    let file = File::options().read(true).write(true).open(&data).unwrap();
    let used = used(&data);
    let (mut found, mut harmless) = (0, 0);
    for at in used.iter().step_by(used.len().div_ceil(60)) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, *at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], *at).unwrap();
        match check(dir.path()) {
            Ok(verified) => {
                assert_eq!(verified, whole, "byte {at}");
                harmless += 1;
            }
            Err(_) => found += 1,
        }
        file.write_all_at(&byte, *at).unwrap();
    }
    assert!(found > harmless, "{found} found, {harmless} harmless");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_verifies_again_and_again_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = (0..32_u128).map(|task| {
        let (writer, stop, acknowledged) = (writer.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            let scene = Scene::new();
            while !stop.load(Ordering::Relaxed) {
                let receipt = writer.append(scene.decided(task)).await.unwrap();
                writer.note(&ended(&receipt)).unwrap();
                acknowledged.fetch_max(receipt.seq() + 1, Ordering::SeqCst);
            }
        })
    });
    let load: Vec<_> = load.collect();
    let path = dir.path().to_owned();
    let rounds = tokio::task::spawn_blocking(move || {
        for _ in 0..8 {
            let before = acknowledged.load(Ordering::SeqCst);
            let verified = check(&path).unwrap();
            assert!(verified.head.size >= before, "{} of {before} acknowledged records are in the copy", verified.head.size);
        }
        stop.store(true, Ordering::Relaxed);
    });
    rounds.await.unwrap();
    for task in load {
        task.await.unwrap();
    }
    drop((writer, reader));
}

#[tokio::test]
async fn showing_narrows_by_what_was_asked() {
    let dir = small_log(5).await;
    let scratch = tempfile::tempdir().unwrap();
    let shown = |filter: Filter| {
        let mut seen = Vec::new();
        show::show(dir.path(), scratch.path(), &filter, &mut |record| {
            seen.push(record.seq());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        seen
    };
    let all = Filter::default();
    let word = |word: &str| Some(word.to_owned());
    assert_eq!(shown(all.clone()).len(), 12);
    assert_eq!(shown(Filter { since: Some(10), ..all.clone() }), [10, 11]);
    assert_eq!(shown(Filter { last: Some(2), ..all.clone() }), [10, 11]);
    assert_eq!(shown(Filter { verdict: word("allow"), last: Some(1), ..all.clone() }).len(), 1);
    assert_eq!(shown(Filter { agent: word("planner"), ..all.clone() }).len(), 5);
    assert_eq!(shown(Filter { agent: word("nobody"), ..all.clone() }).len(), 0);
    assert_eq!(shown(Filter { id: Some(DecisionId::from_parts(1, 2).to_string()), ..all }).len(), 2);
}

#[test]
fn there_is_nothing_to_verify_where_no_log_is() {
    assert!(matches!(check(tempfile::tempdir().unwrap().path()), Err(VerifyError::NoLog(_))));
}

fn local_disk() -> Arc<dyn crate::storage::Disk> {
    Arc::new(LocalDisk)
}
