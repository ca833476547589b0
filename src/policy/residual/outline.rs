//! A picked set of policies, taken apart, and what is left of it for one principal, action and resource.

use std::collections::HashSet;
use std::sync::Arc;

use cedar_policy::pst::Clause;
use cedar_policy::{AuthorizationError, Authorizer, Context, Effect, Entities, Policy, PolicyId, PolicySet, Request, Response};

use super::answer::Answer;
use super::conditions::{Conditions, Found, Shelf, reads_principal};
use super::needs::Needs;
use super::parts::{Open, Parts, Rest};
use crate::policy::slice::Scope;

/// With so many others what is left of a policy is compared, to find one that comes to the same.
const MAX_COMPARED: usize = 64;

/// A set of policies, taken apart.
#[derive(Debug)]
pub(in crate::policy) struct Outline {
    /// The policies that do not read the context, by effect, so that Cedar names every one that applies.
    permits: PolicySet,
    forbids: PolicySet,
    /// What there is to know about the policies that do.
    probes: PolicySet,
    open: Vec<(Policy, Arc<Parts>)>,
}

/// What is left of a policy set when only the context is not known.
#[derive(Debug, Default)]
pub(in crate::policy) struct Residual {
    /// The policies that certainly apply.
    permits: Vec<PolicyId>,
    forbids: Vec<PolicyId>,
    /// Conditions that depend on the context, and by the number of each the policies of which it is left.
    open: Vec<Group>,
    /// The policies that are evaluated as they are, if there are any.
    whole: Option<PolicySet>,
    /// What those read of it.
    needs: Needs,
}

/// Policies with the same effect of which conditions are left.
#[derive(Debug)]
struct Group {
    effect: Effect,
    conditions: Arc<Conditions>,
    policies: Vec<Vec<PolicyId>>,
}

/// What is left of policies that depend on the context, each different condition once.
#[derive(Default)]
struct Left {
    whole: PolicySet,
    /// By effect, and whether they speak of the principal: those that do not are the same for whoever asks.
    conditions: [[Vec<Condition>; 2]; 2],
}

/// What is left of these policies.
struct Condition {
    clauses: Vec<Clause>,
    policies: Vec<PolicyId>,
}

const EFFECTS: [Effect; 2] = [Effect::Permit, Effect::Forbid];

impl Left {
    /// Adds the conditions of a policy whose scope leaves nothing out.
    fn add(&mut self, policy: &PolicyId, effect: Effect, clauses: Vec<Clause>) {
        let speaks = |(Clause::When(condition) | Clause::Unless(condition)): &Clause| reads_principal(condition);
        let [others, of_principals] = match effect {
            Effect::Permit => &mut self.conditions[0],
            Effect::Forbid => &mut self.conditions[1],
        };
        let known = if clauses.iter().any(speaks) { of_principals } else { others };
        match known.iter_mut().take(MAX_COMPARED).find(|known| known.clauses == clauses) {
            Some(known) => known.policies.push(policy.clone()),
            None => known.push(Condition { clauses, policies: vec![policy.clone()] }),
        }
    }

    /// `None` when Cedar does not take a condition.
    fn groups(self, shelf: &Shelf) -> Option<Vec<Group>> {
        let by_effect = EFFECTS.into_iter().zip(self.conditions);
        let all = by_effect.flat_map(|(effect, conditions)| conditions.into_iter().map(move |some| (effect, some)));
        let group = |(effect, conditions): (Effect, Vec<Condition>)| {
            let (clauses, policies) = conditions.into_iter().map(|Condition { clauses, policies }| (clauses, policies)).unzip();
            Some(Group { effect, conditions: shelf.conditions(effect, clauses)?, policies })
        };
        all.filter(|(_, conditions)| !conditions.is_empty()).map(group).collect()
    }
}

impl Outline {
    /// `None` when Cedar does not let it be made.
    pub(in crate::policy) fn new<'a>(policies: impl Iterator<Item = (&'a Policy, Arc<Parts>)>) -> Option<Self> {
        let mut outline =
            Self { permits: PolicySet::new(), forbids: PolicySet::new(), probes: PolicySet::new(), open: Vec::new() };
        for (policy, parts) in policies {
            match &*parts {
                Parts::Closed => match policy.effect() {
                    Effect::Permit => outline.permits.add(policy.clone()).ok()?,
                    Effect::Forbid => outline.forbids.add(policy.clone()).ok()?,
                },
                Parts::Open(open) => {
                    for probe in open.probes() {
                        outline.probes.add(probe.clone()).ok()?;
                    }
                    outline.open.push((policy.clone(), parts));
                }
                Parts::Whole(_) => outline.open.push((policy.clone(), parts)),
            }
        }
        Some(outline)
    }

    /// What is left for one principal, action and resource; `None` when that cannot be said. The shelf is that of this policy set.
    pub(in crate::policy) fn settle(&self, scope: &Scope, entities: &Entities, shelf: &Shelf) -> Option<Residual> {
        let Scope { principal, action, resource } = scope.clone();
        let request = Request::new(principal, action, resource, Context::empty(), None).ok()?;
        let mut residual = Residual::default();
        let mut left = Left::default();
        for (set, certain) in [(&self.permits, &mut residual.permits), (&self.forbids, &mut residual.forbids)] {
            let Some(response) = ask(set, &request, entities) else { continue };
            certain.extend(response.diagnostics().reason().cloned());
            // What fails fails in every call: it stays, and says so each time.
            for id in failed(&response) {
                left.whole.add(set.policy(id)?.clone()).ok()?;
            }
        }
        let probed = ask(&self.probes, &request, entities);
        let probed = Probed::new(probed.as_ref());
        for (policy, parts) in &self.open {
            let needs = match &**parts {
                Parts::Closed => continue,
                Parts::Whole(needs) => {
                    left.whole.add(policy.clone()).ok()?;
                    *needs
                }
                Parts::Open(open) => match probed.rest(open)? {
                    Rest::Never => continue,
                    Rest::Always => {
                        residual.certain(open.effect()).push(policy.id().clone());
                        continue;
                    }
                    Rest::Conditions(clauses, needs) => {
                        left.add(policy.id(), open.effect(), clauses);
                        needs
                    }
                },
            };
            residual.needs = residual.needs.and(needs);
        }
        residual.whole = (!left.whole.is_empty()).then(|| std::mem::take(&mut left.whole));
        residual.open = left.groups(shelf)?;
        Some(residual)
    }
}

