//! Where an epoch begins and ends, and what goes over into the next one.

use ring::rand::SystemRandom;

use super::super::tlog::Frontier;
use super::super::tlog::{Checkpoint, KeyName, SignedCheckpoint, SigningKey};
use super::*;
use crate::storage::LocalDisk;

const DAY: Duration = Duration::from_secs(86_400);

/// A log in the making: its leaves are numbers.
struct Log {
    key: SigningKey,
    durable: Durable,
}

impl Log {
    fn new() -> Self {
        let name = KeyName::new("audit.example/test").unwrap();
        let der = SigningKey::generate(&SystemRandom::new()).unwrap();
        let key = SigningKey::from_pkcs8(name, der.as_ref()).unwrap();
        let frontier = Frontier::new();
        let checkpoint = sign(&key, &frontier);
        Self { key, durable: Durable { head: Head::EMPTY, edge: Edge { frontier, checkpoint } } }
    }

    fn seed(&self) -> Seed {
        let Durable { head, edge } = self.durable.clone();
        Seed { frontier: edge.frontier, prev: head.hash, begun: Timestamp::from_micros(0), checkpoint: edge.checkpoint }
    }

    /// Writes so many leaves as one chunk, with a checkpoint or without.
    fn write(&mut self, epoch: &Epoch, count: u64, signed: bool) {
        let mut chunk = ChunkWriter::default();
        chunk.begin(self.durable.head.size);
        for seq in self.durable.head.size..self.durable.head.size + count {
            let hash = chunk.push(|out| out.extend_from_slice(leaf(seq).as_bytes()));
            self.durable.grow(seq, &[hash], u64::MAX).unwrap();
        }
        if signed {
            self.durable.edge.checkpoint = sign(&self.key, &self.durable.edge.frontier);
        }
        let mut batch = Batch::default();
        let first = chunk.first();
        batch.insert(&key(LEAVES, first), chunk.finish(&self.durable.head.hash, signed.then_some(&self.durable.edge)));
        epoch.database.commit(batch).unwrap();
    }
}

fn sign(key: &SigningKey, tree: &Frontier) -> Arc<SignedCheckpoint> {
    let checkpoint = Checkpoint::new(key.verifier().name(), tree.size(), tree.root()).unwrap();
    Arc::new(SignedCheckpoint::sign(checkpoint, &[key]).unwrap())
}

fn leaf(seq: u64) -> String {
    format!("leaf {seq}")
}

fn create(directory: &Path, number: u64, seed: Seed, carried: Batch) -> Epoch {
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk);
    Epoch::create(directory, number, seed, carried, &disk).unwrap()
}

