//! What verification finds, in logs that somebody or something changed, and in logs that are being written.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tempfile::TempDir;

use super::super::chunk::{ChunkWriter, Edge, LEAVES, Seed, key};
use super::super::epoch::{self, Epoch};
use super::super::keys::Signer;
use super::super::tlog::{Frontier, TreeHash};
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

/// Makes a log of these leaves, with every hash and signature as it should be, and an anchor that knows nothing of them.
fn rewrite(directory: &Path, leaves: &[String]) {
    let signer = Signer::create(directory, &directory.join("keys"), None).unwrap();
    let mut frontier = Frontier::new();
    let empty = signer.sign(0, frontier.root()).unwrap();
    anchor::write(directory, &empty).unwrap();
    let seed =
        Seed { frontier: frontier.clone(), prev: LeafHash::ZERO, begun: Timestamp::from_micros(0), checkpoint: Arc::new(empty) };
    let (mut chunk, mut prev, mut batch) = (ChunkWriter::default(), LeafHash::ZERO, Batch::default());
    for (seq, leaf) in (0..).zip(leaves) {
        chunk.begin(seq);
        let leaf = leaf.replace("PREV", &prev.to_string()).replace("SEQ", &seq.to_string());
        prev = chunk.push(|out| out.extend_from_slice(leaf.as_bytes()));
        frontier.append(prev.into(), |_, _| {}).unwrap();
        let checkpoint = signer.sign(frontier.size(), frontier.root()).unwrap();
        batch.insert(
            &key(LEAVES, seq),
            chunk.finish(&prev, Some(&Edge { frontier: frontier.clone(), checkpoint: Arc::new(checkpoint) })),
        );
    }
    drop(Epoch::create(&epoch::directory_of(directory), 0, seed, batch, &local_disk()).unwrap());
}

fn rewritten(leaves: &[String]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    rewrite(dir.path(), leaves);
    dir
}

/// A leaf in canonical form with these members and those that every record has.
fn leaf(members: &str) -> String {
    let whole = format!(r#"{{"prev":"PREV","seq":"SEQ","ts":"2026-11-22T10:15:14.000000Z","v":1,{members}}}"#);
    let sorted: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&whole).unwrap();
    serde_json::to_string(&sorted).unwrap().replace("\"SEQ\"", "SEQ")
}

