//! What the gate counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::audit::Outcome;
use crate::domain::{Call, Channel, Decision};

/// Decision latency buckets, seconds: a decision takes microseconds, so the usual buckets would all be one.
const DECISION_BUCKETS: [f64; 10] = [5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1];

/// Call latency buckets, seconds: up to the longest tool anybody waits for.
const CALL_BUCKETS: [f64; 12] = [5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.5, 1.0, 10.0, 60.0];

/// Buckets for how long people take, seconds: from a glance to most of a quarter of an hour.
const RULING_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 45.0, 90.0, 180.0, 300.0, 900.0];

/// Counters of decisions and calls.
#[derive(Debug, Clone)]
pub struct Metrics {
    decisions: Family<DecisionLabels, Counter>,
    decision_seconds: Histogram,
    unrecorded: Counter,
    explanations: Family<AnswerLabels, Counter>,
    calls: Family<OutcomeLabels, Counter>,
    call_seconds: Histogram,
    dry_checks: Family<AnswerLabels, Counter>,
    access: Family<AnswerLabels, Counter>,
    searches: Counter,
    waiting: Gauge,
    rulings: Family<RulingLabels, Counter>,
    ruling_seconds: Histogram,
}

// Tool names stay out of the labels: a server may invent as many as it likes, and each would be a time series for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    server: String,
    action: &'static str,
    decision: &'static str,
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    decision: &'static str,
}

// People stay out of these labels, which have no bound: how each of them rules is in `rulers`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RulingLabels {
    ruling: &'static str,
    channel: &'static str,
}

impl Metrics {
    /// Registers the gate's metrics.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            decisions: Family::default(),
            decision_seconds: Histogram::new(DECISION_BUCKETS),
            unrecorded: Counter::default(),
            explanations: Family::default(),
            calls: Family::default(),
            call_seconds: Histogram::new(CALL_BUCKETS),
            dry_checks: Family::default(),
            access: Family::default(),
            searches: Counter::default(),
            waiting: Gauge::default(),
            rulings: Family::default(),
            ruling_seconds: Histogram::new(RULING_BUCKETS),
        };
        registry.register("decisions", "Decisions made, by server, action, decision and cause", metrics.decisions.clone());
        registry.register_with_unit(
            "decision_duration",
            "Time policy evaluation took, without the log",
            Unit::Seconds,
            metrics.decision_seconds.clone(),
        );
        registry.register(
            "unrecorded_decisions",
            "Calls refused because the log could not be written",
            metrics.unrecorded.clone(),
        );
        registry.register(
            "explanations",
            "Decisions explained on request, by decision; none of them let a call go on",
            metrics.explanations.clone(),
        );
        registry.register("calls", "Admitted calls, by how they ended", metrics.calls.clone());
        registry.register_with_unit(
            "call_duration",
            "Time from admission to the end of a call",
            Unit::Seconds,
            metrics.call_seconds.clone(),
        );
        registry.register("dry_checks", "Questions of services about decisions that nobody acts on", metrics.dry_checks.clone());
        registry.register(
            "access_decisions",
            "Answers to services about what is no call of a tool, by decision",
            metrics.access.clone(),
        );
        registry.register("access_searches", "Searches of services for what would be allowed", metrics.searches.clone());
        registry.register("approvals_waiting", "Calls that wait for a person's approval", metrics.waiting.clone());
        registry.register(
            "approval_rulings",
            "Rulings of people, by what they come to and by their way",
            metrics.rulings.clone(),
        );
        registry.register_with_unit(
            "approval_ruling_delay",
            "Time from asking for an approval to a ruling",
            Unit::Seconds,
            metrics.ruling_seconds.clone(),
        );
        metrics
    }

    pub(super) fn checked_dry(&self, decision: &'static str) {
        self.dry_checks.get_or_create(&AnswerLabels { decision }).inc();
    }

    pub(super) fn accessed(&self, decision: &'static str) {
        self.access.get_or_create(&AnswerLabels { decision }).inc();
    }

    pub(super) fn searched(&self) {
        self.searches.inc();
    }

    pub(super) fn waiting(&self, tickets: usize) {
        self.waiting.set(i64::try_from(tickets).unwrap_or(i64::MAX));
    }

    pub(super) fn ruled(&self, ruling: &'static str, channel: Channel) {
        self.rulings.get_or_create(&RulingLabels { ruling, channel: channel.name() }).inc();
    }

    pub(super) fn waited(&self, waited: Duration) {
        self.ruling_seconds.observe(waited.as_secs_f64());
    }

    pub(super) fn decided(&self, call: &Call, decision: &Decision, took: Duration) {
        let cause = decision.grounds().deciding().map_or("none", |judgement| judgement.cause.name());
        let labels = DecisionLabels {
            server: call.server.as_str().to_owned(),
            action: call.action.name(),
            decision: decision.name(),
            cause,
        };
        self.decisions.get_or_create(&labels).inc();
        self.decision_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn explained(&self, decision: &'static str) {
        self.explanations.get_or_create(&AnswerLabels { decision }).inc();
    }

    pub(super) fn unrecorded(&self) {
        self.unrecorded.inc();
    }

    pub(super) fn settled(&self, outcome: &Outcome, took: Duration) {
        self.calls.get_or_create(&OutcomeLabels { outcome: outcome.name() }).inc();
        self.call_seconds.observe(took.as_secs_f64());
    }
}
