//! How many pods were asked about, and what became of them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The metrics of this face.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    reviews: Family<Verdict, Counter>,
    bad: Family<Why, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

impl Metrics {
    /// Metrics in this registry.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "injection_reviews",
            "Pods that an API server asked about, by what became of them",
            metrics.reviews.clone(),
        );
        registry.register("injection_bad_requests", "Requests that could not be answered, by why", metrics.bad.clone());
        metrics
    }

    pub(super) fn answered(&self, verdict: &'static str) {
        self.reviews.get_or_create(&Verdict { verdict }).inc();
    }

    pub(super) fn refused(&self, why: &'static str) {
        self.bad.get_or_create(&Why { why }).inc();
    }
}