#[test]
fn the_end_of_an_epoch_is_the_end_of_the_log_also_after_a_group_that_was_cut_off() {
    let (dir, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    let epoch = create(dir.path(), 0, log.seed(), Batch::default());
    assert_eq!(epoch.end().unwrap(), log.durable);
    for (count, signed) in [(3, true), (5, false), (2, true), (4, false), (1, false)] {
        log.write(&epoch, count, signed);
        assert_eq!(epoch.end().unwrap(), log.durable, "{count} {signed}");
    }
    for size in 0..=15 {
        let found = epoch.up_to(size).unwrap();
        assert_eq!((found.head.size, found.edge.frontier.size()), (size, size));
        let last = size.checked_sub(1).map(|last| LeafHash::of(leaf(last).as_bytes()));
        assert_eq!(found.head.hash, last.unwrap_or(LeafHash::ZERO), "{size}");
    }
    assert_eq!(epoch.hash_of(7).unwrap(), Some(LeafHash::of(leaf(7).as_bytes())));
    assert_eq!(epoch.hash_of(15).unwrap(), None);
}

#[test]
fn the_next_epoch_carries_over_what_is_not_a_full_bundle_and_ends_where_the_log_ended() {
    for beyond in [0, 1, 100, 255] {
        let (dir, mut log) = (tempfile::tempdir().unwrap(), Log::new());
        let old = create(dir.path(), 0, log.seed(), Batch::default());
        log.write(&old, 200, true);
        log.write(&old, 312 + beyond, true);
        let (seed, carried) = old.successor(&log.durable, Timestamp::from_micros(9)).unwrap();
        let next = create(dir.path(), 1, seed, carried);
        assert_eq!((next.first(), next.seed.begun), (512, Timestamp::from_micros(9)));
        assert_eq!(next.end().unwrap(), log.durable, "{beyond}");
        assert_eq!(next.seed.prev, LeafHash::of(leaf(511).as_bytes()));
        log.write(&next, 300, true);
        drop(next);
        let database = Database::open(&path(dir.path(), 1), Arc::new(LocalDisk)).unwrap();
        assert_eq!(Epoch::of(1, database).unwrap().end().unwrap(), log.durable, "opened again, {beyond}");
    }
}

#[test]
fn long_leaves_are_carried_over_in_several_chunks() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::new());
    let epoch = create(dir.path(), 0, log.seed(), Batch::default());
    let leaves: Vec<Vec<u8>> = (0..20_u8).map(|number| vec![number; 9_000]).collect();
    let mut end = log.durable.clone();
    leaves.iter().for_each(|leaf| end.grow(end.head.size, &[LeafHash::of(leaf)], u64::MAX).unwrap());
    end.edge.checkpoint = sign(&log.key, &end.edge.frontier);
    let mut batch = Batch::default();
    carry(0, &leaves, &end, &mut batch);
    epoch.database.commit(batch).unwrap();
    assert_eq!(epoch.end().unwrap(), end);
    assert_eq!(epoch.leaves_from(0).unwrap(), leaves);
}

#[test]
fn an_epoch_is_full_by_records_bytes_or_age_and_not_before_it_has_a_bundle_to_leave_behind() {
    let (dir, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    let epoch = create(dir.path(), 0, log.seed(), Batch::default());
    let limits = EpochLimits { records: 300, bytes: 1 << 30, age: DAY };
    let late = Timestamp::from_micros(i64::try_from(DAY.as_micros()).unwrap());
    let full = |limits: &EpochLimits, log: &Log, now| epoch.is_full(limits, log.durable.head, now);
    log.write(&epoch, 255, true);
    assert!(!full(&limits, &log, late), "there is no full bundle yet");
    log.write(&epoch, 1, true);
    assert!(full(&limits, &log, late) && !full(&limits, &log, Timestamp::from_micros(1)));
    assert!(full(&EpochLimits { bytes: 1, ..limits }, &log, Timestamp::from_micros(1)));
    log.write(&epoch, 44, true);
    assert!(full(&limits, &log, Timestamp::from_micros(1)));
}

#[test]
fn unfinished_work_is_no_epoch_and_is_removed() {
    let (dir, log) = (tempfile::tempdir().unwrap(), Log::new());
    let _epoch = create(dir.path(), 7, log.seed(), Batch::default());
    for name in ["00000008.new-17", "cedarpost-copy-00", "9", "000000010"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    assert_eq!(list(dir.path()).unwrap(), [(7, path(dir.path(), 7))]);
    clean(dir.path()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_a_crash_leaves_beside_the_epochs_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    for directory in ["00000003", "00000001.gone", "00000004.new-17", "cedarpost-copy-0123"] {
        std::fs::create_dir(dir.path().join(directory)).unwrap();
        std::fs::write(dir.path().join(directory).join("db"), "x").unwrap();
    }
    std::fs::write(dir.path().join("probe"), "x").unwrap();
    clean(dir.path()).unwrap();
    assert_eq!(list(dir.path()).unwrap(), [(3, dir.path().join("00000003"))]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_epoch_that_is_discarded_is_no_epoch_any_more_also_when_an_attempt_before_was_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    for left in [false, true] {
        std::fs::create_dir(dir.path().join("00000001")).unwrap();
        if left {
            std::fs::create_dir(dir.path().join("00000001.gone")).unwrap();
            std::fs::write(dir.path().join("00000001.gone/db"), "x").unwrap();
        }
        discard(dir.path(), 1).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
    discard(dir.path(), 1).unwrap();
}