#[tokio::test]
async fn a_whole_log_verifies_and_says_what_it_holds() {
    let dir = small_log(3).await;
    let verified = check(dir.path()).unwrap();
    assert_eq!((verified.tree.size, verified.without_outcome), (8, 0));
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
        ("kind", vec![stop.clone(), leaf(r#""t":"gift""#)], Some("record 1: it is not a record in canonical form: its kind")),
        (
            "verdict",
            vec![leaf(&format!(r#""t":"decision","decision":"maybe","id":"{ID}""#))],
            Some("record 0: it is not a record in canonical form: the member `decision`"),
        ),
        (
            "no id",
            vec![leaf(r#""t":"decision","decision":"deny""#)],
            Some("record 0: it is not a record in canonical form: the member `id`"),
        ),
        ("version", vec![stop.replace("\"v\":1", "\"v\":2")], Some("record 0: its form is version 2")),
        (
            "time",
            vec![stop.replace("2026-11-22T", "yesterday ")],
            Some("record 0: it is not a record in canonical form: the member `ts`"),
        ),
        ("number", vec![stop.clone(), stop.replace("SEQ", "7")], Some("record 1: it says it is record 7")),
        ("link", vec![stop.clone(), stop.replace("PREV", &LeafHash::ZERO.to_string())], Some("record 1: the chain is broken")),
        ("not JSON", vec!["{".to_owned()], Some("record 0: it is not a record in canonical form: ")),
    ];
    for (name, leaves, expected) in cases {
        let dir = rewritten(&leaves);
        match (check(dir.path()), expected) {
            (Ok(verified), None) => assert_eq!(verified.tree.size, leaves.len() as u64, "{name}"),
            (Err(error), Some(expected)) => assert!(error.starts_with(expected), "{name}: {error}"),
            (answer, expected) => panic!("{name}: {answer:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_log_that_is_shorter_or_other_than_its_anchor_is_refused_at_open_and_by_verification() {
    let dir = small_log(3).await;
    let genuine = anchor::read(dir.path()).unwrap();
    assert_eq!(genuine.checkpoint().size(), 8, "closing writes the anchor");
    let signer = Signer::open(dir.path(), &dir.path().join("keys"), None, None).unwrap();
    let opening = || open(&settings(dir.path()), &Clock::System, &mut Registry::default()).err().unwrap();
    let other_root = TreeHash::from_bytes([7; 32]);
    for (size, root, expected, verdict) in [
        (9, other_root, "records are missing: the anchor has seen 9 and the log holds 8", "ROLLBACK: the log's `anchor` is of 9"),
        (8, other_root, "the first 8 records are not those that the anchor has seen", "FORK: the first 8 records are not"),
        (3, other_root, "the first 3 records are not those that the anchor has seen", "FORK: the first 3 records are not"),
    ] {
        anchor::write(dir.path(), &signer.sign(size, root).unwrap()).unwrap();
        assert!(opening().to_string().starts_with(expected), "{}", opening());
        let said = check(dir.path()).unwrap_err();
        assert!(said.starts_with(verdict), "{said}");
    }
    let stranger = small_log(0).await;
    let foreign = std::fs::read(stranger.path().join("anchor")).unwrap();
    std::fs::write(dir.path().join("anchor"), foreign).unwrap();
    assert!(matches!(opening(), OpenError::Anchor(AnchorError::Forged { .. })), "{}", opening());
    std::fs::write(dir.path().join("anchor"), "{}").unwrap();
    let of_the_anchor = |said: Result<Report, String>| said.unwrap_err().contains("anchor");
    assert!(of_the_anchor(check(dir.path())));
    std::fs::remove_file(dir.path().join("anchor")).unwrap();
    assert!(of_the_anchor(check(dir.path())));
    assert!(matches!(opening(), OpenError::Anchor(AnchorError::Missing(_))), "{}", opening());
    anchor::write(dir.path(), &genuine).unwrap();
    std::fs::remove_dir_all(epoch::directory_of(dir.path())).unwrap();
    assert!(opening().to_string().starts_with("records are missing"), "{}", opening());
}

#[tokio::test]
async fn a_log_begins_with_the_records_of_every_tree_head_that_was_kept_and_of_no_other() {
    let dir = small_log(3).await;
    let kept = |kept: TreeHead| check_with(dir.path(), &[kept]);
    let whole = kept(TreeHead::EMPTY).unwrap().tree;
    assert_eq!(whole.size, 8);
    assert_eq!(whole.to_string().parse(), Ok(whole), "what is printed can be given back");

    // The same tree by the book: the root of two halves, the left one the largest power of two.
    let (_, reader) = start(dir.path());
    let leaves: Vec<TreeHash> = (0..8).map(|seq| TreeHash::leaf(reader.get(seq).unwrap().unwrap().leaf())).collect();
    drop(reader);
    let head = |size: usize| TreeHead { size: size as u64, root: root(&leaves[..size]) };
    assert_eq!(head(8), whole);
    for size in 0..=8 {
        assert!(kept(head(size)).is_ok(), "{size}");
        let other = TreeHead { root: TreeHash::from_bytes([7; 32]), ..head(size) };
        assert!(kept(other).unwrap_err().starts_with("FORK: the first"), "{size}");
    }
    let longer = TreeHead { size: 100, ..whole };
    assert!(kept(longer).unwrap_err().starts_with("ROLLBACK: the kept head"));
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
    let data = epoch::directory_of(dir.path()).join("00000000/db");
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
            assert!(verified.tree.size >= before, "{} of {before} acknowledged records are in the copy", verified.tree.size);
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
    let empty = tempfile::tempdir().unwrap();
    let schedule = read_schedule(rewritten(&[]).path()).unwrap();
    let question = Question::new(Trusted::schedule(schedule));
    let said = verify(empty.path(), empty.path(), &question, &mut |_, _| {});
    assert!(matches!(said, Err(VerifyError::Snapshot(SnapshotError::NoLog(_)))), "{said:?}");
}

fn local_disk() -> Arc<dyn crate::storage::Disk> {
    Arc::new(LocalDisk)
}

#[tokio::test]
async fn a_log_of_full_bundles_that_are_all_in_files_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let (writer, reader) = start(dir.path());
    // With the start and the stop.
    for number in 0..254 {
        writer.append(scene.decided(number)).await.unwrap();
    }
    writer.close().await.unwrap();
    let archived = async {
        while reader.archived() < 256 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), archived).await.unwrap();
    assert_eq!((reader.len(), reader.archived()), (256, 256));
    drop(reader);
    assert_eq!(check(dir.path()).unwrap().tree.size, 256);
}
