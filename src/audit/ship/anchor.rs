//! Anchors: the newest checkpoint kept outside the directory of the log, where whoever gets hold of that directory may not reach.
//!
//! An anchor is a file, or a store in which every checkpoint stays under its size. At the start the log is held against each that can
//! be read, and does not open when it is smaller or another one; one that cannot be read is tried on beside. While the sidecar runs, an
//! anchor that somebody else writes is a contradiction too: it is left as it is, and the sidecar is not ready any more.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::hitch::{Fork, Hitch, told};
use super::hold::hold;
use super::location::{Location, LocationError};
use super::meter::Meter;
use super::place::{self, Published};
use super::source::{Source, reading};
use super::store::{ContentKind, Store};
use crate::audit::tlog::SignedCheckpoint;
use crate::lifecycle::Stop;
use crate::outbound::Backoff;

/// Where an anchor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorPlace {
    /// A file with the newest checkpoint; its directory must be there.
    File(PathBuf),
    /// A directory or a bucket, with all of them.
    Store(Location),
}

/// Why a place cannot be an anchor.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be an anchor", .path.display())]
pub struct AnchorPathError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub source: LocationError,
}

impl fmt::Display for AnchorPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Store(location) => location.fmt(f),
        }
    }
}

impl AnchorPlace {
    /// The anchor of this name below a store, or beside a file.
    #[must_use]
    pub fn below(&self, name: &str) -> Option<Self> {
        match self {
            Self::File(path) => Some(Self::File(with_end(path, &format!("-{name}")))),
            Self::Store(location) => location.below(name).ok().map(Self::Store),
        }
    }

