//! The task that sends: one request at a time, again until the collector has every record of it, then the next.
//!
//! What fails is tried again after a pause that grows, for ever; what a collector asks for (`Retry-After`) is done. When it does not
//! take a batch three times, the batch goes record by record, so that one that it cannot take stops only those after it. There the
//! feed waits, and says so, until somebody mends the collector: a record is never passed over.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::Answer;
use super::batch::{self, MAX_RECORDS};
use super::count::Count;
use super::sender::{Piece, SendError, Sender};
use super::settings::FeedSettings;
use crate::audit::ship::cursor::{CursorFile, Position};
use crate::audit::ship::hitch::told;
use crate::audit::ship::hold::{HoldError, Mismatch, hold_root};
use crate::audit::ship::meter::{Meter, Meters};
use crate::audit::ship::source::{Source, SourceError, reading, root_at};
use crate::audit::tlog::SignedCheckpoint;
use crate::clock::Clock;
use crate::lifecycle::Stop;
use crate::outbound::Backoff;
use crate::outbound::Outbound;

/// How long two requests lie apart at least, unless the first was full: so that a slow trickle of records does not cost the disk, which
/// keeps the cursor, as many writes.
const GAP: Duration = Duration::from_millis(250);
/// How often a batch may be refused before it goes record by record.
const REFUSALS: u32 = 3;

/// Feeds one collector.
pub struct Feed {
    source: Arc<dyn Source>,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
    sender: Sender,
    cursor: CursorFile,
    position: Position,
    /// The collector has the records below this number, though the cursor may not say so yet.
    taken: u64,
    meter: Arc<Meter>,
    count: Count,
    grace: Duration,
    /// Between tries of what should work again soon.
    backoff: Backoff,
    /// Between tries of what somebody must mend.
    slow: Backoff,
    hurried: bool,
    last: Option<Instant>,
}

/// Why a feed does not go on.
#[derive(Debug, thiserror::Error)]
enum Halt {
    /// The log is not the one that was sent.
    #[error(transparent)]
    Fork(#[from] Mismatch),
}

/// Why records did not get to the collector, or not durably.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{why}")]
    Busy { wait: Option<Duration>, why: String },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Wrong(String),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("failed to write the cursor of the feed")]
    Cursor(#[source] io::Error),
}

