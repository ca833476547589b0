//! What carries the log away while the sidecar runs: exports, anchors, witnesses and the live feed, from the configuration.
//!
//! They begin when the log is open, and end after it was closed, so that its last record goes too.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::log::{self, Log};
use crate::audit::ShippedLog;
use crate::audit::ship::{self, Board, Feed, Shipping, Source, Standing, Trouble};
use crate::clock::Clock;
use crate::config::Config;
use crate::lifecycle::{Stop, Tasks};
use crate::outbound::Outbound;
use crate::rest::Verdict;

/// How long the last round of each may take after the stop.
const GRACE: Duration = Duration::from_secs(5);

/// They run.
pub(super) struct Carriers {
    tasks: Tasks,
    last: Stop,
    board: Board,
}

impl Carriers {
    /// Holds the log against every place that has seen it, and starts what carries it away. A log that cannot be used after all is closed
    /// in order.
    pub(super) async fn start(config: &Config, log: &Log, clock: &Clock, registry: &mut Registry) -> anyhow::Result<Self> {
        let opened = open(config, log, clock, registry).await;
        if opened.is_err() {
            log::close(log.writer.clone()).await;
        }
        let shipping = opened?;
        let last = Stop::new();
        let (mut tasks, board) = (Tasks::new(last.clone()), shipping.board());
        shipping.start(&mut tasks, &last);
        Ok(Self { tasks, last, board })
    }

    /// What operators see of them.
    pub(super) fn board(&self) -> Board {
        self.board.clone()
    }

    /// Ends them, once the log is closed: each has some time for what is left.
    pub(super) async fn end(self) {
        self.last.request();
        if let Err(error) = self.tasks.wait(GRACE + Duration::from_secs(1)).await {
            tracing::warn!(%error, "not all places have the end of the log; the next start goes on from there");
        }
    }
}

async fn open(config: &Config, log: &Log, clock: &Clock, registry: &mut Registry) -> anyhow::Result<Shipping> {
    let source: Arc<dyn Source> = Arc::new(ShippedLog::new(log.reader.clone())?);
    let outbound = Outbound::new(config.outbound.clone()).context("failed to prepare requests to other machines")?;
    let directory = log.reader.directory().to_owned();
    let settings = settings(config, log)?;
    let shipping =
        Shipping::open(&settings, &source, &outbound, registry).await.context("the audit log cannot be carried away")?;
    let Some(feed) = &config.audit.feed else { return Ok(shipping) };
    let feed = Feed::open(feed, &source, &outbound, clock.clone(), &directory, GRACE, registry);
    Ok(shipping.with_feed(feed.context("failed to read how far the log was fed to the collector")?))
}

/// Several logs of one configuration go to places of their own.
fn settings(config: &Config, log: &Log) -> anyhow::Result<ship::Settings> {
    let ship = &config.ship;
    let export = ship.export.iter().map(|location| location.numbered(log.place)).collect::<Result<_, _>>()?;
    let anchors = ship.anchors.iter().map(|anchor| anchor.numbered(log.place)).collect::<Option<_>>();
    Ok(ship::Settings {
        directory: log.reader.directory().to_owned(),
        export,
        export_interval: ship.export_interval,
        anchors: anchors.context("an anchor of the audit log has no usable name")?,
        anchor_interval: ship.anchor_interval,
        witnesses: ship.witnesses.clone(),
        quorum: ship.witness_quorum,
        options: ship.store_options.clone(),
        deadline: ship.export_deadline,
        grace: GRACE,
    })
}

/// For readiness: a log that an anchor contradicts is not one to go on with.
pub(super) fn verdict(board: &Board) -> Verdict {
    match board.contradiction() {
        None => Verdict::Holds("nothing contradicts the log".to_owned()),
        Some(why) => Verdict::Fails(why.to_string()),
    }
}

/// For `/status`.
pub(super) fn status(board: &Board) -> Value {
    let list = |standings: Vec<Standing>| standings.iter().map(standing).collect::<Vec<_>>();
    json!({
        "exports": list(board.exports()),
        "anchors": list(board.anchors()),
        "witnesses": list(board.witnesses()),
        "feeds": list(board.feeds()),
    })
}

fn standing(standing: &Standing) -> Value {
    let (state, why) = match &standing.trouble {
        None => ("ok", None),
        Some(Trouble::Failing(why)) => ("failing", Some(why)),
        Some(Trouble::Stopped(why)) => ("stopped", Some(why)),
    };
    json!({
        "id": &*standing.id,
        "place": &*standing.place,
        "state": state,
        "why": why.map(|why| &**why),
        "lag_records": standing.lag_records,
        "lag_seconds": standing.lag.as_secs_f64(),
    })
}
