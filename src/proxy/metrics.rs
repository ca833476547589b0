//! What the MCP face counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::upstream::child::Metrics as ChildMetrics;
use crate::domain::ServerName;

/// Counters of the MCP face.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(super) children: ChildMetrics,
    upstream_failures: Family<ServerLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabel {
    server: String,
}

impl Metrics {
    /// Registers the face's metrics.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self { children: ChildMetrics::new(registry), upstream_failures: Family::default() };
        registry.register("upstream_failures", "Requests that a server failed to answer", metrics.upstream_failures.clone());
        metrics
    }

    pub(super) fn upstream_failed(&self, server: &ServerName) {
        self.upstream_failures.get_or_create(&ServerLabel { server: server.as_str().to_owned() }).inc();
    }
}
