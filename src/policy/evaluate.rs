//! Decisions: for the agent and for the actor, and the stricter of the two counts.
//!
//! Cedar skips a policy that fails while it is evaluated, so that a failing forbid would allow. Here every failure denies, and
//! names the policy. The same goes for everything else that is in doubt: see [`Cause`] for the list.

use cedar_policy::{AuthorizationError, Decision as CedarDecision, Effect, PolicyId, Request as CedarRequest, Response};

use super::request::{Prepared, Question};
use super::snapshot::PolicySnapshot;
use crate::domain::{
    Action, Call, Caller, Cause, Decision, Grounds, Judgement, PolicyFault, PolicyRef, Principal, ServerName, Source, Target,
    Timestamp,
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
}

impl<'a> Request<'a> {
    /// The same, as everything that a decision looks at besides the snapshot.
    pub(super) const fn question(&self) -> Question<'a> {
        let Self { caller, call, now } = *self;
        Question {
            caller,
            server: &call.server,
            action: call.action,
            target: &call.target,
            arguments: Some(&call.arguments),
            source: &call.source,
            now,
        }
    }
}

const PRINCIPALS: [Principal; 2] = [Principal::Agent, Principal::Actor];

impl PolicySnapshot {
    /// Decides about a call; about that of a meta-tool as the call that it comes to (see [`PolicySnapshot::inner`]).
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        match self.inner(request.call) {
            Ok(None) => self.decide_plain(request),
            Ok(Some(inner)) => self.decide_plain(&Request { call: &inner, ..*request }),
            Err(cause) => self.deny(request.caller, &cause),
        }
    }

    /// A call that names the tool that it is about.
    fn decide_plain(&self, request: &Request<'_>) -> Decision {
        let prepared = match self.prepare(&request.question()) {
            Ok(prepared) => prepared,
            Err(cause) => return self.deny(request.caller, &cause),
        };
        let judgements = PRINCIPALS.iter().filter_map(|principal| self.judge(&prepared, *principal)).collect();
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
        let Ok(prepared) = self.prepare(&Question { caller, server, action, target, arguments: None, source, now }) else {
            return false;
        };
        PRINCIPALS.iter().all(|principal| match self.request(&prepared, *principal, false) {
            Some(Ok(request)) if !self.unfit(&prepared, &request).is_empty() => false,
            Some(Ok(request)) => {
                let set = self.core.discovery.as_ref().unwrap_or(&self.core.concrete);
                self.could_allow(&set.evaluate(&request, &prepared.entities))
            }
            Some(Err(_)) => false,
            None => true,
        })
    }

    fn judge(&self, prepared: &Prepared, principal: Principal) -> Option<Judgement> {
        match self.request(prepared, principal, true)? {
            Ok(request) => Some(self.evaluate(prepared, principal, &request)),
            Err(cause) => Some(judgement(principal, cause)),
        }
    }

    fn evaluate(&self, prepared: &Prepared, principal: Principal, request: &CedarRequest) -> Judgement {
        let response = self.core.concrete.evaluate(request, &prepared.entities);
        let mut faults = self.faults(&response);
        faults.extend(self.unfit(prepared, request));
        let determining = self.references(response.diagnostics().reason());
        let cause = match response.decision() {
            _ if !faults.is_empty() => Cause::NotEvaluable,
            CedarDecision::Allow => Cause::Permitted,
            CedarDecision::Deny => return self.denied(prepared, principal, request, determining),
        };
        Judgement { principal, cause, policies: determining, faults }
    }

    /// A deny without failures: final, or one that an approval could lift.
    fn denied(&self, prepared: &Prepared, principal: Principal, request: &CedarRequest, forbids: Vec<PolicyRef>) -> Judgement {
        let with_approval = self.core.approval.as_ref().map(|set| set.evaluate(request, &prepared.entities));
        let (cause, policies) = match with_approval.filter(|response| self.could_allow(response)) {
            // What stands in the way is what an approval lifts; where nothing does, it is a permit that asks for one.
            Some(_) if !forbids.is_empty() => (Cause::ApprovalMissing, forbids),
            Some(response) => (Cause::ApprovalMissing, self.references(response.diagnostics().reason())),
            None if forbids.is_empty() => (Cause::NoPermit, forbids),
            None => (Cause::Forbidden, forbids),
        };
        Judgement { principal, cause, policies, faults: Vec::new() }
    }

    /// Whether the answer of a derived set leaves an allow open. A forbid that holds even in its strengthened form closes it, and
    /// so does the absence of any permit, unless one could not be evaluated.
    fn could_allow(&self, response: &Response) -> bool {
        let is_permit = |id: &PolicyId| self.core.policies.set.policy(id).is_none_or(|policy| policy.effect() == Effect::Permit);
        match response.decision() {
            CedarDecision::Allow => true,
            CedarDecision::Deny => {
                let forbidden = response.diagnostics().reason().next().is_some();
                !forbidden && response.diagnostics().errors().any(|error| is_permit(failed(error)))
            }
        }
    }

    /// The policies that could matter and do not fit the tools as their server lists them: what they would say is not known.
    fn unfit(&self, prepared: &Prepared, request: &CedarRequest) -> Vec<PolicyFault> {
        let mut faults: Vec<PolicyFault> = Vec::new();
        for (id, problem) in prepared.shard.unfit() {
            let policy = self.core.policies.reference(id);
            let known = faults.iter().any(|fault| fault.policy == policy);
            if !known && self.core.concrete.could_matter(id, request, &prepared.entities) {
                faults.push(PolicyFault { policy, message: problem.message.as_str().into() });
            }
        }
        faults
    }

    fn references<'a>(&self, ids: impl Iterator<Item = &'a PolicyId>) -> Vec<PolicyRef> {
        let mut references: Vec<PolicyRef> = ids.map(|id| self.core.policies.reference(id)).collect();
        references.sort_by(|a, b| (&a.file, a.line, &a.id).cmp(&(&b.file, b.line, &b.id)));
        references
    }

    fn faults(&self, response: &Response) -> Vec<PolicyFault> {
        let fault = |error: &AuthorizationError| {
            let message = match error {
                AuthorizationError::PolicyEvaluationError(error) => error.inner().to_string(),
            };
            PolicyFault { policy: self.core.policies.reference(failed(error)), message: message.into() }
        };
        let mut faults: Vec<PolicyFault> = response.diagnostics().errors().map(fault).collect();
        faults.sort_by(|a, b| (&a.policy.file, a.policy.line).cmp(&(&b.policy.file, b.policy.line)));
        faults
    }
}

fn failed(error: &AuthorizationError) -> &PolicyId {
    match error {
        AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
    }
}

const fn judgement(principal: Principal, cause: Cause) -> Judgement {
    Judgement { principal, cause, policies: Vec::new(), faults: Vec::new() }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
