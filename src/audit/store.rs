//! What of the log can be read, shared between the one thread that writes and everyone who reads.
//!
//! The committer publishes how far the log is durable; nobody sees a record before that. Records are in the epochs' databases until the
//! archivist has written them into files and drops the epoch.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::watch;

use super::archive::ArchiveReader;
use super::archivist::Chore;
use super::epoch::{self, Durable, Epoch};
use super::tlog::SignedCheckpoint;
use crate::storage::StorageError;

/// How many chores may wait for the archivist.
const MAX_CHORES: usize = 16;

/// The log as far as it can be read.
pub(super) struct Store {
    directory: PathBuf,
    archive: ArchiveReader,
    epochs_directory: PathBuf,
    /// Oldest first. INVARIANT: there is one at least, and the last is the one that is written.
    epochs: RwLock<Vec<Arc<Epoch>>>,
    durable: watch::Sender<Arc<Durable>>,
    /// The checkpoint of `durable`, for those who carry it away.
    checkpoint: watch::Sender<Arc<SignedCheckpoint>>,
    waits: Mutex<Waits>,
    bell: Condvar,
}

/// What the archivist waits for.
#[derive(Debug)]
struct Waits {
    /// The size that the log must reach.
    size: u64,
    /// An epoch was left behind.
    rings: bool,
    /// Nothing more will be written.
    ends: bool,
    chores: Vec<Chore>,
}

impl Store {
    pub(super) fn new(directory: &Path, archive: ArchiveReader, epochs: Vec<Arc<Epoch>>, durable: Durable) -> Self {
        let waits = Waits { size: u64::MAX, rings: false, ends: false, chores: Vec::new() };
        Self {
            directory: directory.into(),
            archive,
            epochs_directory: epoch::directory_of(directory),
            epochs: RwLock::new(epochs),
            checkpoint: watch::Sender::new(Arc::clone(&durable.edge.checkpoint)),
            durable: watch::Sender::new(Arc::new(durable)),
            waits: Mutex::new(waits),
            bell: Condvar::new(),
        }
    }

    /// The part of the log that is in files.
    pub(super) const fn archive(&self) -> &ArchiveReader {
        &self.archive
    }

    /// How far the log is durable.
    pub(super) fn durable(&self) -> Arc<Durable> {
        Arc::clone(&self.durable.borrow())
    }

    /// Tells whenever more is durable.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Durable>> {
        self.durable.subscribe()
    }

    /// The newest checkpoint, whenever there is another.
    pub(super) fn checkpoints(&self) -> watch::Receiver<Arc<SignedCheckpoint>> {
        self.checkpoint.subscribe()
    }

    /// The committer's word that the log is durable so far.
    pub(super) fn publish(&self, durable: Arc<Durable>) {
        let size = durable.head.size;
        self.checkpoint.send_replace(Arc::clone(&durable.edge.checkpoint));
        self.durable.send_replace(durable);
        let wake = self.waits.lock().size <= size;
        if wake {
            self.bell.notify_one();
        }
    }

    /// The epoch that holds a record, if one does.
    pub(super) fn epoch_of(&self, seq: u64) -> Option<Arc<Epoch>> {
        self.epochs.read().iter().rev().find(|epoch| epoch.first() <= seq).cloned()
    }

    /// The log goes on in another epoch; the one before waits to be archived.
    pub(super) fn advance(&self, epoch: Arc<Epoch>) {
        self.epochs.write().push(epoch);
        self.ring(|waits| waits.rings = true);
    }

    /// The epoch that was written is given up, and `epoch` holds all that it held.
    pub(super) fn replace_last(&self, epoch: Arc<Epoch>) {
        let mut epochs = self.epochs.write();
        epochs.pop();
        epochs.push(epoch);
    }

    /// Where the oldest epoch ends, unless it is the one that is written.
    pub(super) fn end_of_oldest(&self) -> Option<u64> {
        self.epochs.read().get(1).map(|next| next.first())
    }

    /// What was kept of a call, enciphered, while it is in an epoch.
    pub(super) fn kept_in_epoch(&self, seq: u64) -> Result<Option<Vec<u8>>, StorageError> {
        self.epoch_of(seq).map_or(Ok(None), |epoch| epoch.kept(seq))
    }

    /// Lets go of the oldest epoch, whose records are durable elsewhere; never of the one that is written.
    pub(super) fn drop_oldest(&self) -> Option<Arc<Epoch>> {
        let mut epochs = self.epochs.write();
        (epochs.len() > 1).then(|| epochs.remove(0))
    }

    /// Where the log is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where epochs are.
    pub(super) fn epochs_directory(&self) -> &Path {
        &self.epochs_directory
    }

    /// Waits until the log has at least `size` records, an epoch was left behind, there is a chore, or so long; `false` when the work is
    /// to end.
    pub(super) fn wait(&self, size: u64, at_most: Option<Duration>) -> bool {
        let until = at_most.map(|time| Instant::now() + time);
        let mut waits = self.waits.lock();
        waits.size = size;
        while !waits.rings && !waits.ends && waits.chores.is_empty() {
            match until {
                Some(until) if Instant::now() >= until => break,
                Some(until) => drop(self.bell.wait_until(&mut waits, until)),
                None if self.durable.borrow().head.size >= size => break,
                None => self.bell.wait(&mut waits),
            }
        }
        waits.size = u64::MAX;
        waits.rings = false;
        !waits.ends
    }

    /// Has the archivist do something; `false` when it has too much to do, or has ended.
    pub(super) fn give(&self, chore: Chore) -> bool {
        let mut waits = self.waits.lock();
        let taken = !waits.ends && waits.chores.len() < MAX_CHORES;
        if taken {
            waits.chores.push(chore);
            self.bell.notify_one();
        }
        taken
    }

    pub(super) fn take_chores(&self) -> Vec<Chore> {
        std::mem::take(&mut self.waits.lock().chores)
    }

    /// Whether the archivist is wanted for something else: a chore, or the end.
    pub(super) fn is_calling(&self) -> bool {
        let waits = self.waits.lock();
        waits.ends || !waits.chores.is_empty()
    }

    /// Nothing more will be written.
    pub(super) fn end(&self) {
        self.ring(|waits| waits.ends = true);
    }

    fn ring(&self, say: impl FnOnce(&mut Waits)) {
        say(&mut self.waits.lock());
        self.bell.notify_one();
    }
}
