//! How an admitted call ended: the second record.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Gate, content};
use crate::audit::{Content, Keeping, Outcome, OutcomeRecord, Part, Receipt, Record};
use crate::domain::DecisionId;

/// What went to the caller in answer to a call, as far as the record says something of it.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The length of the whole message.
    bytes: u64,
    /// The result or error in it.
    result: Option<Content>,
}

impl Answer {
    /// Nothing went to the caller, or nothing that came from whom was asked.
    pub const NONE: Self = Self { bytes: 0, result: None };
}

/// The duty to say how an admitted call ended. Dropped unsaid, it says "abandoned": every permit leaves two records.
#[must_use = "dropping this records the call as abandoned"]
pub struct Settlement {
    gate: Gate,
    decision: DecisionId,
    /// Where the decision stands in the log.
    seq: u64,
    /// What is kept of the result.
    keeping: Arc<Keeping>,
    begun: Instant,
    said: bool,
}

impl Settlement {
    /// The receipt is the proof that the decision is durable; it is used up here.
    pub(super) fn new(gate: Gate, decision: DecisionId, receipt: Receipt, keeping: Arc<Keeping>) -> Self {
        Self { gate, decision, seq: receipt.seq(), keeping, begun: Instant::now(), said: false }
    }

    /// The decision that allowed the call.
    #[must_use]
    pub const fn decision(&self) -> DecisionId {
        self.decision
    }

    /// Reads an answer for the record: `message` goes to the caller, and `result` is the text of the result or error in it, byte for byte.
    /// A long one is read on another thread.
    pub async fn answer(&self, message: &Bytes, result: Option<&Bytes>) -> Answer {
        let content = match result {
            Some(result) => Some(content::of(result, &self.keeping, Part::Result).await),
            None => None,
        };
        Answer { bytes: message.len() as u64, result: content }
    }

    /// Says how the call ended, and what the caller was answered.
    ///
    /// The record is queued behind the decision's and becomes durable with the next commit; nobody waits for it.
    pub fn settle(mut self, outcome: Outcome, answer: Answer) {
        self.say(outcome, answer);
    }

    fn say(&mut self, outcome: Outcome, answer: Answer) {
        if std::mem::replace(&mut self.said, true) {
            return;
        }
        let shared = &self.gate.shared;
        let took = self.begun.elapsed();
        shared.metrics.settled(&outcome, took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let Answer { bytes, result } = answer;
        let record = OutcomeRecord { decision: self.decision, seq: self.seq, outcome, micros, bytes, result };
        if let Err(error) = shared.audit.note(&Record::Outcome(record)) {
            tracing::error!(id = %self.decision, error = &error as &dyn std::error::Error, "how the call ended could not be recorded");
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.say(Outcome::Abandoned, Answer::NONE);
    }
}

impl std::fmt::Debug for Settlement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settlement").field("decision", &self.decision).field("said", &self.said).finish_non_exhaustive()
    }
}
