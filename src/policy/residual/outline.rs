//! A picked set of policies, taken apart, and what is left of it for one principal, action and resource.

use std::collections::HashSet;
use std::sync::Arc;

use cedar_policy::{AuthorizationError, Authorizer, Context, Effect, Entities, Policy, PolicyId, PolicySet, Request, Response};

use super::answer::Answer;
use super::needs::Needs;
use super::parts::{Open, Parts, Rest};
use crate::policy::slice::Scope;

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
#[derive(Debug)]
pub(in crate::policy) struct Residual {
    /// The policies that certainly apply.
    permits: Vec<PolicyId>,
    forbids: Vec<PolicyId>,
    /// The policies that depend on the context, if there are any.
    open: Option<PolicySet>,
    /// What those read of it.
    needs: Needs,
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
        let mut residual = Residual { permits: Vec::new(), forbids: Vec::new(), open: None, needs: Needs::NOTHING };
        let mut open = PolicySet::new();
        for (set, certain) in [(&self.permits, &mut residual.permits), (&self.forbids, &mut residual.forbids)] {
            let Some(response) = ask(set, &request, entities) else { continue };
            certain.extend(response.diagnostics().reason().cloned());
            // What fails fails in every call: it stays, and says so each time.
            for id in failed(&response) {
                open.add(set.policy(id)?.clone()).ok()?;
            }
        }
        let probed = ask(&self.probes, &request, entities);
        let probed = Probed::new(probed.as_ref());
        for (policy, parts) in &self.open {
            let (left, needs) = match &**parts {
                Parts::Closed => continue,
                Parts::Whole(needs) => (policy.clone(), *needs),
                Parts::Open(open) => match probed.rest(open)? {
                    Rest::Never => continue,
                    Rest::Always => {
                        residual.certain(open.effect()).push(policy.id().clone());
                        continue;
                    }
                    Rest::Policy(left, needs) => (*left, needs),
                },
            };
            open.add(left).ok()?;
            residual.needs = residual.needs.and(needs);
        }
        residual.open = (!open.is_empty()).then_some(open);
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
            Some(open) => self.with(Answer::from(&Authorizer::new().is_authorized(request, open, entities))),
            None => self.settled(),
        }
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
