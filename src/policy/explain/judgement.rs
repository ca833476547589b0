//! How an explanation is put together: the decision first, then for each principal what led to it.

use super::super::evaluate::Request;
use super::super::request::Prepared;
use super::super::snapshot::PolicySnapshot;
use super::asks;
use super::changes;
use super::model::{Answer, Asked, Change, Explained, Explanation, Failed, Force, Found, Matched, PolicyName, Side};
use super::near::{Focus, Known, MAX_DETAILED, Sorted, force};
use super::trial::Trial;
use crate::domain::{Cause, Decision, Judgement, PolicyFault, Principal, Timestamp};

impl PolicySnapshot {
    /// Decides about a call as [`PolicySnapshot::decide`] does, and says why the decision is what it is. A call of a meta-tool is
    /// explained as the call that it comes to.
    ///
    /// It takes a thousand times as long as a decision, and longer with more policies; it is bounded in what it tells.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let inner = self.inner(request.call);
        let meant = match &inner {
            Ok(Some(call)) => Request { call, ..*request },
            Ok(None) | Err(_) => *request,
        };
        let (decision, request) = (self.decide(&meant), &meant);
        // A call of a meta-tool that does not say what it comes to was not put to policies.
        let prepared = inner.is_ok().then(|| self.prepare(&request.question()).ok()).flatten();
        let explained = |judgement| self.explain_judgement(request, prepared.as_ref(), judgement);
        Explanation {
            decision: match decision {
                Decision::Allow(_) => Answer::Allow,
                Decision::RequireApproval(_) => Answer::RequireApproval,
                Decision::Deny(_) => Answer::Deny,
            },
            at: rfc3339(request.now),
            snapshot: decision.grounds().snapshot.to_string(),
            asked: asked(request),
            judgements: decision.grounds().judgements.iter().map(explained).collect(),
        }
    }

    fn explain_judgement(&self, request: &Request<'_>, prepared: Option<&Prepared<'_>>, judgement: &Judgement) -> Explained {
        let mut explained = self.outline(request, judgement);
        let made = prepared.and_then(|prepared| Some((prepared, self.request(prepared, judgement.principal, true)?.ok()?)));
        let Some((prepared, cedar_request)) = &made else {
            explained.changes = vec![self.change_before_policies(&explained, judgement)];
            return explained;
        };
        let trial = Trial { request: cedar_request, entities: &prepared.entities, detailed: true };
        explained.member_of = cedar_request.principal().map(|uid| asks::ancestors(uid, trial.entities)).unwrap_or_default();
        explained.failed = judgement.faults.iter().map(|fault| self.failed(fault, trial)).collect();
        self.add_policies(&mut explained, judgement, trial);
        explained
    }

    /// What is said of a judgement without a look at policies.
    fn outline(&self, request: &Request<'_>, judgement: &Judgement) -> Explained {
        let (principal, id) = match judgement.principal {
            Principal::Agent => (Side::Agent, request.caller.agent.to_string()),
            Principal::Actor => (Side::Actor, request.caller.actor.person().map(ToString::to_string).unwrap_or_default()),
            // Calls are judged for the other two.
            Principal::Subject => (Side::Agent, String::new()),
        };
        Explained {
            principal,
            id,
            member_of: Vec::new(),
            answer: answer(&judgement.cause),
            cause: judgement.cause.name().to_owned(),
            detail: detail(&judgement.cause),
            unknown: self.unknown(request, judgement),
            matched: Vec::new(),
            failed: Vec::new(),
            near: Vec::new(),
            near_left_out: 0,
            changes: Vec::new(),
            all_needed: false,
        }
    }

    /// Adds which policies matched, which nearly did, and what follows from that.
    fn add_policies(&self, explained: &mut Explained, judgement: &Judgement, trial: Trial<'_>) {
        let policies = self.core.policies.each();
        let sorted = Sorted::new(policies.iter().map(|(policy, origin)| Known::new(policy, origin)), trial);
        let effect = if judgement.cause == Cause::Permitted { Force::Forbid } else { Force::Permit };
        let focus = Focus { effect, named: &judgement.policies };
        explained.matched = sorted.matched(&judgement.policies, trial);
        (explained.near, explained.near_left_out) = sorted.near(&focus, trial);
        let for_a_permit = || changes::for_a_permit(&explained.near);
        let (mut changes, mut all_needed) = (Vec::new(), false);
        match &judgement.cause {
            Cause::Permitted => {}
            Cause::NoPermit => changes = for_a_permit(),
            Cause::NotEvaluable => (changes, all_needed) = (explained.failed.iter().map(changes::to_evaluate).collect(), true),
            Cause::Forbidden => {
                (changes, all_needed) = (lifted(&explained.matched, changes::to_lift), true);
                if !sorted.any_permit() {
                    changes.push(changes::other("a permit as well: none matches"));
                }
            }
            Cause::ApprovalMissing => {
                (changes, all_needed) = (lifted(&explained.matched, changes::to_lift_by_approval), true);
                if changes.is_empty() {
                    (changes, all_needed) = (for_a_permit(), false);
                }
            }
            _ => changes = vec![self.change_before_policies(explained, judgement)],
        }
        (explained.changes, explained.all_needed) = (changes, all_needed);
    }

    /// What would change an answer that was given before any policy was asked.
    fn change_before_policies(&self, explained: &Explained, judgement: &Judgement) -> Change {
        if let Some(unknown) = &explained.unknown {
            return changes::to_know(unknown);
        }
        match &judgement.cause {
            Cause::Drifted => changes::other("a review of the tool's definition: `cedarpost catalog diff` shows what changed"),
            Cause::NotRepresentable(_) => changes::other("arguments that fit the type that policies know of this tool"),
            Cause::NoPoliciesInForce => changes::other(
                "policies that can be put in force: `cedarpost policy check` says what is wrong with those there are",
            ),
            _ => changes::other("another request: this one does not fit the vocabulary that policies are written in"),
        }
    }

    fn failed(&self, fault: &PolicyFault, trial: Trial<'_>) -> Failed {
        let policies = self.core.policies.each();
        let found = policies.iter().find(|(_, origin)| origin.policy == fault.policy);
        let known = found.map(|(policy, origin)| Known::new(policy, origin));
        let parts = known.map(|known| trial.parts(known.text, known.at.line)).unwrap_or_default();
        Failed {
            policy: PolicyName::new(&fault.policy, known.map_or(Force::Forbid, |known| force(known.policy.effect()))),
            message: fault.message.to_string(),
            part: parts.into_iter().find(|part| part.found == Found::Error),
        }
    }
}

