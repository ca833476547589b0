//! What the room tells Prometheus. Nothing that a stranger writes becomes a label.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of identification.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    believed: Family<BelievedLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    looks: Family<LookLabels, Counter>,
    denied: Gauge,
    deny_list_valid: Gauge,
    authority_valid: Family<AuthorityLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuthorityLabels {
    authority: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BelievedLabels {
    way: &'static str,
    remembered: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookLabels {
    issuer: String,
    outcome: &'static str,
}

impl Metrics {
    /// Registers the metrics.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("identifications", "Requests whose caller was identified, by way", metrics.believed.clone());
        registry.register("identity_refusals", "Requests that were turned away for want of an identity", metrics.refused.clone());
        registry.register("identity_key_fetches", "Looks at the keys of issuers, by outcome", metrics.looks.clone());
        registry.register("identity_denied", "Entries of the deny list in force", metrics.denied.clone());
        registry.register("identity_deny_list_valid", "1 while the deny list can be read whole", metrics.deny_list_valid.clone());
        let valid = "1 while the certificates of an authority are those in its file";
        registry.register("identity_authority_valid", valid, metrics.authority_valid.clone());
        metrics
    }

    /// Somebody was identified.
    pub(super) fn believed(&self, way: &'static str, remembered: bool) {
        let remembered = if remembered { "yes" } else { "no" };
        self.believed.get_or_create(&BelievedLabels { way, remembered }).inc();
    }

    /// Somebody was not.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&RefusedLabels { reason }).inc();
    }

    /// Somebody looked at the keys of an issuer.
    pub(super) fn looked(&self, issuer: &str, well: bool) {
        let outcome = if well { "ok" } else { "failed" };
        self.looks.get_or_create(&LookLabels { issuer: issuer.to_owned(), outcome }).inc();
    }

    /// The certificates of an authority are those in its file, or not.
    pub(super) fn authority(&self, authority: &str, valid: bool) {
        self.authority_valid.get_or_create(&AuthorityLabels { authority: authority.to_owned() }).set(i64::from(valid));
    }

    /// So many are denied, by a list that could be read whole or not.
    pub(super) fn denied(&self, count: usize, valid: bool) {
        self.denied.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.deny_list_valid.set(i64::from(valid));
    }
}
