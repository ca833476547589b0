//! A policy set, and the part of it that can matter for one request.
//!
//! Cedar evaluates every policy for every request. The scope of a policy says beforehand whom and what it can be about, so an index
//! over the scopes picks the candidates and Cedar evaluates only those. The index never decides: it leaves out a policy only when
//! its scope names an entity that is neither the request's own nor an ancestor of it, in which case Cedar would find that the
//! policy does not apply. The tests compare it with the whole set.
//!
//! What is picked depends on nothing but the numbers of the candidates, and they are found anew for every request. So the kept sets
//! stay right whatever entities a request comes with.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cedar_policy::{
    ActionConstraint, Authorizer, Entities, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Request,
    ResourceConstraint, Response,
};

use super::recent::Recent;
use super::residual::{Outline, Parts, Residual, Shelf};

/// Sets with fewer policies are evaluated whole: picking would cost as much.
const WORTH_IT: usize = 8;
/// How many picked sets are kept.
const MAX_KEPT: usize = 1024;

/// Principal, action and resource of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) principal: EntityUid,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
}

/// A policy set behind an index.
#[derive(Debug)]
pub(super) struct Sliced {
    whole: PolicySet,
    policies: Vec<Indexed>,
    index: Arc<Index>,
    /// Sets that were picked before, by the numbers of their policies.
    kept: Recent<Box<[u32]>, Arc<Slice>>,
    /// The conditions of residuals, for others of which the same is left.
    shelf: Shelf,
}

#[derive(Debug)]
struct Indexed {
    policy: Policy,
    /// Made when a residual needs them first.
    parts: OnceLock<Arc<Parts>>,
}

/// A picked set.
#[derive(Debug)]
struct Slice {
    policies: PolicySet,
    /// Made when a residual needs it first; `None` when Cedar does not let it be made.
    outline: OnceLock<Option<Outline>>,
}

impl Sliced {
    pub(super) fn new(whole: PolicySet) -> Self {
        let mut index = Index::default();
        whole.policies().zip(0..).for_each(|(policy, number)| index.add(policy, number));
        let policies = whole.policies().map(Indexed::new).collect();
        Self::of(whole, policies, Arc::new(index))
    }

    /// A set with policies of the same ids and scopes, behind the same index.
    pub(super) fn derived(&self, whole: PolicySet) -> Self {
        let ids = self.policies.iter().map(|indexed| indexed.policy.id());
        let policies: Option<Vec<Indexed>> = ids.map(|id| whole.policy(id).map(Indexed::new)).collect();
        match policies {
            Some(policies) => Self::of(whole, policies, Arc::clone(&self.index)),
            None => Self::new(whole),
        }
    }

    fn of(whole: PolicySet, policies: Vec<Indexed>, index: Arc<Index>) -> Self {
        Self { whole, policies, index, kept: Recent::with_room(MAX_KEPT), shelf: Shelf::default() }
    }

    /// What the whole set answers.
    pub(super) fn evaluate(&self, request: &Request, entities: &Entities) -> Response {
        let picked = if self.policies.len() < WORTH_IT { None } else { self.pick(request, entities) };
        let set = picked.as_ref().map_or(&self.whole, |slice| &slice.policies);
        Authorizer::new().is_authorized(request, set, entities)
    }

    /// Whether a policy could matter for a request, by its scope.
    pub(super) fn could_matter(&self, policy: &PolicyId, request: &Request, entities: &Entities) -> bool {
        self.pick(request, entities).is_none_or(|slice| slice.policies.policy(policy).is_some())
    }

    /// What is left of the set when principal, action, resource and entities are known and the context is not; `None` when that
    /// cannot be said.
    pub(super) fn specialise(&self, scope: &Scope, entities: &Entities) -> Option<Residual> {
        let numbers = self.index.candidates(scope, entities);
        let slice = self.slice(&numbers)?;
        if slice.outline.get().is_none() {
            // Not `get_or_init`: nobody waits for another thread's outline.
            let _ = slice.outline.set(self.outline(&numbers));
        }
        slice.outline.get()?.as_ref()?.settle(scope, entities, &self.shelf)
    }

    /// The candidates for a request; `None` when the request leaves something open, so that all of them are.
    fn pick(&self, request: &Request, entities: &Entities) -> Option<Arc<Slice>> {
        let (principal, action, resource) = (request.principal()?, request.action()?, request.resource()?);
        let scope = Scope { principal: principal.clone(), action: action.clone(), resource: resource.clone() };
        self.slice(&self.index.candidates(&scope, entities))
    }

