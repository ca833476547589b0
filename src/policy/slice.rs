//! A policy set, and the part of it that can matter for one request.
//!
//! Cedar evaluates every policy for every request. The scope of a policy says beforehand whom and what it can be about, so an index
//! over the scopes picks the candidates and Cedar evaluates only those. The index never decides: it leaves out a policy only when
//! its scope names an entity that is neither the request's own nor an ancestor of it, in which case Cedar would find that the
//! policy does not apply. The tests compare it with the whole set.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Authorizer, Entities, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Request,
    ResourceConstraint, Response,
};
use parking_lot::Mutex;

use super::reach::Reach;
use crate::domain::Standing;

/// Sets with fewer policies are evaluated whole: picking would cost as much.
const WORTH_IT: usize = 8;
/// How many picked sets are kept.
const MAX_KEPT: usize = 1024;

/// Principal, action and resource of a request, and the memberships that the caller brought.
type Scope = (EntityUid, EntityUid, EntityUid, Option<Arc<Standing>>);

/// What a scope asks of the principal or the resource: one entity (itself or as an ancestor), or nothing that the index knows.
type Key = Option<EntityUid>;

/// A policy set behind an index.
#[derive(Debug)]
pub(super) struct Sliced {
    whole: PolicySet,
    policies: Vec<Indexed>,
    /// Policies by what their scope asks of principal and resource.
    index: HashMap<(Key, Key), Vec<usize>>,
    principals: HashSet<EntityUid>,
    resources: HashSet<EntityUid>,
    /// Sets that were picked before, by principal, action and resource: whose ancestors are the same in every store of a snapshot,
    /// and in every snapshot that shares this index, but for what the caller brought.
    kept: Mutex<HashMap<Scope, Arc<PolicySet>>>,
}

#[derive(Debug)]
struct Indexed {
    policy: Policy,
    /// The actions it is about; `None` for all.
    actions: Option<Vec<EntityUid>>,
}

impl Sliced {
    pub(super) fn new(whole: PolicySet) -> Self {
        let mut sliced = Self {
            policies: Vec::new(),
            index: HashMap::new(),
            principals: HashSet::new(),
            resources: HashSet::new(),
            kept: Mutex::new(HashMap::new()),
            whole: PolicySet::new(),
        };
        whole.policies().for_each(|policy| sliced.add(policy));
        sliced.whole = whole;
        sliced
    }

    fn add(&mut self, policy: &Policy) {
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => Some(uid),
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => Some(uid),
            ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
        };
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => None,
            ActionConstraint::Eq(uid) => Some(vec![uid]),
            ActionConstraint::In(uids) => Some(uids),
        };
        self.principals.extend(principal.clone());
        self.resources.extend(resource.clone());
        self.index.entry((principal, resource)).or_default().push(self.policies.len());
        self.policies.push(Indexed { policy: policy.clone(), actions });
    }

    /// What the whole set answers.
    pub(super) fn evaluate(&self, request: &Request, entities: &Reach) -> Response {
        let picked = if self.policies.len() < WORTH_IT { None } else { self.pick(request, entities) };
        let set = picked.as_deref().unwrap_or(&self.whole);
        Authorizer::new().is_authorized(request, set, entities)
    }

    /// Whether a policy could matter for a request, by its scope.
    pub(super) fn could_matter(&self, policy: &PolicyId, request: &Request, entities: &Reach) -> bool {
        self.pick(request, entities).is_none_or(|picked| picked.policy(policy).is_some())
    }

    /// The candidates for a request; `None` when the request leaves something open, so that all of them are.
    fn pick(&self, request: &Request, entities: &Reach) -> Option<Arc<PolicySet>> {
        let (principal, action, resource) = (request.principal()?, request.action()?, request.resource()?);
        let scope = (principal.clone(), action.clone(), resource.clone(), entities.standing().cloned());
        if let Some(known) = self.kept.lock().get(&scope) {
            return Some(Arc::clone(known));
        }
        // Itself and the groups it is in, which are entities like the others.
        let groups: HashSet<&EntityUid> =
            std::iter::once(action).chain(entities.ancestors(action).into_iter().flatten()).collect();
        let (principals, resources) = (keys(principal, &self.principals, entities), keys(resource, &self.resources, entities));
        let mut numbers = Vec::new();
        for principal in &principals {
            for resource in &resources {
                let Some(candidates) = self.index.get(&(principal.clone(), resource.clone())) else { continue };
                numbers.extend(candidates.iter().filter(|number| self.is_about(**number, &groups)));
            }
        }
        numbers.sort_unstable();
        self.assemble(scope, &numbers)
    }

    fn is_about(&self, number: usize, groups: &HashSet<&EntityUid>) -> bool {
        let actions = self.policies.get(number).and_then(|indexed| indexed.actions.as_ref());
        actions.is_none_or(|actions| actions.iter().any(|action| groups.contains(action)))
    }

    fn assemble(&self, scope: Scope, numbers: &[usize]) -> Option<Arc<PolicySet>> {
        let chosen = numbers.iter().filter_map(|number| self.policies.get(*number)).map(|indexed| indexed.policy.clone());
        let picked = Arc::new(PolicySet::from_policies(chosen).ok()?);
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(scope, Arc::clone(&picked));
        Some(picked)
    }
}

/// The keys an entity can be found by: no constraint, itself, and its ancestors, as far as any policy names them.
fn keys(uid: &EntityUid, named: &HashSet<EntityUid>, entities: &Entities) -> Vec<Key> {
    let ancestors = entities.ancestors(uid).into_iter().flatten();
    let own = std::iter::once(uid).chain(ancestors).filter(|uid| named.contains(*uid));
    std::iter::once(None).chain(own.cloned().map(Some)).collect()
}

#[cfg(test)]
#[path = "slice_tests.rs"]
mod tests;
