//! May this call go on? Decide, write it down, and only then say so.

use std::time::Instant;

use super::asked::Sought;
use super::settle::Settlement;
use super::{Gate, Permit, Refusal, content};
use crate::audit::{DecisionRecord, Part, Record, TicketRecord};
use crate::domain::{Call, Caller, Decision, DecisionId, Target};
use crate::policy::Request;

impl Gate {
    /// Decides a call for its agent and its actor, against one snapshot, and records the decision durably.
    ///
    /// A call that a person approved goes on with the ticket that they ruled on, which is used up. One that needs an approval that nobody has
    /// given is refused, and people are asked: the refusal says under which ticket. Asking again with the same call joins that ticket.
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
        let request = Request { caller, call: decided, now, approval: None };
        let decision = snapshot.decide(&request);
        let took = begun.elapsed();
        let catalog = match &decided.target {
            Target::Tool(tool) => snapshot.definition_digest(&decided.server, tool),
            Target::Resource(_) | Target::Prompt(_) | Target::Server | Target::Method(_) => None,
        };
        let (mut inquiry, mut approved) = (None, None);
        if matches!(decision, Decision::RequireApproval(_)) {
            let sought = Sought::of(caller, &call, decided, catalog);
            approved = match &sought {
                Some(sought) => self.approved(&snapshot, &request, sought).await,
                None => None,
            };
            if approved.is_none() {
                inquiry = Some(self.inquire(sought).await);
            }
        }
        let (decision, approval) = match (&approved, &inquiry) {
            (Some(approved), _) => {
                let approvers = Some(&approved.approval.approvers);
                (&approved.decision, Some(TicketRecord { ticket: approved.ticket, approvers }))
            }
            (None, Some(inquiry)) => (&decision, inquiry.ticket().map(|ticket| TicketRecord { ticket, approvers: None })),
            (None, None) => (&decision, None),
        };
        self.shared.metrics.decided(decided, decision, took);
        log(id, caller, decided, via, decision);

        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let kept = self.keeping(&snapshot, &call, decided);
        let args = match decided.arguments.bytes() {
            Some(arguments) => Some(content::of(arguments, &kept.arguments, Part::Arguments).await),
            None => None,
        };
        let args = args.as_ref();
        let record = DecisionRecord { id, caller, call: decided, via, args, catalog, decision, approval, micros };
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
            Decision::Deny(grounds) => Err(Refusal::denied(id, grounds)),
            Decision::RequireApproval(grounds) => {
                let terms = snapshot.terms(grounds);
                let pending = match inquiry {
                    Some(inquiry) => inquiry.ask(self, terms, id, &receipt).await,
                    None => None,
                };
                Err(Refusal::denied(id, grounds).pending_under(pending))
            }
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
