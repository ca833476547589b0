//! What listeners tell Prometheus: handshakes, and how long their certificates last.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::Timestamp;

/// Counters and gauges of all listeners.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    handshakes: Family<OutcomeLabels, Counter>,
    loads: Family<OutcomeLabels, Counter>,
    expires: Family<FaceLabels, Gauge>,
    valid: Family<FaceLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaceLabels {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    listener: &'static str,
    outcome: &'static str,
}

impl Metrics {
    /// Registers the metrics.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("tls_handshakes", "TLS handshakes of clients, by outcome", metrics.handshakes.clone());
        registry.register("tls_certificate_loads", "Changes of certificate files, by outcome", metrics.loads.clone());
        let expires = "When the certificate that is served ends, in seconds since 1970";
        registry.register("tls_certificate_expires_seconds", expires, metrics.expires.clone());
        let valid = "1 while the certificate that is served is the one in the files";
        registry.register("tls_certificate_valid", valid, metrics.valid.clone());
        metrics
    }

    /// A handshake ended so.
    pub(super) fn shook_hands(&self, listener: &'static str, outcome: &'static str) {
        self.handshakes.get_or_create(&OutcomeLabels { listener, outcome }).inc();
    }

    /// A certificate is served from now on.
    pub(super) fn serves(&self, listener: &'static str, until: Timestamp) {
        self.loads.get_or_create(&OutcomeLabels { listener, outcome: "ok" }).inc();
        self.expires.get_or_create(&FaceLabels { listener }).set(until.as_micros() / 1_000_000);
        self.valid.get_or_create(&FaceLabels { listener }).set(1);
    }

    /// What is in the files cannot be served.
    pub(super) fn broken(&self, listener: &'static str) {
        self.loads.get_or_create(&OutcomeLabels { listener, outcome: "failed" }).inc();
        self.valid.get_or_create(&FaceLabels { listener }).set(0);
    }
}