    /// The set of these policies; `None` when Cedar does not let it be made.
    fn slice(&self, numbers: &[u32]) -> Option<Arc<Slice>> {
        let key = Box::from(numbers);
        if let Some(known) = self.kept.get(&key) {
            return Some(known);
        }
        let policies = PolicySet::from_policies(self.numbered(numbers).map(|indexed| indexed.policy.clone())).ok()?;
        let slice = Arc::new(Slice { policies, outline: OnceLock::new() });
        self.kept.insert(key, Arc::clone(&slice));
        Some(slice)
    }

    fn outline(&self, numbers: &[u32]) -> Option<Outline> {
        let parts = self.numbered(numbers).map(|indexed| (&indexed.policy, indexed.parts()));
        Outline::new(parts)
    }

    fn numbered<'a>(&'a self, numbers: &'a [u32]) -> impl Iterator<Item = &'a Indexed> {
        numbers.iter().filter_map(|number| self.policies.get(usize::try_from(*number).ok()?))
    }
}

impl Indexed {
    fn new(policy: &Policy) -> Self {
        Self { policy: policy.clone(), parts: OnceLock::new() }
    }

    fn parts(&self) -> Arc<Parts> {
        if let Some(parts) = self.parts.get() {
            return Arc::clone(parts);
        }
        let parts = Arc::new(Parts::of(&self.policy));
        let _ = self.parts.set(Arc::clone(&parts));
        parts
    }
}

/// The number of an entity that some scope names.
type Name = u32;

/// Stands for "whoever" and "whatever".
const ANY: Name = 0;

/// Numbers of policies by what their scopes ask for.
#[derive(Debug, Default)]
struct Index {
    principals: HashMap<EntityUid, Name>,
    actions: HashMap<EntityUid, Name>,
    resources: HashMap<EntityUid, Name>,
    /// By what the scope asks of principal and resource: an entity (itself or as an ancestor), or [`ANY`].
    buckets: HashMap<(Name, Name), Bucket>,
}

/// The policies that ask the same of principal and resource.
#[derive(Debug, Default)]
struct Bucket {
    any_action: Vec<u32>,
    by_action: HashMap<Name, Vec<u32>>,
}

impl Index {
    fn add(&mut self, policy: &Policy, number: u32) {
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                name(&mut self.principals, uid)
            }
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => ANY,
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
                name(&mut self.resources, uid)
            }
            ResourceConstraint::Any | ResourceConstraint::Is(_) => ANY,
        };
        let bucket = self.buckets.entry((principal, resource)).or_default();
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => return bucket.any_action.push(number),
            ActionConstraint::Eq(uid) => vec![uid],
            ActionConstraint::In(uids) => uids,
        };
        for uid in actions {
            bucket.by_action.entry(name(&mut self.actions, uid)).or_default().push(number);
        }
    }

    /// The numbers of all policies whose scope leaves it open whether they apply, in order.
    fn candidates(&self, scope: &Scope, entities: &Entities) -> Vec<u32> {
        let actions = names(&scope.action, &self.actions, entities);
        let resources = names(&scope.resource, &self.resources, entities);
        let mut numbers = Vec::new();
        for principal in names(&scope.principal, &self.principals, entities) {
            for resource in &resources {
                let Some(bucket) = self.buckets.get(&(principal, *resource)) else { continue };
                numbers.extend_from_slice(&bucket.any_action);
                if !bucket.by_action.is_empty() {
                    let about = actions.iter().filter_map(|action| bucket.by_action.get(action));
                    about.for_each(|some| numbers.extend_from_slice(some));
                }
            }
        }
        numbers.sort_unstable();
        // A policy about several actions is found by each of them.
        numbers.dedup();
        numbers
    }
}

fn name(known: &mut HashMap<EntityUid, Name>, uid: EntityUid) -> Name {
    let next = Name::try_from(known.len() + 1).unwrap_or(Name::MAX);
    *known.entry(uid).or_insert(next)
}

/// The names an entity can be found by: none, its own, and its ancestors', as far as any policy names them.
fn names(uid: &EntityUid, known: &HashMap<EntityUid, Name>, entities: &Entities) -> Vec<Name> {
    let ancestors = entities.ancestors(uid).into_iter().flatten();
    let own = std::iter::once(uid).chain(ancestors).filter_map(|uid| known.get(uid));
    std::iter::once(ANY).chain(own.copied()).collect()
}

#[cfg(test)]
#[path = "slice_tests.rs"]
mod tests;
