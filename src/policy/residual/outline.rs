//! A picked set of policies, taken apart, and what is left of it for one principal, action and resource.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::pst::Clause;
use cedar_policy::{AuthorizationError, Authorizer, Context, Effect, Entities, Policy, PolicyId, PolicySet, Request, Response};

use super::answer::Answer;
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
    /// The policies that depend on the context, if there are any.
    open: Option<PolicySet>,
    /// By an open policy, others of which the same is left: what it comes to, they come to.
    twins: HashMap<PolicyId, Vec<PolicyId>>,
    /// What those read of it.
    needs: Needs,
}

/// What is left of policies that depend on the context, each different condition once.
#[derive(Default)]
struct Left {
    policies: PolicySet,
    distinct: Vec<(Effect, Vec<Clause>, PolicyId)>,
    twins: HashMap<PolicyId, Vec<PolicyId>>,
}

impl Left {
    /// Adds a policy whose scope leaves nothing out; `None` when Cedar does not take it.
    fn add(&mut self, policy: Policy) -> Option<()> {
        let parsed = policy.to_pst().ok()?;
        let clauses = parsed.body().clauses();
        let same = |(effect, others, _): &&(Effect, Vec<Clause>, PolicyId)| *effect == policy.effect() && others == clauses;
        if let Some((_, _, first)) = self.distinct.iter().take(MAX_COMPARED).find(same) {
            self.twins.entry(first.clone()).or_default().push(policy.id().clone());
            return Some(());
        }
        self.distinct.push((policy.effect(), clauses.clone(), policy.id().clone()));
        self.policies.add(policy).ok()
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

    /// What is left for one principal, action and resource; `None` when that cannot be said.
    pub(in crate::policy) fn settle(&self, scope: &Scope, entities: &Entities) -> Option<Residual> {
        let Scope { principal, action, resource } = scope.clone();
        let request = Request::new(principal, action, resource, Context::empty(), None).ok()?;
        let mut residual = Residual::default();
        let mut left = Left::default();
        for (set, certain) in [(&self.permits, &mut residual.permits), (&self.forbids, &mut residual.forbids)] {
            let Some(response) = ask(set, &request, entities) else { continue };
            certain.extend(response.diagnostics().reason().cloned());
            // What fails fails in every call: it stays, and says so each time.
            for id in failed(&response) {
                left.policies.add(set.policy(id)?.clone()).ok()?;
            }
        }
        let probed = ask(&self.probes, &request, entities);
        let probed = Probed::new(probed.as_ref());
        for (policy, parts) in &self.open {
            let needs = match &**parts {
                Parts::Closed => continue,
                Parts::Whole(needs) => {
                    left.policies.add(policy.clone()).ok()?;
                    *needs
                }
                Parts::Open(open) => match probed.rest(open)? {
                    Rest::Never => continue,
                    Rest::Always => {
                        residual.certain(open.effect()).push(policy.id().clone());
                        continue;
                    }
                    Rest::Policy(rest, needs) => {
                        left.add(*rest)?;
                        needs
                    }
                },
            };
            residual.needs = residual.needs.and(needs);
        }
        residual.twins = left.twins;
        residual.open = (!left.policies.is_empty()).then_some(left.policies);
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
            true => open.rest(&pieces.iter().map(value).collect::<Vec<_>>()),
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
        self.open.is_some()
    }

    /// What the policy set answers to a request with this principal, action and resource.
    pub(in crate::policy) fn answer(&self, request: &Request, entities: &Entities) -> Answer {
        match &self.open {
            Some(open) => self.with(self.for_twins(Answer::from(&Authorizer::new().is_authorized(request, open, entities)))),
            None => self.settled(),
        }
    }

    /// Whether an allow is left open, as far as that does not depend on the context: no forbid that is certain leaves one, and a permit
    /// that is certain does unless a forbid may still apply.
    pub(in crate::policy) fn certainly_allows(&self) -> Option<bool> {
        let open = self.open.as_ref();
        let may_forbid = || open.is_some_and(|open| open.policies().any(|policy| policy.effect() == Effect::Forbid));
        match (self.permits.is_empty(), self.forbids.is_empty()) {
            (_, false) => Some(false),
            (false, true) if !may_forbid() => Some(true),
            (true, true) if open.is_none() => Some(false),
            _ => None,
        }
    }

    /// Adds the twins of the policies that were evaluated.
    fn for_twins(&self, mut answer: Answer) -> Answer {
        if self.twins.is_empty() {
            return answer;
        }
        let of = |id: &PolicyId| self.twins.get(id).into_iter().flatten().cloned();
        let determining: Vec<PolicyId> = answer.determining.iter().flat_map(of).collect();
        let failed: Vec<_> = answer.failed.iter().flat_map(|(id, message)| of(id).map(|twin| (twin, message.clone()))).collect();
        answer.determining.extend(determining);
        answer.failed.extend(failed);
        answer
    }

    /// What the policy set answers when it does not depend on the context.
    pub(in crate::policy) fn settled(&self) -> Answer {
        self.with(Answer { allow: false, determining: Vec::new(), failed: Vec::new() })
    }

    /// Adds what is certain to what the open policies say. A forbid outweighs every permit, and only the policies of the side that
    /// counts are named.
    fn with(&self, open: Answer) -> Answer {
        let Answer { allow, determining, failed } = open;
        let (mut permits, mut forbids) = if allow { (determining, Vec::new()) } else { (Vec::new(), determining) };
        forbids.extend_from_slice(&self.forbids);
        if !forbids.is_empty() {
            return Answer { allow: false, determining: forbids, failed };
        }
        permits.extend_from_slice(&self.permits);
        Answer { allow: !permits.is_empty(), determining: permits, failed }
    }
}
