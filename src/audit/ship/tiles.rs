//! The exporter: one task for each sink that carries the log there as C2SP tlog-tiles, so that any reader of that form can verify it.
//!
//! A round takes the newest checkpoint and puts what the tree has grown by: entry bundles and hash tiles under names that never mean
//! anything else, then `checkpoints/<size>`, and `checkpoint` last. The cursor moves after the last put, so that a crash anywhere
//! sends something twice and loses nothing; what is there already with the same bytes is fine. Other bytes, or a checkpoint there that
//! cannot be the past of this log, are no fault that passes: the sink stops until a restart and says so.
//!
//! A sink that does not answer is tried for ever and holds up nobody. Beyond the tiles of one batch nothing is read ahead of it.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::Batch;
use super::cursor::{CursorFile, Position};
use super::hitch::{Fork, Hitch, told};
use super::hold::hold_root;
use super::meter::Meter;
use super::objects;
use super::place::{self, Published};
use super::source::{Source, reading, root_at};
use super::store::{ContentKind, Store};
use crate::audit::tlog::tile::{Content, growth};
use crate::audit::tlog::{SignedCheckpoint, Tile};
use crate::lifecycle::Stop;
use crate::outbound::Backoff;

/// As soon as so many records wait, they go out without waiting for the interval.
const FULL: u64 = 256;
/// How long two rounds lie apart at least, so that a busy log does not make a partial tile of every few records.
const GAP: Duration = Duration::from_secs(1);
/// After so many records the cursor moves even though the round has not ended: what one tile of level 1 spans.
const STEP: u64 = 65_536;

/// How the exporters work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportSettings {
    /// How long a record waits for others at most.
    pub interval: Duration,
    /// How long what is left may take to go out after the stop.
    pub grace: Duration,
}

/// Carries the log to one sink.
pub struct Exporter {
    source: Arc<dyn Source>,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
    store: Store,
    cursor: CursorFile,
    settings: ExportSettings,
    meter: Arc<Meter>,
    position: Position,
    /// Whether what the sink holds was held against the log in this run.
    held: bool,
    last_round: Option<Instant>,
    backoff: Backoff,
}

