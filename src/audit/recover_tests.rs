//! A disk that fails, and what becomes of the log when it works again.

use super::*;

/// Waits until the log can be written again.
async fn recovered(writer: &AuditWriter) {
    let back = async {
        while writer.health() != Health::Writable {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), back).await;
    assert!(waited.is_ok(), "{:?}", writer.health());
}

#[tokio::test]
async fn after_a_failed_write_everything_is_refused_until_the_disk_works_and_nothing_acknowledged_is_lost() {
    for fault in [DiskFault::FailsToWrite, DiskFault::FailsAfterWriting, DiskFault::FailsToSync] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(TestDisk::default()));
        let scene = Scene::new();
        let (writer, reader) = start_on(&settings(dir.path()), &disk);
        let kept = writer.append(scene.decided(1)).await.unwrap();
        disk.set(fault);
        let refused = writer.append(scene.decided(2)).await.unwrap_err();
        assert!(refused.to_string().contains("injected"), "{fault:?}: {refused}");
        assert!(matches!(writer.append(scene.decided(3)).await, Err(AppendError::Failed(_))), "{fault:?}");
        assert!(matches!(writer.note(&ended(&kept)), Err(AppendError::Failed(_))), "{fault:?}");
        assert!(matches!(writer.health(), Health::Failed(reason) if reason.contains("injected")), "{fault:?}");
        // Attempts while the disk is sick change nothing.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(matches!(writer.append(scene.decided(4)).await, Err(AppendError::Failed(_))), "{fault:?}");
        disk.fault.store(0, Ordering::SeqCst);
        recovered(&writer).await;

        let after = writer.append(scene.decided(5)).await.unwrap();
        assert_eq!(reader.get(kept.seq()).unwrap().unwrap().hash(), kept.leaf_hash(), "{fault:?}");
        assert_eq!(reader.get(after.seq()).unwrap().unwrap().hash(), after.leaf_hash(), "{fault:?}");
        // Whether the refused record was written after all is up to the disk; that of the third and fourth is not.
        let found = kinds(&reader);
        let late = usize::from(found.len() == 5);
        let expected = [&["start", "decision"][..], &["decision"][..late], &["recovery", "decision"]].concat();
        assert_eq!(found, expected, "{fault:?}");
        writer.close().await.unwrap();
        drop(reader);

        assert_eq!(check(dir.path()).unwrap().tree.size, found.len() as u64 + 1, "{fault:?}");
        let (_writer, reader) = start(dir.path());
        assert_eq!(reader.get(after.seq()).unwrap().unwrap().hash(), after.leaf_hash(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_disk_that_fails_again_during_recovery_is_tried_again() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(TestDisk::default()));
    let scene = Scene::new();
    let (writer, reader) = start_on(&settings(dir.path()), &disk);
    for round in 0..3_u128 {
        let kept = writer.append(scene.decided(round)).await.unwrap();
        disk.set(DiskFault::FailsToSync);
        writer.append(scene.decided(100 + round)).await.unwrap_err();
        disk.fault.store(0, Ordering::SeqCst);
        recovered(&writer).await;
        assert_eq!(reader.get(kept.seq()).unwrap().unwrap().hash(), kept.leaf_hash());
    }
    writer.close().await.unwrap();
    drop(reader);
    check(dir.path()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("epochs")).unwrap().count(), 1, "what was given up is removed");
}

#[tokio::test]
async fn a_disk_that_lost_acknowledged_records_is_not_trusted_again() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(TestDisk::default()));
    let scene = Scene::new();
    let (writer, _reader) = start_on(&settings(dir.path()), &disk);
    let data = dir.path().join("epochs/00000000/db");
    let before = std::fs::read(&data).unwrap();
    writer.append(scene.decided(1)).await.unwrap();
    disk.set(DiskFault::FailsToWrite);
    writer.append(scene.decided(2)).await.unwrap_err();
    // The disk comes back as it was before the acknowledged record.
    std::fs::write(&data, before).unwrap();
    disk.fault.store(0, Ordering::SeqCst);
    let broken = async {
        while !matches!(writer.health(), Health::Failed(reason) if reason.contains("1 of 2 are there")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), broken).await.unwrap();
    assert!(matches!(writer.append(scene.decided(3)).await, Err(AppendError::Failed(_))));
    drop(writer);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let verdict = check(dir.path()).unwrap_err();
    assert_eq!(verdict, "ROLLBACK: the log's `anchor` is of 2 records, and the log has only 1");
}
