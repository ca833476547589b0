//! What is private about records, all the way through the log: written with them, proved and read with the salt, gone without it.

use std::sync::atomic::AtomicBool;

use serde_json::Value;

use super::private::{commitment, digest_of, unseal};
use super::*;
use crate::audit::chunk::{KEPT_PART, kept_key};
use crate::audit::json::encode_base64;
use crate::audit::private::detail::Keeping;

fn keeping(level: Level) -> Keeping {
    Keeping { level, limit: 1 << 20, masks: private::Masks::default() }
}

fn scene(text: &[u8]) -> Scene {
    Scene { args: Some(Content::of(text, &keeping(Level::Arguments), Part::Arguments)), ..Scene::new() }
}

fn outcome(of: &Receipt, result: &[u8]) -> Record<'static> {
    let result = Some(Content::of(result, &keeping(Level::Results), Part::Result));
    let (decision, seq) = (of.id().unwrap(), of.seq());
    Record::Outcome(OutcomeRecord { decision, seq, outcome: Outcome::Ok, micros: 9, bytes: 2, result })
}

/// The text of a record as the log and its salt together have it, after the commitment was checked.
fn proved(directory: &Path, reader: &AuditReader, seq: u64, member: &str) -> Option<Vec<u8>> {
    let said: Value = serde_json::from_str(&reader.get(seq).unwrap().unwrap().json()).unwrap();
    let salt = SaltReader::new(directory).salt(seq).unwrap()?;
    let text = unseal(&salt, seq, &reader.kept(seq).unwrap()?).unwrap();
    let commit = String::from_utf8(encode_base64(&commitment(&salt, &digest_of(&text))).to_vec()).unwrap();
    assert_eq!((said[member]["commit"].as_str(), said[member]["len"].as_u64()), (Some(commit.as_str()), Some(text.len() as u64)));
    Some(text)
}

#[tokio::test]
async fn what_was_kept_can_be_proved_and_read_until_it_is_erased_and_the_log_verifies_either_way() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    let texts: Vec<Vec<u8>> =
        [0, 2, 500, KEPT_PART - 16, KEPT_PART - 15, 3 * KEPT_PART, 1 << 20].map(|length| vec![b'x'; length]).into();
    let mut decisions = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let receipt = writer.append(scene(text).decided(number as u128)).await.unwrap();
        let ended = writer.append(outcome(&receipt, b"{\"content\":[]}")).await.unwrap();
        decisions.push((receipt.seq(), ended.seq()));
    }
    for ((decision, outcome), text) in decisions.iter().zip(&texts) {
        assert_eq!(proved(dir.path(), &reader, *decision, "args").as_ref(), Some(text), "{decision}");
        assert_eq!(proved(dir.path(), &reader, *outcome, "result").unwrap(), b"{\"content\":[]}");
    }
    let (erased, _) = decisions[2];
    assert!(SaltReader::new(dir.path()).erase(erased).unwrap());
    assert_eq!(proved(dir.path(), &reader, erased, "args"), None);
    writer.close().await.unwrap();
    drop(reader);

    check(dir.path()).unwrap();
    let (_writer, reader) = start(dir.path());
    for ((decision, _), text) in decisions.iter().zip(&texts) {
        let expected = (*decision != erased).then_some(text);
        assert_eq!(proved(dir.path(), &reader, *decision, "args").as_ref(), expected, "{decision}: after a restart");
    }
}

#[tokio::test]
async fn equal_texts_have_nothing_in_common_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    let mut seen = Vec::new();
    for number in 0..2 {
        let seq = writer.append(scene(b"{\"a\":1}").decided(number)).await.unwrap().seq();
        let said: Value = serde_json::from_str(&reader.get(seq).unwrap().unwrap().json()).unwrap();
        seen.push((said["args"]["commit"].clone(), reader.kept(seq).unwrap().unwrap()));
    }
    assert_ne!(seen[0].0, seen[1].0);
    assert_ne!(seen[0].1, seen[1].1);
}

#[tokio::test]
async fn a_log_whose_salts_cannot_be_written_refuses_calls() {
    for fault in [DiskFault::FailsToWrite, DiskFault::FailsToSync] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(TestDisk::default()));
        let (writer, _reader) = start_on(&settings(dir.path()), &disk);
        disk.set(fault);
        let refused = writer.append(Scene::new().decided(1)).await.unwrap_err().to_string();
        assert!(refused.contains("failed to make a salt") && refused.contains("injected"), "{fault:?}: {refused}");
        assert!(matches!(writer.health(), Health::Failed(_)), "{fault:?}");
    }
}

#[tokio::test]
async fn what_was_kept_of_records_that_a_crash_cut_off_is_gone_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = start(dir.path());
    writer.close().await.unwrap();
    drop(reader);
    let path = epoch::directory_of(dir.path()).join("00000000");
    let database = crate::storage::Database::open(&path, Arc::new(LocalDisk)).unwrap();
    let mut batch = Batch::default();
    batch.insert(&kept_key(2, 0), &[9; 32]);
    batch.insert(&kept_key(2, 1), &[9; 32]);
    batch.insert(&kept_key(9, 0), &[9; 32]);
    database.commit(batch).unwrap();
    drop(database);
    let (writer, reader) = start(dir.path());
    assert!(reader.kept(2).unwrap().is_none() && reader.kept(9).unwrap().is_none());
    let seq = writer.append(scene(b"{}").decided(1)).await.unwrap().seq();
    assert_eq!((seq, proved(dir.path(), &reader, seq, "args")), (3, Some(b"{}".to_vec())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_is_found_also_while_its_epoch_is_let_go_of() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings { epochs: EpochLimits { records: 256, ..EpochLimits::default() }, ..settings(dir.path()) };
    let (writer, reader) = open(&small, &Clock::System, &mut Registry::default()).unwrap();
    let scene = scene(b"{}");
    for round in 0..6 {
        let seq = writer.append(scene.decided(round << 32)).await.unwrap().seq();
        let over = Arc::new(AtomicBool::new(false));
        // More than there are processors, so that some of them are stopped in the middle of a look.
        let looking: Vec<_> = (0..32)
            .map(|_| {
                let (reader, over) = (reader.clone(), Arc::clone(&over));
                std::thread::spawn(move || {
                    (0..).take_while(|_| !over.load(Ordering::SeqCst)).all(|_: u64| reader.kept(seq).unwrap().is_some())
                })
            })
            .collect();
        let more = (1..300).map(|number| writer.append(scene.decided((round << 32) + number)));
        assert!(futures_util::future::join_all(more).await.iter().all(Result::is_ok));
        let let_go = async {
            while writer.store().epoch_of(seq).is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), let_go).await.unwrap();
        over.store(true, Ordering::SeqCst);
        assert!(looking.into_iter().all(|looks| looks.join().unwrap()), "round {round}");
    }
}
