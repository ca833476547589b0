//! What operators see of each place that the log goes to: how far behind it is, what went wrong, and whether it has stopped.
//!
//! The lag is computed when somebody looks, so that it grows even while a sink hangs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::audit::tlog::SignedCheckpoint;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

/// One place, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its short name.
    pub id: Arc<str>,
    /// Where it is.
    pub place: Arc<str>,
    /// How many durable records it lacks.
    pub lag_records: u64,
    /// For how long it has lacked the first of them.
    pub lag: Duration,
    /// What is wrong with it now, if anything.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It does not work at the moment, and is tried again.
    Failing(Arc<str>),
    /// It contradicts the log. Nothing is sent there until a restart.
    Stopped(Arc<str>),
}

/// The state of one sink, shared by its task and those who look.
#[derive(Debug)]
pub(super) struct Meter {
    id: Arc<str>,
    place: Arc<str>,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
    next: AtomicU64,
    retries: AtomicU64,
    bytes: AtomicU64,
    objects: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    behind_since: Option<Instant>,
    trouble: Option<Trouble>,
}

impl Meter {
    pub(super) fn new(id: &str, place: &Arc<str>, head: watch::Receiver<Arc<SignedCheckpoint>>) -> Arc<Self> {
        let count = AtomicU64::default;
        let (next, retries, bytes, objects) = (count(), count(), count(), count());
        Arc::new(Self { id: id.into(), place: Arc::clone(place), head, next, retries, bytes, objects, state: Mutex::default() })
    }

    /// The sink has everything below `next`; it knew of nothing else at `since`.
    pub(super) fn reached(&self, next: u64, since: Instant) {
        self.next.store(next, Ordering::Relaxed);
        self.state.lock().behind_since = (self.lag_records() > 0).then_some(since);
    }

    /// There is something that the sink lacks.
    pub(super) fn fell_behind(&self) {
        self.state.lock().behind_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// An attempt failed, and there will be another. Tells whether that is news.
    pub(super) fn failed(&self, why: &str) -> bool {
        self.retries.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        let news = !matches!(&state.trouble, Some(Trouble::Failing(known)) if **known == *why);
        state.trouble = Some(Trouble::Failing(why.into()));
        news
    }

    pub(super) fn recovered(&self) {
        self.state.lock().trouble = None;
    }

    /// It contradicts the log.
    pub(super) fn stopped(&self, why: &str) {
        self.state.lock().trouble = Some(Trouble::Stopped(why.into()));
    }

    /// The number of the next record that it lacks.
    pub(super) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    fn lag_records(&self) -> u64 {
        self.head.borrow().checkpoint().size().saturating_sub(self.next())
    }

    pub(super) fn standing(&self) -> Standing {
        let lag_records = self.lag_records();
        let state = self.state.lock();
        let since = state.behind_since.filter(|_| lag_records > 0);
        Standing {
            id: Arc::clone(&self.id),
            place: Arc::clone(&self.place),
            lag_records,
            lag: since.map_or(Duration::ZERO, |since| since.elapsed()),
            trouble: state.trouble.clone(),
        }
    }

    pub(super) fn has_stopped(&self) -> bool {
        matches!(self.state.lock().trouble, Some(Trouble::Stopped(_)))
    }

    fn label(&self) -> SinkLabel {
        SinkLabel { sink: self.id.to_string() }
    }
}

/// One group of places of which the same is told.
pub(super) struct Meters {
    /// How the names of the metrics begin, such as `audit_export`.
    name: &'static str,
    /// What the places are, for the help texts.
    what: &'static str,
    meters: Vec<Arc<Meter>>,
}

impl Meters {
    /// Has the meters shown at each look, unless there are none.
    pub(super) fn register(registry: &mut Registry, name: &'static str, what: &'static str, meters: Vec<Arc<Meter>>) {
        if !meters.is_empty() {
            registry.register_collector(Box::new(Self { name, what, meters }));
        }
    }
}

/// What is told of each place: the end of the metric's name, its help, and how it is read.
type Told<N> = (&'static str, &'static str, fn(&Meter) -> N);

const GAUGES: [Told<f64>; 3] = [
    ("lag_records", "Durable records that are not there yet:", |meter| count(meter.lag_records())),
    ("lag_seconds", "For how long the first of them has not been there:", |meter| meter.standing().lag.as_secs_f64()),
    ("stopped", "1 when it contradicts the log and nothing is sent until a restart:", |meter| {
        f64::from(u8::from(meter.has_stopped()))
    }),
];

const COUNTERS: [Told<u64>; 3] = [
    ("retries", "Attempts that failed and were made again:", |meter| meter.retries.load(Ordering::Relaxed)),
    ("objects", "Objects and requests that arrived:", |meter| meter.objects.load(Ordering::Relaxed)),
    ("bytes", "Bytes in them:", |meter| meter.bytes.load(Ordering::Relaxed)),
];

impl Collector for Meters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (suffix, help, read) in GAUGES {
            let (name, help) = self.names(suffix, help);
            let mut family = encoder.encode_descriptor(&name, &help, None, MetricType::Gauge)?;
            self.meters
                .iter()
                .try_for_each(|meter| ConstGauge::new(read(meter)).encode(family.encode_family(&meter.label())?))?;
        }
        for (suffix, help, read) in COUNTERS {
            let (name, help) = self.names(suffix, help);
            let mut family = encoder.encode_descriptor(&name, &help, None, MetricType::Counter)?;
            self.meters
                .iter()
                .try_for_each(|meter| ConstCounter::new(read(meter)).encode(family.encode_family(&meter.label())?))?;
        }
        Ok(())
    }
}

impl Meters {
    fn names(&self, suffix: &str, help: &str) -> (String, String) {
        (format!("{}_{suffix}", self.name), format!("{help} {}", self.what))
    }
}

/// Beyond 2^53 records the last digits do not matter to anybody.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
const fn count(records: u64) -> f64 {
    records as f64
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
