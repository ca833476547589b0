//! What the watch tells Prometheus.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Gauges of the newest look.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    pub(super) bypasses: Gauge,
    pub(super) others: Gauge,
    pub(super) failed: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let bypasses = "Listeners of others at which a guarded server can be reached past the sidecar";
        registry.register("bypass_listeners", bypasses, metrics.bypasses.clone());
        let others = "Listeners of others at ports that are not guarded and that others than this pod or machine reach";
        registry.register("other_listeners", others, metrics.others.clone());
        registry.register("bypass_check_failed", "1 while it cannot be seen who listens", metrics.failed.clone());
        metrics
    }
}
