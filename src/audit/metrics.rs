//! What the log tells Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::record::Kind;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabel {
    r#type: &'static str,
}

/// The metrics of the log.
#[derive(Debug)]
pub struct Metrics {
    /// For each kind, in the order of [`Kind::ALL`]: looked up once, because a look-up a record would cost more than the count.
    records: Vec<(Kind, Counter)>,
    /// How long making a group of records durable took.
    pub(super) commit_seconds: Histogram,
    /// How many records were waiting when a group was taken.
    pub(super) queue: Gauge,
    /// 1 when nothing can be recorded any more.
    pub(super) failed: Gauge,
    /// How many durable records are not archived yet.
    pub(super) archive_lag: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub fn new(registry: &mut Registry) -> Self {
        let family = Family::<TypeLabel, Counter>::default();
        let records = Kind::ALL.map(|kind| (kind, family.get_or_create_owned(&TypeLabel { r#type: kind.name() }))).into();
        let commit_seconds = Histogram::new(exponential_buckets(0.000_1, 2.0, 16));
        let (queue, failed, archive_lag) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("audit_records", "Records made durable in the audit log", family);
        registry.register("audit_commit_seconds", "Time to make a group of records durable", commit_seconds.clone());
        registry.register("audit_queue", "Records that were waiting when the last group was taken", queue.clone());
        registry.register("audit_failed", "1 when the audit log cannot be written and every call is refused", failed.clone());
        registry.register("audit_archive_lag_records", "Records that are not in the archive's files yet", archive_lag.clone());
        Self { records, commit_seconds, queue, failed, archive_lag }
    }

    /// Counts a durable record.
    pub(super) fn count(&self, kind: Kind) {
        if let Some((_, counter)) = self.records.iter().find(|(of, _)| *of == kind) {
            counter.inc();
        }
    }
}
