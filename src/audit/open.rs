//! Opens the log: finds its end, holds it against the anchor, says that the sidecar started, and starts the threads.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::storage::{self, Batch, Database, Disk, LocalDisk};

use super::anchor::{self, AnchorError};
use super::archive::{self, Archive, ArchiveReader};
use super::archivist::Archivist;
use super::ballast;
use super::chain::LeafHash;
use super::chunk::Seed;
use super::committer::{CommitError, Committer, Scratch};
use super::encode::Draft;
use super::epoch::{self, Durable, Epoch, EpochLimits};
use super::keys::{KeysError, Signer};
use super::metrics::Metrics;
use super::private::salts::Salts;
use super::queue::{Pending, Queue};
use super::reader::{AuditReader, ReadError, StoredRecord};
use super::record::{Kind, Record, RecoveryRecord, StartRecord};
use super::store::Store;
use super::time::parse_time;
use super::tlog::trust::DistrustError;
use super::tlog::{Frontier, KeyName, SignedCheckpoint, Trust};
use super::writer::{AuditWriter, Space};

/// What the log is told at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the log lives. It is made when it does not exist, for its owner only.
    pub directory: PathBuf,
    /// The log's name, unique among all logs somebody collects; a new log without one gets one of its own.
    pub origin: Option<KeyName>,
    /// Where the private key is; in `keys` of the directory unless said otherwise.
    pub keys: Option<PathBuf>,
    /// The program's version, for the start record.
    pub version: String,
    /// A digest of the configuration in force, for the start record.
    pub config: String,
    /// How long a call waits for its record before it is refused.
    pub append_deadline: Duration,
    /// How many records may wait for the disk.
    pub queue: usize,
    /// When fewer bytes than this are free on the disk, calls are refused.
    pub low_water: u64,
    /// When the log goes on in another database.
    pub epochs: EpochLimits,
}

impl Settings {
    /// Settings with the defaults: 2 seconds, 4,096 records, 64 MiB.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            origin: None,
            keys: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: String::new(),
            append_deadline: Duration::from_secs(2),
            queue: 4096,
            low_water: 64 << 20,
            epochs: EpochLimits::default(),
        }
    }

    fn keys(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| self.directory.join("keys"))
    }
}

