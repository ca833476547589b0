//! Everything that carries the log away, made from settings, held against the log at the start, and started as tasks.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::anchor::{Anchor, AnchorPathError, AnchorPlace};
use super::feed::Feed;
use super::hitch::{Fork, Hitch, told};
use super::hold::Mismatch;
use super::location::{Location, StoreOptions};
use super::meter::{Meter, Meters, Standing, Trouble};
use super::open::OpenStoreError;
use super::source::Source;
use super::store::Store;
use super::tiles::{ExportSettings, Exporter};
use super::witness::{GatherSettings, Gatherer, WitnessSettings};
use crate::audit::tlog::SignedCheckpoint;
use crate::lifecycle::{Stop, Tasks};
use crate::outbound::Outbound;

/// How long the start waits for a place before it goes on without it.
const START_DEADLINE: Duration = Duration::from_secs(5);

/// Where the log goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the log, where cursors and the cosigned checkpoint are kept.
    pub directory: PathBuf,
    /// Where copies go.
    pub export: Vec<Location>,
    /// How long a record waits for others before it goes.
    pub export_interval: Duration,
    /// Where checkpoints are kept.
    pub anchors: Vec<AnchorPlace>,
    /// How old anchors and cosignatures may be.
    pub anchor_interval: Duration,
    /// Who cosigns.
    pub witnesses: Vec<WitnessSettings>,
    /// How many of them must.
    pub quorum: usize,
    /// Keys, regions and endpoints of stores.
    pub options: StoreOptions,
    /// How long a store may take for one operation.
    pub deadline: Duration,
    /// How long the last round may take after the stop.
    pub grace: Duration,
}