impl Feed {
    /// Goes on where the cursor in `directory`, that of the log, says. After the stop the last records may take `grace`.
    ///
    /// # Errors
    ///
    /// When the cursor is there and cannot be read.
    pub fn open(
        settings: &FeedSettings,
        source: &Arc<dyn Source>,
        outbound: &Outbound,
        clock: Clock,
        directory: &Path,
        grace: Duration,
        registry: &mut Registry,
    ) -> io::Result<Self> {
        let (id, place): (_, Arc<str>) = (settings.endpoint.id(), settings.endpoint.to_string().into());
        let (head, cursor) = (source.head(), CursorFile::new(directory, &id, &place));
        let position = cursor.read()?;
        let meter = Meter::new(&id, &place, head.clone());
        meter.reached(position.next, Instant::now());
        let count = Count::of(&id);
        Meters::register(registry, "audit_feed", "the feed of the audit log", vec![Arc::clone(&meter)]);
        count.clone().register(registry);
        Ok(Self {
            source: Arc::clone(source),
            head,
            sender: Sender::new(settings, outbound, clock),
            cursor,
            position,
            taken: position.next,
            meter,
            count,
            grace,
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60)),
            slow: Backoff::new(Duration::from_secs(15), Duration::from_secs(300)),
            hurried: false,
            last: None,
        })
    }

    pub(in crate::audit::ship) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Sends records until `stop` is pulled and all are there, or the grace is over. Pull it after the log was closed, so that its last
    /// record goes too.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects. A log that is not the one that was sent ends the task, not the sidecar.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let (meter, grace) = (self.meter(), self.grace);
        let place = meter.standing().place;
        let over = async {
            stop.wait().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            ended = self.work(&stop) => if let Err(halt) = ended {
                meter.stopped(&told(&halt));
                tracing::error!(event = "audit_feed_fork", collector = %place, error = &halt as &dyn Error, "the feed of the audit log has stopped");
            },
            () = over => {
                let missing = meter.standing().lag_records;
                tracing::warn!(collector = %place, missing, "the last records of the audit log were not sent; the next start goes on with them");
            },
        }
        Ok(())
    }

    async fn work(&mut self, stop: &Stop) -> Result<(), Halt> {
        while let Err(error) = self.hold().await {
            match error {
                HoldError::Mismatch(mismatch) => return Err(mismatch.into()),
                HoldError::Source(error) => self.pause(&error.into(), false, stop).await,
            }
        }
        while self.due(stop).await {
            match self.pieces().await {
                Ok(pieces) => self.deliver(&pieces, stop).await,
                Err(trouble) => self.pause(&trouble, false, stop).await,
            }
        }
        Ok(())
    }

    /// Holds the log against what was sent of it before.
    async fn hold(&self) -> Result<(), HoldError> {
        let (position, size) = (self.position, self.head.borrow().checkpoint().size());
        let path: Arc<str> = self.cursor.path().display().to_string().into();
        reading(&self.source, move |source| Ok(hold_root(source, size, &path, position.next, &position.root))).await?
    }

    fn missing(&self) -> u64 {
        self.head.borrow().checkpoint().size().saturating_sub(self.position.next)
    }

    /// Waits until there is something to send. `false` when everything was sent and no more is to come.
    async fn due(&mut self, stop: &Stop) -> bool {
        loop {
            if stop.is_requested() {
                return self.missing() > 0;
            }
            if self.missing() == 0 {
                tokio::select! {
                    () = stop.wait() => {},
                    () = grown(&mut self.head) => self.meter.fell_behind(),
                }
                continue;
            }
            let next = self.last.filter(|_| self.missing() < MAX_RECORDS).map(|last| last + GAP);
            match next.filter(|next| *next > Instant::now()) {
                None => return true,
                Some(next) => tokio::select! {
                    () = stop.wait() => {},
                    () = tokio::time::sleep_until(next) => {},
                },
            }
        }
    }

    /// The next records, encoded. What was pruned before it was sent is gone, and that is said.
    async fn pieces(&mut self) -> Result<Vec<Piece>, Trouble> {
        self.pass_pruned().await?;
        let (end, origin) = self.end_and_origin();
        match batch::read(&self.source, &self.sender, &origin, self.position.next, end).await {
            // Pruning may have overtaken the reading: the next look sees that.
            Err(_) if self.source.pruned() > self.position.next => Ok(Vec::new()),
            read => Ok(read?),
        }
    }

    async fn pass_pruned(&mut self) -> Result<(), Trouble> {
        let (pruned, next) = (self.source.pruned(), self.position.next);
        if pruned <= next {
            return Ok(());
        }
        let place = self.meter.standing().place;
        tracing::error!(
            event = "audit_feed_gap", collector = %place, from = next, to = pruned - 1,
            "records were pruned before they were sent: they are missing there for good"
        );
        self.advance(pruned, pruned, Instant::now()).await
    }

    fn end_and_origin(&mut self) -> (u64, String) {
        let head = self.head.borrow_and_update();
        (head.checkpoint().size(), head.checkpoint().origin().to_owned())
    }

    /// Sends records until the collector has all of them, or until the task is dropped.
    async fn deliver(&mut self, pieces: &[Piece], stop: &Stop) {
        self.last = Some(Instant::now());
        if !self.insist(pieces, stop).await {
            for piece in pieces.chunks(1) {
                self.insist(piece, stop).await;
            }
        }
    }

    /// Sends the same records until they are taken. `false` when a batch was refused so often that it must be divided.
    async fn insist(&mut self, pieces: &[Piece], stop: &Stop) -> bool {
        let mut refusals = 0;
        loop {
            let Err(trouble) = self.attempt(pieces).await else { break };
            refusals += u32::from(matches!(trouble, Trouble::Refused(_)));
            if refusals >= REFUSALS && pieces.len() > 1 {
                tracing::warn!(collector = %self.meter.standing().place, error = told(&trouble), "a batch is refused again and again, and goes record by record");
                return false;
            }
            let for_somebody_to_mend = refusals >= REFUSALS || matches!(trouble, Trouble::Wrong(_));
            self.pause(&trouble, for_somebody_to_mend, stop).await;
        }
        self.worked();
        true
    }

    /// One try. When it succeeds, the cursor has moved past the records.
    async fn attempt(&mut self, pieces: &[Piece]) -> Result<(), Trouble> {
        let Some(last) = pieces.last() else { return Ok(()) };
        let since = Instant::now();
        // What was taken need not be sent again because the cursor could not be moved.
        if last.seq >= self.taken {
            self.send(pieces).await?;
            self.taken = last.seq + 1;
        }
        self.advance(last.seq + 1, self.position.skipped, since).await
    }

    async fn send(&self, pieces: &[Piece]) -> Result<(), Trouble> {
        let origin = self.head.borrow().checkpoint().origin().to_owned();
        let (answer, bytes) = self.sender.send(&origin, pieces).await?;
        match answer {
            Answer::Taken(warning) => {
                if let Some(warning) = warning {
                    tracing::warn!(collector = %self.meter.standing().place, warning, "the collector took all records and warns");
                }
                self.meter.sent(bytes);
                self.count.sent(pieces.len() as u64);
                Ok(())
            }
            Answer::Refused { records, why } => {
                self.count.rejected(records);
                Err(Trouble::Refused(match pieces {
                    [piece] => format!("record {} is not taken: {why}", piece.seq),
                    _ => why,
                }))
            }
            Answer::Busy { wait, why } => Err(Trouble::Busy { wait, why }),
            Answer::Wrong(why) => Err(Trouble::Wrong(why)),
        }
    }

    async fn advance(&mut self, next: u64, skipped: u64, since: Instant) -> Result<(), Trouble> {
        let root = reading(&self.source, move |source| root_at(source, next)).await?;
        let (position, cursor) = (Position { next, root, skipped }, self.cursor.clone());
        let written = tokio::task::spawn_blocking(move || cursor.write(&position)).await;
        written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))).map_err(Trouble::Cursor)?;
        self.position = position;
        self.meter.reached(next, since);
        Ok(())
    }

    fn worked(&mut self) {
        let failures = self.backoff.failures().saturating_add(self.slow.failures());
        if failures > 0 {
            tracing::info!(collector = %self.meter.standing().place, failures, "the feed of the audit log works again");
        }
        self.backoff.reset();
        self.slow.reset();
        self.meter.recovered();
    }

    /// Says what went wrong, once, and waits before the next try: longer, when somebody must mend it. The first wait that the stop comes
    /// into is cut short.
    async fn pause(&mut self, trouble: &Trouble, for_somebody_to_mend: bool, stop: &Stop) {
        let (why, place) = (told(trouble), self.meter.standing().place);
        let news = self.meter.failed(&why);
        match (news, for_somebody_to_mend) {
            (true, true) => tracing::error!(
                event = "audit_feed_refused", collector = %place, error = why,
                "the feed of the audit log waits until this is mended, and tries again now and then"
            ),
            (true, false) => tracing::warn!(
                event = "audit_feed_failed", collector = %place, error = why, "the feed of the audit log failed and tries again"
            ),
            (false, _) => tracing::debug!(collector = %place, error = why, "the feed of the audit log failed again"),
        }
        let pause = if for_somebody_to_mend { self.slow.pause() } else { self.backoff.pause() };
        let asked = if let Trouble::Busy { wait: Some(wait), .. } = trouble { *wait } else { Duration::ZERO };
        tokio::select! {
            () = tokio::time::sleep(pause.max(asked)) => {},
            () = stop.wait(), if !self.hurried => self.hurried = true,
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
#[path = "run_tests.rs"]
mod tests;
