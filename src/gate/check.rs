//! May a call go on that another service carries out? Decided and recorded like one of our own; what follows is up to that service.

use std::sync::Arc;
use std::time::Instant;

use super::decide::{Decided, For, definition, log};
use super::{Gate, Pending, Refusal};
use crate::audit::{CheckRecord, DecisionRecord, Record};
use crate::domain::{Call, Caller, Decision, DecisionId, TicketId};
use crate::lifecycle::Begun;
use crate::policy::Request;

/// A decision about a call that another service carries out.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The decision, as the log knows it.
    pub id: DecisionId,
    /// What policy says.
    pub decision: Decision,
    /// Under which ticket people are asked, when they are.
    pub pending: Option<Pending>,
    /// The ticket that was used up for an allow, when a person approved.
    pub approved: Option<TicketId>,
    /// The refusal as an agent may see it, unless the call is allowed.
    pub refusal: Option<Refusal>,
}

impl Gate {
    /// Decides a call on behalf of the service `by`, and records the decision durably: the same decision, the same record and the same
    /// tickets as when the call came through the sidecar. Whoever gets an allow may carry the call out, once.
    ///
    /// # Errors
    ///
    /// When the decision could not be recorded in time: then nothing may happen.
    pub async fn check(&self, caller: &Caller, call: &Call, by: &str) -> Result<Checked, Refusal> {
        let Decided { id, decision, pending, approved, .. } = self.decide(caller, call, For::Service(by)).await?;
        Ok(Checked::new(id, decision, pending, approved))
    }

    /// The same for whoever may be left by the one they ask for: what was begun is finished in a task of its own and recorded whole, so that
    /// no approval is used up without a record of it.
    ///
    /// # Errors
    ///
    /// As [`Gate::check`].
    pub async fn check_to_the_end(&self, caller: Caller, call: Call, by: Arc<str>) -> Result<Checked, Refusal> {
        let gate = self.clone();
        let checking = Begun::new(async move { gate.check(&caller, &call, &by).await });
        checking.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a decision for a service came to no end");
            Err(Refusal::not_recorded(self.new_decision_id()))
        })
    }

    /// What [`Gate::check`] would say now, for nobody to act on. It uses up no ticket and asks nobody; it is recorded as a question
    /// (`dry_run`), and nobody waits until that is durable; only for room in line, when questions come faster than the log is written.
    ///
    /// # Errors
    ///
    /// When the log takes no records.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the question may not be recorded: nobody has had an answer.
    pub async fn check_dry(&self, caller: &Caller, call: &Call, by: &str) -> Result<Checked, Refusal> {
        let (id, begun) = (self.new_decision_id(), Instant::now());
        let snapshot = self.snapshot();
        let inner = snapshot.inner(call).ok().flatten();
        let (decided, via) = inner.as_ref().map_or((call, None), |inner| (inner, call.target.name()));
        let decision = snapshot.decide(&Request { caller, call: decided, now: self.shared.clock.now(), approval: None });
        let took = begun.elapsed();
        self.shared.metrics.checked_dry(decision.name());
        log(id, caller, decided, via, &decision);
        let record = DecisionRecord {
            id,
            caller,
            call: decided,
            via,
            args: None,
            catalog: definition(&snapshot, decided),
            decision: &decision,
            approval: None,
            check: Some(CheckRecord { by, dry_run: true }),
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        };
        if let Err(error) = self.shared.audit.note_when_room(&Record::Decision(record)).await {
            tracing::error!(%id, error = &error as &dyn std::error::Error, "a question about a decision could not be recorded");
            return Err(Refusal::not_recorded(id));
        }
        Ok(Checked::new(id, decision, None, None))
    }
}

impl Checked {
    /// The decision's name when it is an allow.
    ///
    /// # Errors
    ///
    /// The refusal as an agent may see it, when it is not.
    pub fn allowed(self) -> Result<DecisionId, Refusal> {
        match (self.decision, self.refusal) {
            (Decision::Allow(_), None) => Ok(self.id),
            (_, Some(refusal)) => Err(refusal),
            (Decision::Deny(grounds) | Decision::RequireApproval(grounds), None) => Err(Refusal::denied(self.id, &grounds)),
        }
    }

    fn new(id: DecisionId, decision: Decision, pending: Option<Pending>, approved: Option<TicketId>) -> Self {
        let refusal = match &decision {
            Decision::Allow(_) => None,
            Decision::Deny(grounds) | Decision::RequireApproval(grounds) => {
                Some(Refusal::denied(id, grounds).pending_under(pending))
            }
        };
        Self { id, decision, pending, approved, refusal }
    }
}
