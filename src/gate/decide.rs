//! The one way to a decision that counts: decide, write it down, and only then say so. Calls that pass through us and calls that other
//! services carry out come the same way.

use std::sync::Arc;
use std::time::Instant;

use super::asked::Sought;
use super::refusal::Pending;
use super::{Gate, Refusal, content};
use crate::audit::{CheckRecord, DecisionRecord, Keeping, Part, Receipt, Record, TicketRecord};
use crate::domain::{Call, Caller, Decision, DecisionId, Fingerprint, Target, TicketId};
use crate::policy::{PolicySnapshot, Request};

/// Who carries a call out.
#[derive(Debug, Clone, Copy)]
pub(super) enum For<'a> {
    /// The sidecar itself.
    Ourselves,
    /// The service that asks, by the name that vouches for it.
    Service(&'a str),
}

/// A decision that is recorded.
pub(super) struct Decided {
    pub(super) id: DecisionId,
    pub(super) decision: Decision,
    pub(super) receipt: Receipt,
    /// Under which ticket people are asked, when they are.
    pub(super) pending: Option<Pending>,
    /// With which ticket it is allowed, when a person approved.
    pub(super) approved: Option<TicketId>,
    /// What is kept of the call's result.
    pub(super) result: Arc<Keeping>,
}

impl Gate {
    /// Decides a call and records the decision durably.
    ///
    /// # Errors
    ///
    /// When the decision could not be recorded in time.
    pub(super) async fn decide(&self, caller: &Caller, call: &Call, whom: For<'_>) -> Result<Decided, Refusal> {
        let id = self.new_decision_id();
        let begun = Instant::now();
        let now = self.shared.clock.now();
        let snapshot = self.snapshot();
        // What is wrong with a call of a meta-tool is said by the decision about it.
        let inner = snapshot.inner(call).ok().flatten();
        let (decided, via) = inner.as_ref().map_or((call, None), |inner| (inner, call.target.name()));
        let request = Request { caller, call: decided, now, approval: None };
        let mut decision = snapshot.decide(&request);
        let took = begun.elapsed();
        let catalog = definition(&snapshot, decided);
        let (mut inquiry, mut approval) = (None, None);
        if matches!(decision, Decision::RequireApproval(_)) {
            let sought = Sought::of(caller, call, decided, catalog);
            let approved = match &sought {
                Some(sought) => self.approved(&snapshot, &request, sought).await,
                None => None,
            };
            match approved {
                Some(approved) => {
                    decision = approved.decision;
                    approval = Some((approved.ticket, approved.approval.approvers));
                }
                None => inquiry = Some(self.inquire(sought).await),
            }
        }
        self.shared.metrics.decided(decided, &decision, took);
        log(id, caller, decided, via, &decision);

        let kept = self.keeping(&snapshot, call, decided);
        let args = match decided.arguments.bytes() {
            Some(arguments) => Some(content::of(arguments, &kept.arguments, Part::Arguments).await),
            None => None,
        };
        let ticket = match (&approval, &inquiry) {
            (Some((ticket, approvers)), _) => Some(TicketRecord { ticket: *ticket, approvers: Some(approvers) }),
            (None, Some(inquiry)) => inquiry.ticket().map(|ticket| TicketRecord { ticket, approvers: None }),
            (None, None) => None,
        };
        let record = DecisionRecord {
            id,
            caller,
            call: decided,
            via,
            args: args.as_ref(),
            catalog,
            decision: &decision,
            approval: ticket,
            check: match whom {
                For::Ourselves => None,
                For::Service(by) => Some(CheckRecord { by, dry_run: false }),
            },
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        };
        let receipt = match self.shared.audit.append(Record::Decision(record)).await {
            Ok(receipt) => receipt,
            Err(error) => {
                tracing::error!(%id, error = &error as &dyn std::error::Error, "the decision could not be recorded; the call is refused");
                self.shared.metrics.unrecorded();
                return Err(Refusal::not_recorded(id));
            }
        };
        let pending = match inquiry {
            Some(inquiry) => inquiry.ask(self, snapshot.terms(decision.grounds()), id, &receipt).await,
            None => None,
        };
        let approved = approval.map(|(ticket, _)| ticket);
        Ok(Decided { id, decision, receipt, pending, approved, result: kept.result })
    }
}

/// What the definition of the tool that is called is, as the catalog knows it.
pub(super) fn definition(snapshot: &PolicySnapshot, call: &Call) -> Option<Fingerprint> {
    match &call.target {
        Target::Tool(tool) => snapshot.definition_digest(&call.server, tool),
        Target::Resource(_) | Target::Prompt(_) | Target::Server | Target::Method(_) => None,
    }
}

pub(super) fn log(id: DecisionId, caller: &Caller, call: &Call, via: Option<&str>, decision: &Decision) {
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
