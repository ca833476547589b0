//! How many records went out, and how many came back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

/// The counts of one feed. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Count {
    sink: Arc<str>,
    sent: Arc<AtomicU64>,
    rejected: Arc<AtomicU64>,
}

impl Count {
    pub(super) fn of(sink: &str) -> Self {
        Self { sink: sink.into(), sent: Arc::default(), rejected: Arc::default() }
    }

    /// So many records were taken.
    pub(super) fn sent(&self, records: u64) {
        self.sent.fetch_add(records, Ordering::Relaxed);
    }

    /// So many records of a request were not.
    pub(super) fn rejected(&self, records: u64) {
        self.rejected.fetch_add(records, Ordering::Relaxed);
    }

    /// Shows the counts at each look.
    pub(super) fn register(self, registry: &mut Registry) {
        registry.register_collector(Box::new(self));
    }
}

impl Collector for Count {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = [
            ("audit_feed_records", "Records of the audit log that the collector took", &self.sent),
            ("audit_feed_rejected_records", "Records that the collector did not take when they were sent to it", &self.rejected),
        ];
        for (name, help, count) in counts {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            let label = SinkLabel { sink: self.sink.to_string() };
            ConstCounter::new(count.load(Ordering::Relaxed)).encode(family.encode_family(&label)?)?;
        }
        Ok(())
    }
}
