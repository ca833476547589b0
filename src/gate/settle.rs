//! How an admitted call ended: the second record.

use std::time::Instant;

use super::Gate;
use crate::audit::{Outcome, OutcomeRecord, Receipt, Record};
use crate::domain::DecisionId;

/// The duty to say how an admitted call ended. Dropped unsaid, it says "abandoned": every permit leaves two records.
#[must_use = "dropping this records the call as abandoned"]
pub struct Settlement {
    gate: Gate,
    decision: DecisionId,
    /// Where the decision stands in the log.
    seq: u64,
    begun: Instant,
    said: bool,
}

impl Settlement {
    /// The receipt is the proof that the decision is durable; it is used up here.
    pub(super) fn new(gate: Gate, decision: DecisionId, receipt: Receipt) -> Self {
        Self { gate, decision, seq: receipt.seq(), begun: Instant::now(), said: false }
    }

    /// The decision that allowed the call.
    #[must_use]
    pub const fn decision(&self) -> DecisionId {
        self.decision
    }

    /// Says how the call ended, with the size of its answer in bytes (0 where there was none).
    ///
    /// The record is queued behind the decision's and becomes durable with the next commit; nobody waits for it.
    pub fn settle(mut self, outcome: Outcome, answer_bytes: u64) {
        self.say(outcome, answer_bytes);
    }

    fn say(&mut self, outcome: Outcome, answer_bytes: u64) {
        if std::mem::replace(&mut self.said, true) {
            return;
        }
        let shared = &self.gate.shared;
        let took = self.begun.elapsed();
        shared.metrics.settled(&outcome, took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let record = OutcomeRecord { decision: self.decision, seq: self.seq, outcome, micros, bytes: answer_bytes };
        if let Err(error) = shared.audit.note(&Record::Outcome(record)) {
            tracing::error!(id = %self.decision, error = &error as &dyn std::error::Error, "how the call ended could not be recorded");
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.say(Outcome::Abandoned, 0);
    }
}

impl std::fmt::Debug for Settlement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settlement").field("decision", &self.decision).field("said", &self.said).finish_non_exhaustive()
    }
}