/// Why the log cannot go where it is told to.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// A store cannot work.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// An anchor has no usable path.
    #[error(transparent)]
    Anchor(#[from] AnchorPathError),
    /// A file in the directory of the log cannot be read.
    #[error("failed to read how far the log was carried")]
    Cursor(#[from] io::Error),
    /// The log is not the one that was seen before.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

/// All that carries the log away, not started yet.
pub struct Shipping {
    exporters: Vec<Exporter>,
    anchors: Vec<Anchor>,
    gatherer: Option<Gatherer>,
    feed: Option<Feed>,
    board: Board,
}

impl Shipping {
    /// Opens everything and holds the log against each place that answers soon: also what was exported is an anchor.
    ///
    /// # Errors
    ///
    /// When something can never work, or the log is not the one that a place has seen: it was rolled back, or changed.
    pub async fn open(
        settings: &Settings,
        source: &Arc<dyn Source>,
        outbound: &Outbound,
        registry: &mut Registry,
    ) -> Result<Self, ShipError> {
        let exporters = exporters(settings, source, outbound)?;
        let anchors = anchors(settings, source, outbound)?;
        let gatherer = gatherer(settings, source, outbound)?;
        let board = Board {
            exports: exporters.iter().map(Exporter::meter).collect(),
            anchors: anchors.iter().map(Anchor::meter).collect(),
            witnesses: gatherer.iter().flat_map(Gatherer::meters).collect(),
            feeds: Vec::new(),
        };
        Meters::register(registry, "audit_export", "exports of the audit log", board.exports.clone());
        Meters::register(registry, "audit_anchor", "anchors of the audit log", board.anchors.clone());
        Meters::register(registry, "audit_witness", "witnesses of the audit log", board.witnesses.clone());
        let mut shipping = Self { exporters, anchors, gatherer, feed: None, board };
        shipping.hold().await?;
        Ok(shipping)
    }

    async fn hold(&mut self) -> Result<(), Mismatch> {
        let anchors = self.anchors.iter().map(|anchor| async { (anchor.meter(), soon(anchor.hold()).await, true) });
        let exports =
            self.exporters.iter_mut().map(|exporter| async { (exporter.meter(), soon(exporter.hold_now()).await, false) });
        let (anchors, exports) = tokio::join!(join_all(anchors), join_all(exports));
        for (meter, held, is_anchor) in anchors.into_iter().chain(exports) {
            match held {
                None => {
                    tracing::warn!(place = %meter.standing().place, "a place of the audit log does not answer; the start goes on without it")
                }
                Some(Ok(())) => {}
                Some(Err(Hitch::Fork(Fork::Checkpoint(mismatch)))) if is_anchor || mismatch.is_about_this_log() => {
                    return Err(mismatch);
                }
                // An export of something else is told by its own task, which will not send anything there.
                Some(Err(hitch)) => tracing::warn!(
                    place = %meter.standing().place, error = told(&hitch),
                    "a place of the audit log cannot be read; the start goes on without it"
                ),
            }
        }
        Ok(())
    }

    /// The same and a live feed. A log that contradicts what was fed stops the feed, not the start: a collector proves nothing.
    #[must_use]
    pub fn with_feed(mut self, feed: Feed) -> Self {
        self.board.feeds.push(feed.meter());
        self.feed = Some(feed);
        self
    }

    /// What operators see of it.
    #[must_use]
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// The newest checkpoint that enough witnesses have cosigned; `None` when nobody is asked.
    #[must_use]
    pub fn cosigned(&self) -> Option<watch::Receiver<Option<Arc<SignedCheckpoint>>>> {
        self.gatherer.as_ref().map(Gatherer::cosigned)
    }

    /// Starts a task for each. Pull `stop` after the log was closed, so that its last record goes too; each then has its grace.
    pub fn start(self, tasks: &mut Tasks, stop: &Stop) {
        for exporter in self.exporters {
            tasks.spawn("an export of the audit log", exporter.run(stop.clone()));
        }
        for anchor in self.anchors {
            tasks.spawn("an anchor of the audit log", anchor.run(stop.clone()));
        }
        if let Some(gatherer) = self.gatherer {
            tasks.spawn("the witnesses of the audit log", gatherer.run(stop.clone()));
        }
        if let Some(feed) = self.feed {
            tasks.spawn("the feed of the audit log", feed.run(stop.clone()));
        }
    }
}

async fn soon(work: impl Future<Output = Result<(), Hitch>>) -> Option<Result<(), Hitch>> {
    tokio::time::timeout(START_DEADLINE, work).await.ok()
}

fn exporters(settings: &Settings, source: &Arc<dyn Source>, outbound: &Outbound) -> Result<Vec<Exporter>, ShipError> {
    let export = ExportSettings { interval: settings.export_interval, grace: settings.grace };
    let exporter = |location: &Location| {
        let store = Store::open(location, &settings.options, outbound, settings.deadline)?;
        Ok(Exporter::new(Arc::clone(source), store, &location.id(), &settings.directory, export)?)
    };
    settings.export.iter().map(exporter).collect()
}

fn anchors(settings: &Settings, source: &Arc<dyn Source>, outbound: &Outbound) -> Result<Vec<Anchor>, ShipError> {
    let anchor = |place: &AnchorPlace| {
        let (location, file) = place.resolve()?;
        let store = Store::open(&location, &settings.options, outbound, settings.deadline)?;
        let id = file.as_ref().map_or_else(|| location.id(), |file| format!("{}-{file}", location.id()));
        Ok(Anchor::new(Arc::clone(source), store, file, &id, settings.anchor_interval, settings.grace))
    };
    settings.anchors.iter().map(anchor).collect()
}

fn gatherer(settings: &Settings, source: &Arc<dyn Source>, outbound: &Outbound) -> Result<Option<Gatherer>, ShipError> {
    if settings.witnesses.is_empty() {
        return Ok(None);
    }
    let gather = GatherSettings {
        witnesses: settings.witnesses.clone(),
        quorum: settings.quorum,
        interval: settings.anchor_interval,
        grace: settings.grace,
    };
    Ok(Some(Gatherer::new(Arc::clone(source), &gather, &settings.directory, outbound)?))
}

/// What operators see of all places. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Board {
    exports: Vec<Arc<Meter>>,
    anchors: Vec<Arc<Meter>>,
    witnesses: Vec<Arc<Meter>>,
    feeds: Vec<Arc<Meter>>,
}

impl Board {
    /// How each export stands.
    #[must_use]
    pub fn exports(&self) -> Vec<Standing> {
        self.exports.iter().map(|meter| meter.standing()).collect()
    }

    /// How each anchor stands.
    #[must_use]
    pub fn anchors(&self) -> Vec<Standing> {
        self.anchors.iter().map(|meter| meter.standing()).collect()
    }

    /// How each witness stands.
    #[must_use]
    pub fn witnesses(&self) -> Vec<Standing> {
        self.witnesses.iter().map(|meter| meter.standing()).collect()
    }

    /// How each live feed stands.
    #[must_use]
    pub fn feeds(&self) -> Vec<Standing> {
        self.feeds.iter().map(|meter| meter.standing()).collect()
    }

    /// Why nothing may go on: an anchor contradicts the log. A sidecar with such a log is not ready.
    #[must_use]
    pub fn contradiction(&self) -> Option<Arc<str>> {
        self.anchors().into_iter().find_map(|standing| match standing.trouble {
            Some(Trouble::Stopped(why)) => Some(why),
            Some(Trouble::Failing(_)) | None => None,
        })
    }
}

#[cfg(test)]
#[path = "shipping_tests.rs"]
mod tests;
