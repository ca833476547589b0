//! May this call go on? Decide, write it down, and only then say so.

use std::time::Instant;

use super::settle::Settlement;
use super::{Gate, Permit, Refusal, content};
use crate::audit::{DecisionRecord, Part, Record};
use crate::domain::{Call, Caller, Decision, DecisionId, Target};
use crate::policy::Request;

impl Gate {
    /// Decides a call for its agent and its actor, against one snapshot, and records the decision durably.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when policy does not allow the call as it stands, or when the decision could not be recorded in time: then
    /// nothing may happen, whatever policy said.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may leave a recorded decision whose call is never carried out, and never the other way round.
    pub async fn admit(&self, caller: &Caller, call: Call) -> Result<Permit, Refusal> {
        let id = self.new_decision_id();
        let begun = Instant::now();
        let now = self.shared.clock.now();
        let snapshot = self.snapshot();
        // What is wrong with a call of a meta-tool is said by the decision about it.
        let inner = snapshot.inner(&call).ok().flatten();
        let (decided, via) = inner.as_ref().map_or((&call, None), |inner| (inner, call.target.name()));
        let decision = snapshot.decide(&Request { caller, call: decided, now });
        let took = begun.elapsed();
        self.shared.metrics.decided(decided, &decision, took);
        log(id, caller, decided, via, &decision);

        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let kept = self.keeping(&snapshot, &call, decided);
        let args = match decided.arguments.bytes() {
            Some(arguments) => Some(content::of(arguments, &kept.arguments, Part::Arguments).await),
            None => None,
        };
        let catalog = match &decided.target {
            Target::Tool(tool) => snapshot.definition_digest(&decided.server, tool),
            Target::Resource(_) | Target::Prompt(_) | Target::Server | Target::Method(_) => None,
        };
        let record = DecisionRecord { id, caller, call: decided, via, args: args.as_ref(), catalog, decision: &decision, micros };
        let receipt = match self.shared.audit.append(Record::Decision(record)).await {
            Ok(receipt) => receipt,
            Err(error) => {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "the decision could not be recorded; the call is refused");
                self.shared.metrics.unrecorded();
                return Err(Refusal::not_recorded(id));
            }
        };
        match decision {
            Decision::Allow(_) => Ok(Permit::new(call, Settlement::new(self.clone(), id, receipt, kept.result))),
            Decision::Deny(grounds) | Decision::RequireApproval(grounds) => Err(Refusal::denied(id, &grounds)),
        }
    }
}

fn log(id: DecisionId, caller: &Caller, call: &Call, via: Option<&str>, decision: &Decision) {
    let deciding = decision.grounds().deciding();
    tracing::debug!(
        %id,
        agent = %caller.agent,
        actor = caller.actor.person().map(tracing::field::display),
        server = %call.server,
        action = call.action.name(),
        target = call.target.name(),
        via,
        decision = decision.name(),
        cause = deciding.map(|judgement| judgement.cause.name()),
        "decided"
    );
}
