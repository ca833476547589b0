//! Opens the log: finds its head, holds it against the anchor, says that the sidecar started, and starts the committer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::storage::{self, Batch, Database, Disk, LocalDisk, StorageError};

use super::anchor::{self, AnchorError};
use super::ballast;
use super::chain::{Head, KEPT, key};
use super::committer::{CommitError, Committer, Scratch};
use super::encode::Draft;
use super::metrics::Metrics;
use super::private::salts::Salts;
use super::queue::{Pending, Queue};
use super::reader::{AuditReader, ReadError, StoredRecord};
use super::record::{Kind, Record, RecoveryRecord, StartRecord};
use super::time::parse_time;
use super::writer::{AuditWriter, Space};

/// What the log is told at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the log lives. It is made when it does not exist, for its owner only.
    pub directory: PathBuf,
    /// The log's name, unique among all logs somebody collects.
    pub origin: String,
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
}

impl Settings {
    /// Settings with the defaults: 2 seconds, 4,096 records, 64 MiB.
    #[must_use]
    pub fn new(directory: PathBuf, origin: String) -> Self {
        Self {
            directory,
            origin,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: String::new(),
            append_deadline: Duration::from_secs(2),
            queue: 4096,
            low_water: 64 << 20,
        }
    }
}

/// Why the log could not be opened. Nothing was added to it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory could not be made, or a file in it not written.
    #[error("failed to prepare `{path}`")]
    Prepare {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The database could not be opened.
    #[error(transparent)]
    Database(#[from] storage::OpenError),
    /// The log could not be read.
    #[error("failed to read the newest records: run `cedarpost audit verify`")]
    Read(#[from] ReadError),
    /// The anchor could not be read.
    #[error("the log cannot be held against its anchor")]
    Anchor(#[from] AnchorError),
    /// The log does not contain what the anchor says was written.
    #[error(transparent)]
    Anchored(#[from] AnchorMismatch),
    /// The start could not be recorded.
    #[error("failed to record the start")]
    Start(#[source] StorageError),
    /// A start record could not be made.
    #[error("failed to make the start record: {0}")]
    Encode(String),
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
        "record {seq} is not the one that the anchor has seen. The log was rewritten or exchanged; keep the directory for \
         examination, and move it away to begin a new log"
    )]
    Forked {
        /// Where they part.
        seq: u64,
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
    let (database, anchored) = open_database(directory, Arc::clone(&disk))?;
    let reader = AuditReader::new(database.clone());
    let head = reader.head()?;
    if let Some(mismatch) = compare_with_anchor(&reader, head, anchored)? {
        return Err(mismatch.into());
    }
    remove_orphans(&database, head)?;
    let end = reader.last()?.map(|record| End::of(&record)).unwrap_or_default();
    ballast::ensure(directory, &database, settings.low_water);

    let queue = Arc::new(Queue::new(settings.queue, clock.clone()));
    let mut committer = Committer {
        anchor: anchor::Keeper::start(directory.clone(), anchored).map_err(prepare)?,
        database: database.clone(),
        queue: Arc::clone(&queue),
        metrics: Arc::new(Metrics::new(registry)),
        head,
        reached: end.at,
        salts: Salts::new(directory, disk),
        scratch: Scratch::default(),
    };
    record_start(&mut committer, settings, clock, end.orderly)?;
    let (ends, ended) = oneshot::channel();
    let work = move || {
        committer.run();
        // Whoever closes the log may have stopped waiting.
        let _ = ends.send(());
    };
    std::thread::Builder::new().name("audit-commit".into()).spawn(work).map_err(prepare)?;
    Ok((AuditWriter::new(queue, Space::new(database, settings.low_water), settings.append_deadline, ended), reader))
}

/// Where in the directory the database is.
pub(super) fn database_path(directory: &Path) -> PathBuf {
    directory.join("log")
}

/// Opens or makes the database, and reads the anchor.
fn open_database(directory: &Path, disk: Arc<dyn Disk>) -> Result<(Database, Head), OpenError> {
    let path = database_path(directory);
    if path.exists() {
        let database = match Database::open(&path, Arc::clone(&disk)) {
            Err(storage::OpenError::Full(_)) if ballast::release(directory) => Database::open(&path, disk)?,
            other => other?,
        };
        // The anchor is read when the lock is held: before that, its writer may still be at work.
        return Ok((database, anchor::read(directory)?));
    }
    match anchor::read(directory) {
        // INVARIANT: the anchor of the empty log is there before the log, so a log without one was tampered with.
        Err(AnchorError::Missing(_)) => {
            anchor::write(directory, Head::EMPTY).map_err(|source| OpenError::Prepare { path: directory.into(), source })?;
        }
        Err(error) => return Err(error.into()),
        Ok(Head::EMPTY) => {}
        Ok(seen) => return Err(AnchorMismatch::RolledBack { anchored: seen.size, found: 0 }.into()),
    }
    Ok((Database::create(&path, &disk)?, Head::EMPTY))
}

/// What the log lacks of what the anchor has seen, if anything.
pub(super) fn compare_with_anchor(reader: &AuditReader, head: Head, anchored: Head) -> Result<Option<AnchorMismatch>, ReadError> {
    if anchored.size > head.size {
        return Ok(Some(AnchorMismatch::RolledBack { anchored: anchored.size, found: head.size }));
    }
    let Some(seq) = anchored.size.checked_sub(1) else { return Ok(None) };
    let found = reader.get(seq)?.map(|record| record.hash());
    Ok((found != Some(anchored.hash)).then_some(AnchorMismatch::Forked { seq }))
}

/// Removes what was kept of records that a crash has kept from being written: their numbers are given out again.
fn remove_orphans(database: &Database, head: Head) -> Result<(), OpenError> {
    let mut batch = Batch::default();
    for entry in database.range(&[KEPT], &key(KEPT, head.size)) {
        batch.remove(&entry.map_err(ReadError::from)?.0);
    }
    if batch.is_empty() { Ok(()) } else { database.commit(batch).map_err(OpenError::Start) }
}

/// How the log ended before this start.
struct End {
    orderly: bool,
    at: Timestamp,
}

impl Default for End {
    fn default() -> Self {
        Self { orderly: true, at: Timestamp::from_micros(0) }
    }
}

impl End {
    fn of(last: &StoredRecord) -> Self {
        let summary = last.summary();
        let at = parse_time(&summary.time).unwrap_or(Timestamp::from_micros(0));
        Self { orderly: summary.kind == Kind::Stop.name(), at }
    }
}

/// Writes the first records of this run, before anyone else can write.
fn record_start(committer: &mut Committer, settings: &Settings, clock: &Clock, orderly: bool) -> Result<(), OpenError> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let start = StartRecord { version: &settings.version, config: &settings.config, origin: &settings.origin, boot: boot.trim() };
    let recovery = (!orderly).then_some(Record::Recovery(RecoveryRecord { found: committer.head.size }));
    let records = recovery.into_iter().chain([Record::Start(start)]);
    let pending = |record| {
        let draft = Draft::of(&record).map_err(|error| OpenError::Encode(error.to_string()))?;
        Ok::<_, OpenError>(Pending { draft, at: clock.now(), id: None, waiter: None })
    };
    let mut first = records.map(pending).collect::<Result<Vec<_>, _>>()?;
    committer.write_all(&mut first).map_err(|error| match error {
        CommitError::Storage(source) => OpenError::Start(source),
        CommitError::Encode(error) => OpenError::Encode(error.to_string()),
        CommitError::Private(error) => OpenError::Encode(error.to_string()),
    })
}
