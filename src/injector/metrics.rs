//! How many pods were asked about, and what became of them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of this face.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    reviews: Family<Verdict, Counter>,
    bad: Family<Why, Counter>,
    events: Family<Fate, Counter>,
    believed: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fate {
    result: &'static str,
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

    /// The metric of events, where they are written.
    pub fn register_events(&self, registry: &mut Registry) {
        registry.register("injection_events", "Events about pods without a sidecar, by what became of them", self.events.clone());
    }

    /// The metric of an authority of the webhook's own.
    pub fn register_authority(&self, registry: &mut Registry) {
        registry.register(
            "injection_authority_believed",
            "1 when API servers are known to believe the webhook's own authority",
            self.believed.clone(),
        );
    }

    /// Whether API servers believe the webhook's own authority.
    pub fn believed(&self, believed: bool) {
        self.believed.set(i64::from(believed));
    }

    pub(super) fn event(&self, result: &'static str) {
        self.events.get_or_create(&Fate { result }).inc();
    }

    pub(super) fn answered(&self, verdict: &'static str) {
        self.reviews.get_or_create(&Verdict { verdict }).inc();
    }

    pub(super) fn refused(&self, why: &'static str) {
        self.bad.get_or_create(&Why { why }).inc();
    }
}
