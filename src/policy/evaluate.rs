//! Decisions: for the agent and for the actor, and the stricter of the two counts.
//!
//! Cedar skips a policy that fails while it is evaluated, so that a failing forbid would allow. Here every failure denies, and
//! names the policy. The same goes for everything else that is in doubt: see [`Cause`] for the list.
//!
//! There are two ways to an answer: the plain one, which evaluates the policies that can matter against the whole context, and the
//! one by residuals (`residual`), which must come to the same.

use cedar_policy::{Effect, Entities, PolicyId, Request as CedarRequest};

use super::request::{Prepared, Question};
use super::residual::{Answer, Which};
use super::shard::Shard;
use super::snapshot::PolicySnapshot;
use crate::domain::{
    Action, Approval, Call, Caller, Cause, Decision, Grounds, Judgement, PolicyFault, PolicyRef, Principal, ServerName, Source,
    Target, Timestamp,
};

/// A call to decide about: who, what, when.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// What they ask for.
    pub call: &'a Call,
    /// The time of the decision.
    pub now: Timestamp,
    /// A person's approval of exactly this call, if there is one.
    pub approval: Option<&'a Approval>,
}

impl<'a> Request<'a> {
    /// The same, as everything that a decision looks at besides the snapshot.
    pub(super) const fn question(&self) -> Question<'a> {
        let Self { caller, call, now, approval } = *self;
        Question {
            caller,
            server: &call.server,
            action: call.action,
            target: &call.target,
            arguments: Some(&call.arguments),
            source: &call.source,
            now,
            approval,
        }
    }
}

pub(super) const PRINCIPALS: [Principal; 2] = [Principal::Agent, Principal::Actor];