impl Exporter {
    /// Goes on where the cursor in `directory`, that of the log, says.
    ///
    /// # Errors
    ///
    /// When the cursor is there and cannot be read.
    pub(super) fn new(
        source: Arc<dyn Source>,
        store: Store,
        id: &str,
        directory: &Path,
        settings: ExportSettings,
    ) -> io::Result<Self> {
        let (head, cursor) = (source.head(), CursorFile::new(directory, id, store.label()));
        let position = cursor.read()?;
        let meter = Meter::new(id, store.label(), head.clone());
        meter.reached(position.next, Instant::now());
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        Ok(Self { source, head, store, cursor, settings, meter, position, held: false, last_round: None, backoff })
    }

    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Carries the log until `stop` is pulled and everything is there, or the grace is over. Pull it after the log was closed, so that
    /// its last record goes too.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects. A sink that contradicts the log ends the task, not the sidecar.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let grace = self.settings.grace;
        let (meter, place) = (self.meter(), Arc::clone(self.store.label()));
        let over = async {
            stop.wait().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            ended = self.work(&stop) => if let Err(fork) = ended {
                meter.stopped(&told(&fork));
                tracing::error!(event = "audit_export_fork", sink = %place, error = &fork as &dyn Error, "the export of the audit log has stopped");
            },
            () = over => {
                let missing = meter.standing().lag_records;
                tracing::warn!(sink = %place, missing, "the last records of the audit log were not exported; the next start goes on with them");
            },
        }
        Ok(())
    }

    /// Holds the log against what the sink has seen of it.
    pub(super) async fn hold_now(&mut self) -> Result<(), Hitch> {
        let size = self.head.borrow().checkpoint().size();
        self.hold(size).await
    }

    async fn work(&mut self, stop: &Stop) -> Result<(), Fork> {
        let mut in_a_hurry = false;
        loop {
            self.due(stop).await;
            if stop.is_requested() && !in_a_hurry {
                in_a_hurry = true;
                self.backoff.reset();
            }
            match self.round().await {
                Ok(()) => {
                    self.worked();
                    if in_a_hurry && self.missing() == 0 {
                        return Ok(());
                    }
                }
                Err(Hitch::Fork(fork)) => return Err(fork),
                Err(hitch) => self.wait(&hitch, stop, in_a_hurry).await,
            }
        }
    }

    fn missing(&self) -> u64 {
        self.head.borrow().checkpoint().size().saturating_sub(self.position.next)
    }

    /// Waits until a round is worth while.
    async fn due(&mut self, stop: &Stop) {
        // A log that is shorter than what was sent has nothing to send, and everything to be asked.
        while self.held && !stop.is_requested() {
            let missing = self.missing();
            let now = Instant::now();
            if missing == 0 {
                tokio::select! {
                    () = stop.wait() => {},
                    () = grown(&mut self.head) => self.meter.fell_behind(),
                }
                continue;
            }
            let rest = if missing >= FULL { GAP } else { self.settings.interval };
            let due = self.last_round.map_or(now, |last| last + rest);
            if due <= now {
                return;
            }
            // It may fill up in the meantime.
            tokio::select! {
                () = stop.wait() => {},
                () = tokio::time::sleep_until(due.min(now + GAP)) => {},
            }
        }
    }

    /// Brings the sink up to the newest checkpoint.
    async fn round(&mut self) -> Result<(), Hitch> {
        let since = Instant::now();
        let head = Arc::clone(&self.head.borrow_and_update());
        let size = head.checkpoint().size();
        let signed = Arc::clone(&head);
        reading(&self.source, move |source| objects::vouch(source, signed.checkpoint())).await?;
        self.hold(size).await?;
        while self.position.next < size {
            let target = size.min((self.position.next / STEP + 1) * STEP);
            let skipped = self.put(self.position.next..target).await?;
            if target == size {
                self.publish(&head).await?;
            }
            self.advance(target, skipped, since).await?;
        }
        self.last_round = Some(Instant::now());
        Ok(())
    }

    /// Holds the log against the cursor and against what the sink says that it has, once.
    async fn hold(&mut self, size: u64) -> Result<(), Hitch> {
        if self.held {
            return Ok(());
        }
        let (position, path): (_, Arc<str>) = (self.position, self.cursor.path().display().to_string().into());
        let held = reading(&self.source, move |source| Ok(hold_root(source, size, &path, position.next, &position.root))).await?;
        held?;
        place::hold_store(&self.source, size, &self.store).await?;
        self.held = true;
        Ok(())
    }

    /// Puts what the tree has grown by. Tells below which number entry bundles are missing for good, if any.
    async fn put(&self, range: Range<u64>) -> Result<u64, Hitch> {
        let mut skipped = self.position.skipped;
        let mut batch = Batch::new(self.store.clone(), Arc::clone(&self.meter));
        for tile in growth(range.start, range.end) {
            match self.read(tile).await? {
                Some(bytes) => batch.put(tile, bytes).await?,
                None => skipped = skipped.max(tile.end_index()),
            }
        }
        batch.finish().await?;
        Ok(skipped)
    }

    /// The bytes of a tile; `None` when it is an entry bundle that was pruned.
    async fn read(&self, tile: Tile) -> Result<Option<Bytes>, Hitch> {
        let gone = || tile.content() == Content::Entries && tile.end_index() <= self.source.pruned();
        if gone() {
            return Ok(None);
        }
        match reading(&self.source, move |source| objects::read(source, tile)).await {
            Ok(bytes) => Ok(Some(bytes)),
            // It was pruned a moment ago.
            Err(_) if gone() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn publish(&self, head: &SignedCheckpoint) -> Result<(), Hitch> {
        let text = Bytes::from(head.to_string());
        match place::publish(&self.store, head, &text).await? {
            Published::Now | Published::Before => {}
            Published::Otherwise(fork) => return Err(Fork::Checkpoint(fork).into()),
        }
        self.meter.sent(text.len());
        self.store.replace(place::NEWEST, text.clone(), ContentKind::Newest).await?;
        self.meter.sent(text.len());
        Ok(())
    }

    async fn advance(&mut self, next: u64, skipped: u64, since: Instant) -> Result<(), Hitch> {
        let root = reading(&self.source, move |source| root_at(source, next)).await?;
        let (position, cursor) = (Position { next, root, skipped }, self.cursor.clone());
        let written = tokio::task::spawn_blocking(move || cursor.write(&position)).await;
        written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))).map_err(Hitch::Cursor)?;
        if skipped > self.position.skipped {
            let sink = self.store.label();
            tracing::warn!(%sink, below = skipped, "records were pruned before this sink had them: their bundles are not there, their hashes are");
        }
        self.position = position;
        self.meter.reached(next, since);
        Ok(())
    }

    fn worked(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(sink = %self.store.label(), failures = self.backoff.failures(), "the export of the audit log works again");
        }
        self.backoff.reset();
        self.meter.recovered();
    }

    async fn wait(&mut self, hitch: &Hitch, stop: &Stop, in_a_hurry: bool) {
        let (why, pause, sink) = (told(hitch), self.backoff.pause(), self.store.label());
        if self.meter.failed(&why) {
            tracing::warn!(%sink, error = why, "the export of the audit log failed and is tried again");
        } else {
            tracing::debug!(%sink, error = why, failures = self.backoff.failures(), "the export of the audit log failed again");
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {},
            () = stop.wait(), if !in_a_hurry => {},
        }
    }
}

/// Waits for a newer head; for ever, when nobody is left who could write one.
async fn grown(head: &mut watch::Receiver<Arc<SignedCheckpoint>>) {
    if head.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
#[path = "tiles_tests.rs"]
mod tests;
