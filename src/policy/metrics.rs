//! What operators can see of this room.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::bundle::Reason;
use super::report::LoadError;
use super::snapshot::PolicySnapshot;

/// Counts of loads, and the size of the set in force.
#[derive(Debug, Clone)]
pub struct Metrics {
    reloads: Family<ReloadLabels, Counter>,
    policies: Gauge,
    in_force: Gauge,
    last_accepted: Gauge,
    drifted: Family<ServerLabels, Gauge>,
    mismatches: Counter,
    version: Gauge,
    unsigned: Family<ReasonLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

impl Metrics {
    /// Registers `policy_reloads` (by `result`: `accepted` or `refused`), `policy_count`, `policy_in_force`,
    /// `policy_last_load_accepted`, `catalog_drifted_tools` (by `server`), `policy_residual_mismatches`, `policy_version` and
    /// `policy_signature_refusals` (by `reason`).
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            reloads: Family::default(),
            policies: Gauge::default(),
            in_force: Gauge::default(),
            last_accepted: Gauge::default(),
            drifted: Family::default(),
            mismatches: Counter::default(),
            version: Gauge::default(),
            unsigned: Family::default(),
        };
        registry.register("policy_reloads", "Loads of policies, schema and entities, by result", metrics.reloads.clone());
        registry.register("policy_count", "Policies in force", metrics.policies.clone());
        registry.register("policy_in_force", "1 while policies are in force; 0: every call is denied", metrics.in_force.clone());
        registry.register(
            "policy_last_load_accepted",
            "1 when the newest policies that were read are those in force; 0: they were refused, and older ones or none are",
            metrics.last_accepted.clone(),
        );
        let drifted = metrics.drifted.clone();
        registry.register("catalog_drifted_tools", "Tools that are refused because they are not as they were reviewed", drifted);
        registry.register(
            "policy_residual_mismatches",
            "Sampled decisions that came out differently without cached residuals: each was denied, and is a defect to report",
            metrics.mismatches.clone(),
        );
        registry.register(
            "policy_version",
            "Signed version of the policies in force; 0 when they need not be signed",
            metrics.version.clone(),
        );
        let unsigned = metrics.unsigned.clone();
        registry.register(
            "policy_signature_refusals",
            "Policies that were refused for want of a signature that fits, by reason",
            unsigned,
        );
        for reason in Reason::ALL {
            drop(metrics.unsigned.get_or_create(&ReasonLabels { reason: reason.word() }));
        }
        for result in ["accepted", "refused"] {
            // A series that exists from the start lets an alert see the first failure.
            drop(metrics.reloads.get_or_create(&ReloadLabels { result }));
        }
        metrics
    }

    /// Counts a load, and takes over the size of an accepted set.
    pub fn observe(&self, loaded: Result<&PolicySnapshot, &LoadError>) {
        let result = match loaded {
            Ok(snapshot) => {
                snapshot.count_mismatches_in(&self.mismatches);
                self.policies.set(i64::try_from(snapshot.policy_count()).unwrap_or(i64::MAX));
                self.in_force.set(1);
                let version = snapshot.signed().map_or(0, |signed| signed.version);
                self.version.set(i64::try_from(version).unwrap_or(i64::MAX));
                "accepted"
            }
            Err(error) => {
                if let LoadError::Bundle(refused) = error {
                    self.unsigned.get_or_create(&ReasonLabels { reason: refused.reason.word() }).inc();
                }
                "refused"
            }
        };
        self.last_accepted.set(i64::from(loaded.is_ok()));
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
    }

    /// Takes over how many tools of each server are refused because they are not as they were reviewed.
    pub fn drift(&self, snapshot: &PolicySnapshot) {
        for (server, count) in snapshot.drifted_tools() {
            let gauge = self.drifted.get_or_create_owned(&ServerLabels { server: server.to_string() });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