/// What it takes to lift each forbid that determines the answer, as far as more is known of it than its name.
fn lifted(matched: &[Matched], lift: fn(&Matched) -> Change) -> Vec<Change> {
    let forbids = || matched.iter().filter(|matched| matched.determining && matched.policy.effect == Force::Forbid);
    let mut changes: Vec<Change> = forbids().take(MAX_DETAILED).map(lift).collect();
    if let more @ 1.. = forbids().count().saturating_sub(MAX_DETAILED) {
        changes.push(changes::other(&format!("an end to {more} more policies that forbid it")));
    }
    changes
}

fn asked(request: &Request<'_>) -> Asked {
    Asked {
        agent: request.caller.agent.to_string(),
        actor: request.caller.actor.person().map(ToString::to_string),
        server: request.call.server.to_string(),
        action: request.call.action.to_string(),
        target: request.call.target.name().map(str::to_owned),
    }
}

const fn answer(cause: &Cause) -> Answer {
    match cause {
        Cause::Permitted => Answer::Allow,
        Cause::ApprovalMissing => Answer::RequireApproval,
        Cause::NoPermit
        | Cause::Forbidden
        | Cause::NotEvaluable
        | Cause::NotRepresentable(_)
        | Cause::UnknownTool
        | Cause::Drifted
        | Cause::UnknownPrincipal
        | Cause::InvalidRequest(_)
        | Cause::NoPoliciesInForce => Answer::Deny,
    }
}

fn detail(cause: &Cause) -> Option<String> {
    match cause {
        Cause::NotRepresentable(why) | Cause::InvalidRequest(why) => Some(why.to_string()),
        Cause::Permitted
        | Cause::NoPermit
        | Cause::Forbidden
        | Cause::ApprovalMissing
        | Cause::NotEvaluable
        | Cause::UnknownTool
        | Cause::Drifted
        | Cause::UnknownPrincipal
        | Cause::NoPoliciesInForce => None,
    }
}

fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
#[path = "judgement_tests.rs"]
mod tests;
