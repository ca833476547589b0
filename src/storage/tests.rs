//! What is stored stays, what fails says so.

use std::sync::Arc;

use super::{Batch, Copy, Database, LocalDisk, MAX_VALUE, OpenError, StorageError};

fn put(database: &Database, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
    let mut batch = Batch::default();
    batch.insert(key, value);
    database.commit(batch)
}

#[test]
fn a_second_opener_is_refused_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let first = Database::create(&path, Batch::default(), &local_disk()).unwrap();
    let refusal = Database::open(&path, Arc::new(LocalDisk)).err().unwrap();
    assert!(matches!(refusal, OpenError::Locked(_)), "{refusal:?}");
    assert!(refusal.to_string().contains("in use by another process"), "{refusal}");
    drop(first);
    Database::open(&path, Arc::new(LocalDisk)).unwrap();
}

#[test]
fn creating_leaves_nothing_beside_the_database_and_refuses_to_replace_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    put(&Database::create(&path, Batch::default(), &local_disk()).unwrap(), b"k", b"v").unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(Database::create(&path, Batch::default(), &local_disk()).is_err());
    assert_eq!(&*Database::open(&path, Arc::new(LocalDisk)).unwrap().get(b"k").unwrap().unwrap(), b"v");
}

#[test]
fn a_value_that_could_leave_the_synced_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::create(&dir.path().join("log"), Batch::default(), &local_disk()).unwrap();
    assert!(matches!(put(&database, b"k", &vec![0; MAX_VALUE + 1]), Err(StorageError::TooLong(_))));
    for key in 0..200_u16 {
        put(&database, &key.to_be_bytes(), &vec![7; MAX_VALUE]).unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path().join("log/blobs")).unwrap().count(), 0, "sled stored a page outside its file");
}

#[test]
fn entries_come_in_key_order_within_their_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::create(&dir.path().join("log"), Batch::default(), &local_disk()).unwrap();
    for key in [&b"L1"[..], b"L2", b"L5", b"P1", b"A9"] {
        put(&database, key, key).unwrap();
    }
    let keys: Vec<_> = database.range(b"L", b"L2").map(|entry| entry.unwrap().0.to_vec()).collect();
    assert_eq!(keys, [b"L2", b"L5"]);
    assert_eq!(&*database.last_until(b"L", b"L4").unwrap().unwrap().0, b"L2");
    assert!(database.last_until(b"L", b"L0").unwrap().is_none());
}

#[test]
fn a_copy_is_readable_while_the_original_is_open_and_leaves_no_litter() {
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = dir.path().join("log");
    let database = Database::create(&path, Batch::default(), &local_disk()).unwrap();
    put(&database, b"k", b"v").unwrap();
    let copy = Copy::of(&path, scratch.path()).unwrap();
    assert_eq!(&*copy.database().get(b"k").unwrap().unwrap(), b"v");
    assert!(copy.original_rests());
    put(&database, b"k", b"w").unwrap();
    assert!(!copy.original_rests());
    drop(copy);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_snapshot_that_was_not_finished_neither_keeps_a_database_closed_nor_gets_into_copies() {
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = dir.path().join("log");
    put(&Database::create(&path, Batch::default(), &local_disk()).unwrap(), b"k", b"v").unwrap();
    for content in ["", "half"] {
        std::fs::write(path.join("snap.FFFFFFFFFFFFFFF0.generating"), content).unwrap();
        assert_eq!(&*Copy::of(&path, scratch.path()).unwrap().database().get(b"k").unwrap().unwrap(), b"v");
        let database = Database::reopen(&path, &local_disk()).unwrap();
        assert_eq!(&*database.get(b"k").unwrap().unwrap(), b"v");
    }
}

#[test]
fn a_directory_is_made_for_its_owner_with_those_above_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    for _ in 0..2 {
        super::make_private_directory(&path).unwrap();
    }
    for made in [&*path, path.parent().unwrap()] {
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    std::fs::write(dir.path().join("file"), "").unwrap();
    assert!(super::make_private_directory(&dir.path().join("file")).is_err());
    assert!(super::make_private_directory(&dir.path().join("file/below")).is_err());
}

fn local_disk() -> Arc<dyn crate::storage::Disk> {
    Arc::new(LocalDisk)
}
