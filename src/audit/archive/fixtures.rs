//! What the tests of the archive share: a log to archive, and a file system that fails and loses power.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::volume::{LocalVolume, Volume};
use super::{Archive, ArchiveReader, BUNDLE, Entry, WriteError};
use crate::audit::tlog::{Checkpoint, Frontier, KeyName, SignedCheckpoint, SigningKey, TreeHash, merkle};

/// Random numbers that are the same in each run (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// Records to archive, and what was kept of each.
pub(super) struct Log {
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) kept: Vec<Option<Vec<u8>>>,
}

impl Log {
    /// Records of no particular form. Something is kept of every fifth, but nothing in the third bundle.
    pub(super) fn of(size: usize) -> Self {
        let leaf = |seq| format!("record {seq} {}", "-".repeat(seq % 7)).into_bytes();
        let is_kept = |seq: &usize| seq.is_multiple_of(5) && seq / BUNDLE != 2;
        let kept = |seq: usize| is_kept(&seq).then(|| vec![seq.to_le_bytes()[0] | 1; seq % 40 + 1]);
        Self { leaves: (0..size).map(leaf).collect(), kept: (0..size).map(kept).collect() }
    }

    /// Appends what the archive lacks of the full bundles among the first `size` records.
    pub(super) fn append(&self, archive: &mut Archive, size: usize) -> Result<(), WriteError> {
        while archive.size() + BUNDLE as u64 <= size as u64 {
            self.append_bundle(archive, archive.size())?;
        }
        Ok(())
    }

    pub(super) fn append_bundle(&self, archive: &mut Archive, first: u64) -> Result<(), WriteError> {
        let range = usize::try_from(first).unwrap()..usize::try_from(first).unwrap() + BUNDLE;
        let pairs = self.leaves[range.clone()].iter().zip(&self.kept[range]);
        let entries: Vec<_> = pairs.map(|(leaf, kept)| Entry { leaf, kept: kept.as_deref() }).collect();
        archive.append(first, entries.as_slice().try_into().unwrap())
    }

    /// Appends the full bundles among the first `size` records, and makes them durable.
    pub(super) fn archive(&self, archive: &mut Archive, size: usize) {
        self.append(archive, size).unwrap();
        archive.make_durable().unwrap();
    }

    /// Closes the archive with the first `size` records.
    pub(super) fn close(&self, archive: &mut Archive, size: usize) -> Result<(), WriteError> {
        let tail = &self.leaves[usize::try_from(archive.size()).unwrap()..size];
        let tail: Vec<_> = tail.iter().map(Vec::as_slice).collect();
        archive.close_partial(&tail, &self.checkpoint(size))
    }

    pub(super) fn root(&self, size: usize) -> TreeHash {
        let mut tree = Frontier::new();
        for leaf in &self.leaves[..size] {
            tree.append(TreeHash::leaf(leaf), |_, _| {}).unwrap();
        }
        tree.root()
    }

    /// The checkpoint of the first `size` records.
    pub(super) fn checkpoint(&self, size: usize) -> SignedCheckpoint {
        let name = KeyName::new("audit.example/sidecar/test").unwrap();
        // An Ed25519 key in PKCS #8 form with 32 times the same byte as its seed.
        let mut key = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        key.extend_from_slice(&[1; 32]);
        let key = SigningKey::from_pkcs8(name.clone(), &key).unwrap();
        SignedCheckpoint::sign(Checkpoint::new(&name, size as u64, self.root(size)).unwrap(), &[&key]).unwrap()
    }

    /// Asserts that the archive holds exactly these records from what was pruned on, with their kept bytes, and the tree of all of them.
    pub(super) fn assert_is_in(&self, reader: &ArchiveReader) {
        let (pruned, archived) = (usize::try_from(reader.pruned()).unwrap(), usize::try_from(reader.archived()).unwrap());
        let records: Vec<_> = reader.range(reader.pruned()).map(Result::unwrap).collect();
        assert_eq!(records.len(), archived - pruned);
        for (seq, record) in (pruned..).zip(&records) {
            assert_eq!((record.seq(), record.leaf()), (seq as u64, self.leaves[seq].as_slice()));
        }
        for seq in (pruned..archived).step_by(3) {
            assert_eq!(reader.kept(seq as u64).unwrap(), self.kept[seq], "{seq}");
        }
        assert_eq!(merkle::root(archived as u64, &reader.tree()).unwrap(), self.root(archived));
    }
}