/// Why the log could not be opened. Nothing was added to it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("`{0}` is in use by another process")]
    InUse(PathBuf),
    /// The directory could not be made, or a file in it not written.
    #[error("failed to prepare `{path}`")]
    Prepare {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The log has a form that only development versions wrote.
    #[error("`{0}` holds a log that a version before the first release wrote: move it away to begin a new log")]
    OldForm(PathBuf),
    /// The database could not be opened.
    #[error(transparent)]
    Database(#[from] storage::OpenError),
    /// The log could not be read.
    #[error("failed to read the newest records: run `cedarpost audit verify`")]
    Read(#[from] ReadError),
    /// There is no key to sign with.
    #[error("the log cannot be signed")]
    Keys(#[from] KeysError),
    /// The archive could not be opened.
    #[error("the archive of the log cannot be opened")]
    Archive(#[from] archive::OpenError),
    /// Records are in no epoch and not in the archive.
    #[error("the archive goes up to record {archived}, and the newest epochs begin at {first}: files were removed")]
    Hole {
        /// Where the archive ends.
        archived: u64,
        /// Where the oldest epoch begins.
        first: u64,
    },
    /// The newest checkpoint is not signed by a key of the log.
    #[error("the newest checkpoint of the log is not signed by the log: run `cedarpost audit verify`")]
    Forged(#[source] DistrustError),
    /// The anchor could not be read.
    #[error("the log cannot be held against its anchor")]
    Anchor(#[from] AnchorError),
    /// The log does not contain what the anchor says was written.
    #[error(transparent)]
    Anchored(#[from] AnchorMismatch),
    /// The start could not be recorded.
    #[error("failed to record the start: {0}")]
    Start(String),
}

/// The log and its anchor disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnchorMismatch {
    /// Records at the end are gone.
    #[error(
        "records are missing: the anchor has seen {anchored} and the log holds {found}. The log was rolled back or damaged; \
         keep the directory for examination, and move it away to begin a new log"
    )]
    RolledBack {
        /// How many records the anchor has seen.
        anchored: u64,
        /// How many there are.
        found: u64,
    },
    /// The log is another one than the anchor has seen.
    #[error(
        "the first {size} records are not those that the anchor has seen. The log was rewritten or exchanged; keep the directory for \
         examination, and move it away to begin a new log"
    )]
    Forked {
        /// How many records the anchor has seen.
        size: u64,
    },
}

/// Opens the log, or makes it, and starts the thread that writes it.
///
/// # Errors
///
/// [`OpenError`]; among others when another process has the log open, and when it does not hold what its anchor says.
pub fn open(settings: &Settings, clock: &Clock, registry: &mut Registry) -> Result<(AuditWriter, AuditReader), OpenError> {
    open_on(settings, clock, registry, Arc::new(LocalDisk))
}

/// Like [`open`], on a disk of the caller's choice.
pub(super) fn open_on(
    settings: &Settings,
    clock: &Clock,
    registry: &mut Registry,
    disk: Arc<dyn Disk>,
) -> Result<(AuditWriter, AuditReader), OpenError> {
    let directory = &settings.directory;
    let prepare = |source| OpenError::Prepare { path: directory.clone(), source };
    storage::make_private_directory(directory).map_err(prepare)?;
    let lock = Arc::new(lock(directory)?);
    if directory.join("log").exists() {
        return Err(OpenError::OldForm(directory.clone()));
    }
    epoch::clean(&epoch::directory_of(directory)).map_err(prepare)?;
    let archive = Archive::open(directory)?;
    let (epochs, given_up) = open_epochs(directory, &disk)?;
    let found = if epochs.is_empty() {
        Found::new_log(settings, clock.now(), &disk)?
    } else {
        Found::existing(settings, archive.reader(), epochs)?
    };
    // Not before it is clear that the others hold all that the anchor has seen.
    given_up.into_iter().for_each(|number| epoch::remove(&epoch::directory_of(directory), number));
    let Found { epochs, signer, durable, anchored } = found;
    let epoch = epochs.last().map(Arc::clone).ok_or(ReadError::Gap { seq: 0 })?;
    ballast::ensure(directory, &*disk, settings.low_water);

    let store = Arc::new(Store::new(directory, archive.reader(), epochs, durable));
    let reader = AuditReader::new(Arc::clone(&store));
    let end = End::of(&reader)?;
    let queue = Arc::new(Queue::new(settings.queue, clock.clone()));
    let space = Space::new(directory.clone(), Arc::clone(&disk), settings.low_water);
    let durable = store.durable();
    let metrics = Arc::new(Metrics::new(registry));
    let archivist = Archivist {
        archive,
        store: Arc::clone(&store),
        metrics: Arc::clone(&metrics),
        epoch_records: settings.epochs.records,
        _lock: Arc::clone(&lock),
    };
    let mut committer = Committer {
        anchor: anchor::Keeper::start(directory.clone(), Arc::clone(&durable), anchored).map_err(prepare)?,
        store: Arc::clone(&store),
        epoch,
        limits: settings.epochs,
        salts: Salts::new(directory, Arc::clone(&disk)),
        disk,
        low_water: settings.low_water,
        queue: Arc::clone(&queue),
        metrics,
        signer,
        durable,
        reached: end.at,
        scratch: Scratch::default(),
        rotate_at: Instant::now(),
        recoveries: 0,
        _lock: lock,
    };
    record_start(&mut committer, settings, clock, end.orderly)
        .map_err(|error| OpenError::Start(super::committer::chain_of(&error)))?;
    let (ends, ended) = oneshot::channel();
    let end = EndOfWriting(Arc::clone(&committer.store));
    let archiving = move || {
        archivist.run();
        // It ends after the committer. Whoever closes the log may have stopped waiting.
        let _ = ends.send(());
    };
    std::thread::Builder::new().name("audit-archive".into()).spawn(archiving).map_err(prepare)?;
    std::thread::Builder::new().name("audit-commit".into()).spawn(move || end.after(|| committer.run())).map_err(prepare)?;
    Ok((AuditWriter::new(Arc::clone(&store), queue, space, settings.append_deadline, ended), reader))
}

/// Tells everyone who reads that nothing more is written, when the committer is gone: its last anchor is written, and its hold on the
/// directory is given up. So a log that says it is closed is closed.
struct EndOfWriting(Arc<Store>);

impl EndOfWriting {
    fn after(self, work: impl FnOnce()) {
        work();
        drop(self);
    }
}

impl Drop for EndOfWriting {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Keeps other processes away. The system gives the lock back when a process ends, however it ends.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let prepare = |source| OpenError::Prepare { path: directory.into(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("lock")).map_err(prepare)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.into())),
        Err(TryLockError::Error(error)) => Err(prepare(error)),
    }
}