impl PolicySnapshot {
    /// Decides about a call; about that of a meta-tool as the call that it comes to (see [`PolicySnapshot::inner`]).
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        if self.in_force().is_none() {
            return self.deny(request.caller, &Cause::NoPoliciesInForce);
        }
        match self.inner(request.call) {
            Ok(None) => self.decide_named(request),
            Ok(Some(inner)) => self.decide_named(&Request { call: &inner, ..*request }),
            Err(cause) => self.deny(request.caller, &cause),
        }
    }

    /// A call that names the tool that it is about.
    fn decide_named(&self, request: &Request<'_>) -> Decision {
        let prepared = match self.prepare(&request.question()) {
            Ok(prepared) => prepared,
            Err(cause) => return self.deny(request.caller, &cause),
        };
        let judgements = self.judge_by_residuals(&prepared).unwrap_or_else(|| self.judge_plainly(&prepared));
        Decision::from_grounds(Grounds { snapshot: self.fingerprint(), judgements })
    }

    /// A denial for everyone concerned, before any policy was asked.
    fn deny(&self, caller: &Caller, cause: &Cause) -> Decision {
        let concerned = PRINCIPALS.iter().filter(|who| **who == Principal::Agent || caller.actor.person().is_some());
        let judgements = concerned.map(|principal| judgement(*principal, cause.clone())).collect();
        Decision::from_grounds(Grounds { snapshot: self.fingerprint(), judgements })
    }

    /// Whether some call with these circumstances could be allowed, for some arguments and with or without an approval. What is not
    /// possible in this sense is hidden in lists; a thing that could be called is never hidden. A meta-tool is possible when some tool
    /// is that it could call.
    #[must_use]
    pub fn possible(
        &self,
        caller: &Caller,
        server: &ServerName,
        action: Action,
        target: &Target,
        source: &Source,
        now: Timestamp,
    ) -> bool {
        if let (Action::ToolsCall, Target::Tool(tool)) = (action, target)
            && self.is_meta_tool(server, tool)
        {
            let mut inner = self.inner_tools(server).map(Target::Tool);
            return !self.is_drifted(server, tool)
                && inner.any(|inner| self.possible(caller, server, action, &inner, source, now));
        }
        let Ok(prepared) =
            self.prepare(&Question { caller, server, action, target, arguments: None, source, now, approval: None })
        else {
            return false;
        };
        self.possible_by_residuals(&prepared).unwrap_or_else(|| self.possible_plainly(&prepared))
    }

    pub(super) fn possible_plainly(&self, prepared: &Prepared<'_>) -> bool {
        PRINCIPALS.iter().all(|principal| match self.request(prepared, *principal, false) {
            Some(Ok(request)) if !self.unfit(prepared, &request).is_empty() => false,
            Some(Ok(request)) => {
                let response = self.core.set(Which::Discovery).map(|set| set.evaluate(&request, &prepared.entities));
                response.is_some_and(|response| self.could_allow(&Answer::from(&response)))
            }
            Some(Err(_)) => false,
            None => true,
        })
    }

    /// What the policies that can matter say about both principals, given the whole context.
    pub(super) fn judge_plainly(&self, prepared: &Prepared<'_>) -> Vec<Judgement> {
        let mut valid = true;
        let judge = |principal: &Principal| match self.request(prepared, *principal, true)? {
            Ok(request) => {
                let ask = |which| Some(Answer::from(&self.core.set(which)?.evaluate(&request, &prepared.entities)));
                let unfit = self.unfit(prepared, &request);
                Some(self.judge(*principal, &ask(Which::Concrete)?, unfit, || ask(Which::Approval)))
            }
            Err(cause) => {
                valid = false;
                Some(judgement(*principal, cause))
            }
        };
        let judgements = PRINCIPALS.iter().filter_map(judge).collect();
        if valid {
            self.vouch(prepared);
        }
        judgements
    }

    /// The judgement that an answer comes to, given the policies that do not fit. A deny without failures may be one that an approval
    /// lifts.
    pub(super) fn judge(
        &self,
        principal: Principal,
        answer: &Answer,
        unfit: Vec<PolicyFault>,
        with_approval: impl FnOnce() -> Option<Answer>,
    ) -> Judgement {
        let mut faults = self.faults(answer);
        faults.extend(unfit);
        let determining = self.references(&answer.determining);
        let cause = match answer.allow {
            _ if !faults.is_empty() => Cause::NotEvaluable,
            true => Cause::Permitted,
            false => return self.denied(principal, determining, with_approval()),
        };
        Judgement { principal, cause, policies: determining, faults }
    }

    fn denied(&self, principal: Principal, forbids: Vec<PolicyRef>, with_approval: Option<Answer>) -> Judgement {
        let (cause, policies) = match with_approval.filter(|answer| self.could_allow(answer)) {
            // What stands in the way is what an approval lifts; where nothing does, it is a permit that asks for one.
            Some(_) if !forbids.is_empty() => (Cause::ApprovalMissing, forbids),
            Some(answer) => (Cause::ApprovalMissing, self.references(&answer.determining)),
            None if forbids.is_empty() => (Cause::NoPermit, forbids),
            None => (Cause::Forbidden, forbids),
        };
        Judgement { principal, cause, policies, faults: Vec::new() }
    }

    /// Whether the answer of a derived set leaves an allow open. A forbid that holds even in its strengthened form closes it, and
    /// so does the absence of any permit, unless one could not be evaluated.
    pub(super) fn could_allow(&self, answer: &Answer) -> bool {
        let is_permit = |id: &PolicyId| self.core.policies.set.policy(id).is_none_or(|policy| policy.effect() == Effect::Permit);
        answer.allow || (answer.determining.is_empty() && answer.failed.iter().any(|(id, _)| is_permit(id)))
    }

    /// The policies that could matter and do not fit the tools as their server lists them: what they would say is not known.
    fn unfit(&self, prepared: &Prepared<'_>, request: &CedarRequest) -> Vec<PolicyFault> {
        self.unfit_in(&prepared.shard, request, &prepared.entities)
    }

    /// The same for a request with these entities to the server of this shard.
    pub(super) fn unfit_in(&self, shard: &Shard, request: &CedarRequest, entities: &Entities) -> Vec<PolicyFault> {
        let mut faults: Vec<PolicyFault> = Vec::new();
        for (id, problem) in shard.unfit() {
            let policy = self.core.policies.reference(id);
            let known = faults.iter().any(|fault| fault.policy == policy);
            if !known && self.core.concrete.could_matter(id, request, entities) {
                faults.push(PolicyFault { policy, message: problem.message.as_str().into() });
            }
        }
        faults
    }

    fn references(&self, ids: &[PolicyId]) -> Vec<PolicyRef> {
        let mut references: Vec<PolicyRef> = ids.iter().map(|id| self.core.policies.reference(id)).collect();
        references.sort_by(|a, b| (&a.file, a.line, &a.id).cmp(&(&b.file, b.line, &b.id)));
        references
    }

    fn faults(&self, answer: &Answer) -> Vec<PolicyFault> {
        let fault = |(id, message): &(PolicyId, String)| PolicyFault {
            policy: self.core.policies.reference(id),
            message: message.as_str().into(),
        };
        let mut faults: Vec<PolicyFault> = answer.failed.iter().map(fault).collect();
        faults.sort_by(|a, b| (&a.policy.file, a.policy.line).cmp(&(&b.policy.file, b.policy.line)));
        faults
    }
}

pub(super) const fn judgement(principal: Principal, cause: Cause) -> Judgement {
    Judgement { principal, cause, policies: Vec::new(), faults: Vec::new() }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