    /// The anchor of the copy of a log with this number; itself for the first.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<Self> {
        match self {
            Self::File(path) if number > 1 => Some(Self::File(with_end(path, &format!(".{number}")))),
            Self::File(_) => Some(self.clone()),
            Self::Store(location) => location.numbered(number).ok().map(Self::Store),
        }
    }

    /// The store that it is in, and the name of the file there, if it is a single one.
    pub(super) fn resolve(&self) -> Result<(Location, Option<String>), AnchorPathError> {
        let path = match self {
            Self::Store(location) => return Ok((location.clone(), None)),
            Self::File(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
        };
        let wrong = |source| AnchorPathError { path: path.clone(), source };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| wrong(LocationError::Characters))?;
        let location = path.parent().map_or(Err(LocationError::Relative), Location::directory).map_err(wrong)?;
        Ok((location, Some(name.to_owned())))
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Keeps one anchor.
pub struct Anchor {
    source: Arc<dyn Source>,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
    store: Store,
    /// The name of the only file; without one, checkpoints are kept under their sizes too.
    file: Option<String>,
    max_age: Duration,
    grace: Duration,
    meter: Arc<Meter>,
    /// What we wrote last; what else is there was written by somebody else, or before.
    written: Option<Bytes>,
    backoff: Backoff,
}

impl Anchor {
    pub(super) fn new(
        source: Arc<dyn Source>,
        store: Store,
        file: Option<String>,
        id: &str,
        max_age: Duration,
        grace: Duration,
    ) -> Self {
        let head = source.head();
        let place: Arc<str> =
            file.as_ref().map_or_else(|| Arc::clone(store.label()), |file| format!("{}/{file}", store.label()).into());
        let meter = Meter::new(id, &place, head.clone());
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        Self { source, head, store, file, max_age, grace, meter, written: None, backoff }
    }

    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Holds the log against what the anchor has seen.
    pub(super) async fn hold(&self) -> Result<(), Hitch> {
        let size = self.head.borrow().checkpoint().size();
        match &self.file {
            None => place::hold_store(&self.source, size, &self.store).await,
            Some(file) => match self.store.read(file).await? {
                Some(note) => self.check(size, note).await,
                None => Ok(()),
            },
        }
    }

    /// Keeps the anchor fresh until `stop` is pulled, and a last time then. Pull it after the log was closed.
    ///
    /// # Errors
    ///
    /// Never; the type is what `Tasks` expects. An anchor that contradicts the log ends the task, and shows in the standing.
    pub async fn run(mut self, stop: Stop) -> Result<(), Infallible> {
        let (grace, meter) = (self.grace, self.meter());
        let over = async {
            stop.wait().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            ended = self.work(&stop) => if let Err(fork) = ended {
                meter.stopped(&told(&fork));
                tracing::error!(event = "audit_anchor_mismatch", error = &fork as &dyn Error, "an anchor contradicts the audit log");
            },
            () = over => tracing::warn!(anchor = %meter.standing().place, "the last checkpoint of the audit log was not anchored"),
        }
        Ok(())
    }

    async fn work(&mut self, stop: &Stop) -> Result<(), Fork> {
        let mut in_a_hurry = false;
        loop {
            if stop.is_requested() && !in_a_hurry {
                in_a_hurry = true;
                self.backoff.reset();
            }
            let pause = match self.step().await {
                Ok(()) if in_a_hurry && self.is_current() => return Ok(()),
                Ok(()) => {
                    self.worked();
                    if in_a_hurry { Duration::ZERO } else { self.max_age }
                }
                Err(Hitch::Fork(fork)) => return Err(fork),
                Err(hitch) => self.failed(&hitch),
            };
            self.wait(Instant::now() + pause, stop, in_a_hurry).await;
        }
    }

    /// Until there is something to write and its time has come.
    async fn wait(&mut self, next: Instant, stop: &Stop, in_a_hurry: bool) {
        while self.is_current() && !stop.is_requested() {
            tokio::select! {
                () = stop.wait() => {},
                changed = self.head.changed() => match changed {
                    Ok(()) => self.meter.fell_behind(),
                    Err(_) => stop.wait().await,
                },
            }
        }
        tokio::select! {
            () = tokio::time::sleep_until(next) => {},
            () = stop.wait(), if !in_a_hurry => {},
        }
    }

    fn is_current(&self) -> bool {
        self.meter.standing().lag_records == 0 && self.written.is_some()
    }

    /// Writes the newest checkpoint, unless something else is there than what we left.
    async fn step(&mut self) -> Result<(), Hitch> {
        let since = Instant::now();
        let head = Arc::clone(&self.head.borrow_and_update());
        let size = head.checkpoint().size();
        let name = self.file.clone().unwrap_or_else(|| place::NEWEST.to_owned());
        match self.written.clone() {
            None => self.hold().await?,
            Some(written) => match self.store.read(&name).await? {
                Some(note) if note != written => self.check(size, note).await?,
                Some(_) | None => {}
            },
        }
        let text = Bytes::from(head.to_string());
        if self.file.is_none() {
            match place::publish(&self.store, &head, &text).await? {
                Published::Now | Published::Before => {}
                Published::Otherwise(fork) => return Err(Fork::Checkpoint(fork).into()),
            }
        }
        self.store.replace(&name, text.clone(), ContentKind::Newest).await?;
        self.meter.sent(text.len());
        self.meter.reached(size, since);
        self.written = Some(text);
        Ok(())
    }

    async fn check(&self, size: u64, note: Bytes) -> Result<(), Hitch> {
        let place = Arc::clone(&self.meter.standing().place);
        reading(&self.source, move |source| Ok(hold(source, size, &place, &note))).await??;
        Ok(())
    }

    fn worked(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(anchor = %self.meter.standing().place, failures = self.backoff.failures(), "an anchor of the audit log works again");
        }
        self.backoff.reset();
        self.meter.recovered();
    }

    fn failed(&mut self, hitch: &Hitch) -> Duration {
        let why = told(hitch);
        if self.meter.failed(&why) {
            tracing::warn!(anchor = %self.meter.standing().place, error = why, "an anchor of the audit log cannot be used, and is tried again");
        }
        self.backoff.pause()
    }
}

#[cfg(test)]
#[path = "anchor_tests.rs"]
mod tests;