/// How a call to the file system goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing happens.
    Before,
    /// It stops half-way, as on a full disk.
    Within,
    /// It happens, and an error is reported all the same.
    After,
}

pub(super) const FAILURES: [Failure; 3] = [Failure::Before, Failure::Within, Failure::After];

/// A file system whose calls fail from some call on, and which forgets what was not synced when its power is cut.
#[derive(Default)]
pub(super) struct Fragile(Mutex<State>);

#[derive(Default)]
struct State {
    calls: usize,
    fails_at: Option<(usize, Failure)>,
    /// It goes on failing once it has failed: the process is gone.
    dies: bool,
    /// Files that were written or removed since the last sync, and what was in them at that time.
    unsynced: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Fragile {
    /// Fails in the call after so many more, and works again after that.
    pub(super) fn fails_once(calls: usize, failure: Failure) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { fails_at: Some((calls, failure)), ..State::default() })))
    }

    /// Fails in the call after so many more, and in all that follow.
    pub(super) fn dies(calls: usize, failure: Failure) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { fails_at: Some((calls, failure)), dies: true, ..State::default() })))
    }

    /// Whether it has failed.
    pub(super) fn has_failed(&self) -> bool {
        let state = self.0.lock();
        state.fails_at.is_some_and(|(at, _)| state.calls > at)
    }

    /// Of each file that was not synced: what was written stays, or half of it, or nothing, or what was there before.
    pub(super) fn cut_power(&self, dice: &mut Dice) {
        for (path, before) in self.0.lock().unsynced.drain(..).rev() {
            let now = fs::read(&path).ok();
            match (dice.roll(4), before, now) {
                (0, _, _) => {}
                (1, _, Some(now)) => fs::write(&path, &now[..now.len() / 2]).unwrap(),
                (2, _, Some(_)) => fs::write(&path, b"").unwrap(),
                (_, Some(before), _) => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, before).unwrap();
                }
                (_, None, Some(_)) => fs::remove_file(&path).unwrap(),
                (_, None, None) => {}
            }
        }
    }

    fn failure(&self) -> Option<Failure> {
        let mut state = self.0.lock();
        let (number, dies) = (state.calls, state.dies);
        state.calls += 1;
        let (at, failure) = state.fails_at?;
        match number {
            _ if number == at => Some(failure),
            _ if number > at && dies => Some(Failure::Before),
            _ => None,
        }
    }

    fn touch(&self, path: &Path) {
        self.0.lock().unsynced.push((path.into(), fs::read(path).ok()));
    }

    fn call(&self, within: impl FnOnce() -> io::Result<()>, whole: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        match self.failure() {
            None => whole(),
            Some(Failure::Before) => Err(full()),
            Some(Failure::Within) => within().and(Err(full())),
            Some(Failure::After) => whole().and(Err(full())),
        }
    }
}

impl Volume for Fragile {
    fn write(&self, scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let half = || fs::write(scratch, &bytes[..bytes.len() / 2]);
        let whole = || {
            self.touch(path);
            LocalVolume.write(scratch, path, bytes)
        };
        self.call(half, whole)
    }

    fn sync(&self, _root: &File) -> io::Result<()> {
        let whole = || {
            self.0.lock().unsynced.clear();
            Ok(())
        };
        self.call(|| Ok(()), whole)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unsynced = || {
            let before = fs::read(path).ok();
            LocalVolume.replace(path, bytes)?;
            match before {
                Some(before) => fs::write(path, before),
                None => fs::remove_file(path),
            }
        };
        self.call(unsynced, || LocalVolume.replace(path, bytes))
    }

    fn overwrite(&self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        let half = || LocalVolume.overwrite(path, at, &bytes[..bytes.len() / 2]);
        self.call(half, || LocalVolume.overwrite(path, at, bytes))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let whole = || {
            self.touch(path);
            LocalVolume.remove(path)
        };
        self.call(|| Ok(()), whole)
    }
}