/// What there is of a log when it is opened.
struct Found {
    epochs: Vec<Arc<Epoch>>,
    signer: Signer,
    durable: Durable,
    /// The size that the anchor stands for.
    anchored: u64,
}

impl Found {
    /// Makes a log. INVARIANT: its anchor is there before its first epoch, so a log without one was tampered with.
    fn new_log(settings: &Settings, now: Timestamp, disk: &Arc<dyn Disk>) -> Result<Self, OpenError> {
        let directory = &settings.directory;
        let prepare = |source| OpenError::Prepare { path: directory.clone(), source };
        let anchored = match anchor::read(directory) {
            Err(AnchorError::Missing(_)) => None,
            read => Some(read?),
        };
        if let Some(seen) = anchored.map(|anchored| anchored.checkpoint().size()).filter(|seen| *seen > 0) {
            return Err(AnchorMismatch::RolledBack { anchored: seen, found: 0 }.into());
        }
        let signer = Signer::create(directory, &settings.keys(), settings.origin.as_ref())?;
        let frontier = Frontier::new();
        let checkpoint = Arc::new(signer.sign(0, frontier.root())?);
        anchor::write(directory, &checkpoint).map_err(prepare)?;
        let seed = Seed { frontier, prev: LeafHash::ZERO, begun: now, checkpoint };
        let epoch = Epoch::create(&epoch::directory_of(directory), 0, seed, Batch::default(), disk)?;
        let durable = epoch.end()?;
        Ok(Self { epochs: vec![Arc::new(epoch)], signer, durable, anchored: 0 })
    }

    /// Looks at a log that exists.
    fn existing(settings: &Settings, archive: ArchiveReader, epochs: Vec<Arc<Epoch>>) -> Result<Self, OpenError> {
        let directory = &settings.directory;
        let newest = epochs.last().ok_or(ReadError::Gap { seq: 0 })?;
        let mut durable = newest.end()?;
        let signed = Arc::clone(&durable.edge.checkpoint);
        let signer = Signer::open(directory, &settings.keys(), settings.origin.as_ref(), Some(&signed))?;
        let trust = Trust::new(signer.origin().as_str(), signer.schedule().clone());
        trust.verify(&signed).map_err(OpenError::Forged)?;
        if signed.checkpoint().size() != durable.head.size {
            // A crash cut a group off: what of it is there belongs to the log, and nobody was told.
            durable.edge.checkpoint = Arc::new(signer.sign(durable.head.size, durable.edge.frontier.root())?);
        }
        let first = epochs.first().map_or(0, |oldest| oldest.first());
        if archive.archived() < first {
            return Err(OpenError::Hole { archived: archive.archived(), first });
        }
        let anchored = anchor::read(directory)?;
        trust.verify(&anchored).map_err(|source| AnchorError::Forged { directory: directory.clone(), source })?;
        let store = Arc::new(Store::new(directory, archive, epochs.clone(), durable.clone()));
        if let Some(mismatch) = compare_with_anchor(&AuditReader::new(store), &anchored)? {
            return Err(mismatch.into());
        }
        newest.remove_orphans(durable.head).map_err(|error| OpenError::Start(error.to_string()))?;
        Ok(Self { epochs, signer, durable, anchored: anchored.checkpoint().size() })
    }
}