/// What Cedar says about a set; nothing about an empty one.
fn ask(set: &PolicySet, request: &Request, entities: &Entities) -> Option<Response> {
    (!set.is_empty()).then(|| Authorizer::new().is_authorized(request, set, entities))
}

fn failed(response: &Response) -> impl Iterator<Item = &PolicyId> {
    response.diagnostics().errors().map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id())
}

/// What the probes said.
struct Probed<'a> {
    holds: HashSet<&'a PolicyId>,
    fails: HashSet<&'a PolicyId>,
}

impl<'a> Probed<'a> {
    fn new(response: Option<&'a Response>) -> Self {
        let holds = response.into_iter().flat_map(|response| response.diagnostics().reason()).collect();
        Self { holds, fails: response.into_iter().flat_map(failed).collect() }
    }

    fn rest(&self, open: &Open) -> Option<Rest> {
        let value = |probe: &Policy| (!self.fails.contains(probe.id())).then(|| self.holds.contains(probe.id()));
        let (scope, pieces) = open.probes().split_first()?;
        match value(scope)? {
            false => Some(Rest::Never),
            true => Some(open.rest(&pieces.iter().map(value).collect::<Vec<_>>())),
        }
    }
}

impl Residual {
    fn certain(&mut self, effect: Effect) -> &mut Vec<PolicyId> {
        match effect {
            Effect::Permit => &mut self.permits,
            Effect::Forbid => &mut self.forbids,
        }
    }

    /// What must be in the context of a request for [`answer`](Self::answer).
    pub(in crate::policy) const fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether the answer depends on the context.
    pub(in crate::policy) const fn is_open(&self) -> bool {
        !self.open.is_empty() || self.whole.is_some()
    }

    /// What the policy set answers to a request with this principal, action and resource; `None` when there is no request and one is
    /// needed, or Cedar speaks of a condition that there is not. `found` is what was found out with the same context.
    pub(in crate::policy) fn answer<'a>(
        &self,
        request: impl Fn() -> Option<&'a Request>,
        entities: &Entities,
        found: &mut Found,
    ) -> Option<Answer> {
        let mut answer = match &self.whole {
            Some(whole) => Answer::from(&Authorizer::new().is_authorized(request()?, whole, entities)),
            None => Answer { allow: false, determining: Vec::new(), failed: Vec::new() },
        };
        let (mut permits, mut forbids) = match answer.allow {
            true => (std::mem::take(&mut answer.determining), Vec::new()),
            false => (Vec::new(), std::mem::take(&mut answer.determining)),
        };
        for Group { effect, conditions, policies } in &self.open {
            let truth = found.truth(conditions, &request, entities)?;
            let applying = match effect {
                Effect::Permit => &mut permits,
                Effect::Forbid => &mut forbids,
            };
            for number in &truth.holds {
                applying.extend_from_slice(policies.get(*number)?);
            }
            for (number, failure) in &truth.fails {
                answer.failed.extend(policies.get(*number)?.iter().map(|policy| (policy.clone(), failure.clone())));
            }
        }
        Some(self.with(permits, forbids, answer.failed))
    }

    /// Whether an allow is left open, as far as that does not depend on the context: no forbid that is certain leaves one, and a permit
    /// that is certain does unless a forbid may still apply.
    pub(in crate::policy) fn certainly_allows(&self) -> Option<bool> {
        let forbids = |whole: &PolicySet| whole.policies().any(|policy| policy.effect() == Effect::Forbid);
        let may_forbid =
            || self.open.iter().any(|group| group.effect == Effect::Forbid) || self.whole.as_ref().is_some_and(forbids);
        match (self.permits.is_empty(), self.forbids.is_empty()) {
            (_, false) => Some(false),
            (false, true) if !may_forbid() => Some(true),
            (true, true) if !self.is_open() => Some(false),
            _ => None,
        }
    }

    /// What the policy set answers when it does not depend on the context.
    pub(in crate::policy) fn settled(&self) -> Answer {
        self.with(Vec::new(), Vec::new(), Vec::new())
    }

    /// Adds what is certain to the open policies that apply. A forbid outweighs every permit, and only the policies of the side that
    /// counts are named.
    fn with(&self, mut permits: Vec<PolicyId>, mut forbids: Vec<PolicyId>, failed: Vec<(PolicyId, String)>) -> Answer {
        forbids.extend_from_slice(&self.forbids);
        if !forbids.is_empty() {
            return Answer { allow: false, determining: forbids, failed };
        }
        permits.extend_from_slice(&self.permits);
        Answer { allow: !permits.is_empty(), determining: permits, failed }
    }
}