/// Opens all epochs that are there, none when there is no log yet; and says which were given up.
fn open_epochs(directory: &Path, disk: &Arc<dyn Disk>) -> Result<(Vec<Arc<Epoch>>, Vec<u64>), OpenError> {
    let path = epoch::directory_of(directory);
    let listed = epoch::list(&path).map_err(|source| OpenError::Prepare { path, source })?;
    let (mut epochs, mut given_up) = (Vec::<Arc<Epoch>>::new(), Vec::new());
    // Newest first: an epoch that begins no earlier than the one after it was given up, and all it held is in that one.
    for (number, path) in listed.into_iter().rev() {
        // Whoever else could have it open has to have the lock of the whole directory, which is ours.
        let database = match Database::reopen(&path, disk) {
            Err(storage::OpenError::Full(_)) if ballast::release(directory) => Database::reopen(&path, disk)?,
            opened => opened?,
        };
        let epoch = Epoch::of(number, database)?;
        if epochs.last().is_some_and(|after| after.first() <= epoch.first()) {
            given_up.push(number);
        } else {
            epochs.push(Arc::new(epoch));
        }
    }
    epochs.reverse();
    Ok((epochs, given_up))
}

/// What the log lacks of what the anchor has seen, if anything.
pub(super) fn compare_with_anchor(
    reader: &AuditReader,
    anchored: &SignedCheckpoint,
) -> Result<Option<AnchorMismatch>, ReadError> {
    let (seen, found) = (anchored.checkpoint(), reader.len());
    if seen.size() > found {
        return Ok(Some(AnchorMismatch::RolledBack { anchored: seen.size(), found }));
    }
    let root = reader.root(seen.size())?;
    Ok((root != *seen.root()).then_some(AnchorMismatch::Forked { size: seen.size() }))
}

/// How the log ended before this start.
struct End {
    orderly: bool,
    at: Timestamp,
}

impl End {
    fn of(reader: &AuditReader) -> Result<Self, ReadError> {
        let last = reader.len().checked_sub(1).map(|last| reader.get(last)).transpose()?.flatten();
        Ok(last.map_or(Self { orderly: true, at: Timestamp::from_micros(0) }, |record| Self::before(&record)))
    }

    fn before(last: &StoredRecord) -> Self {
        let summary = last.summary();
        let at = parse_time(&summary.time).unwrap_or(Timestamp::from_micros(0));
        Self { orderly: summary.kind == Kind::Stop.name(), at }
    }
}

/// Writes the first records of this run, before anyone else can write.
fn record_start(committer: &mut Committer, settings: &Settings, clock: &Clock, orderly: bool) -> Result<(), CommitError> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let origin = committer.signer.origin().to_string();
    let start = StartRecord { version: &settings.version, config: &settings.config, origin: &origin, boot: boot.trim() };
    let recovery = (!orderly).then_some(Record::Recovery(RecoveryRecord { found: committer.durable.head.size }));
    let pending = |record: Record<'_>| Draft::of(&record).map(|draft| Pending { draft, at: clock.now(), id: None, waiter: None });
    let mut first = recovery.into_iter().chain([Record::Start(start)]).map(pending).collect::<Result<Vec<_>, _>>()?;
    committer.write_all(&mut first)
}
