//! Policies that the validator cannot tell apart, so that it need not look at each of them.
//!
//! Validation looks at types: that a role is called "support" matters to it as little as that it is called "sales". Large sets are made
//! of few forms, filled in with many names. So one policy of each form is validated, and the others of a form only when something is
//! said about that one. What must be the same for two policies to be alike is all that Cedar's validator looks at: everything but the
//! names of entities that principal and resource of a scope are compared with. Those of an enumerated type count as well, and names
//! that are not plain ASCII, which may be remarked on for their letters.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

use cedar_policy::pst::Clause;
use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, EntityUid, Policy, PolicyId, PrincipalConstraint, ResourceConstraint,
};

use super::policies::{Findings, Origin, Policies};
use super::report::Problem;
use super::schema::Vocabulary;

/// What the validator looks at.
#[derive(PartialEq)]
struct Form<'a> {
    effect: Effect,
    principal: Side,
    action: ActionConstraint,
    resource: Side,
    clauses: &'a [Clause],
    /// The text of the conditions. It decides nothing that `clauses` does not, but can be hashed.
    text: &'a str,
}

/// What a scope says about principal or resource.
#[derive(PartialEq, Eq, Hash)]
enum Side {
    Any,
    Is(EntityTypeName),
    Eq(Named),
    In(Named),
    IsIn(EntityTypeName, Named),
}

/// An entity in a scope, as far as its name matters.
#[derive(PartialEq, Eq, Hash)]
enum Named {
    Some(EntityTypeName),
    This(EntityUid),
}

impl Hash for Form<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        discriminant(&self.effect).hash(state);
        (&self.principal, &self.resource, self.text).hash(state);
        match &self.action {
            ActionConstraint::Any => {}
            ActionConstraint::Eq(action) => action.hash(state),
            ActionConstraint::In(actions) => actions.hash(state),
        }
    }
}

// Comparing syntax trees is reflexive.
impl Eq for Form<'_> {}

/// Validates these policies against the schema of the files.
pub(super) fn validate<'a>(policies: &'a Policies, vocabulary: &Vocabulary, ids: impl Iterator<Item = &'a PolicyId>) -> Findings {
    let mut alike: HashMap<Form<'a>, Vec<&'a PolicyId>> = HashMap::new();
    for policy in ids.filter_map(|id| policies.set.policy(id)) {
        alike.entry(form(policies, vocabulary, policy)).or_default().push(policy.id());
    }
    let first = alike.values().filter_map(|ids| ids.first().copied());
    let mut findings = policies.validate(&policies.subset(first), &vocabulary.schema);
    let spoken_of: BTreeSet<&str> = problems(&findings).filter_map(|problem| problem.policy.as_deref()).collect();
    let faulty = |id: &PolicyId| spoken_of.contains(AsRef::<str>::as_ref(id));
    let others = alike.values().filter_map(|ids| ids.split_first().filter(|(first, _)| faulty(first)));
    let others = policies.subset(others.flat_map(|(_, others)| others.iter().copied()));
    if !others.is_empty() {
        findings.merge(policies.validate(&others, &vocabulary.schema));
    }
    findings
}

fn problems(findings: &Findings) -> impl Iterator<Item = &Problem> {
    let errors = findings.errors.iter().map(|(_, problem)| problem);
    errors.chain(&findings.warnings).chain(findings.impossible.values())
}

fn form<'a>(policies: &'a Policies, vocabulary: &Vocabulary, policy: &'a Policy) -> Form<'a> {
    let named = |uid: EntityUid| {
        let plain = uid.id().unescaped().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if plain && !vocabulary.is_enumerated(uid.type_name()) { Named::Some(uid.type_name().clone()) } else { Named::This(uid) }
    };
    let principal = match policy.principal_constraint() {
        PrincipalConstraint::Any => Side::Any,
        PrincipalConstraint::Is(ty) => Side::Is(ty),
        PrincipalConstraint::Eq(uid) => Side::Eq(named(uid)),
        PrincipalConstraint::In(uid) => Side::In(named(uid)),
        PrincipalConstraint::IsIn(ty, uid) => Side::IsIn(ty, named(uid)),
    };
    let resource = match policy.resource_constraint() {
        ResourceConstraint::Any => Side::Any,
        ResourceConstraint::Is(ty) => Side::Is(ty),
        ResourceConstraint::Eq(uid) => Side::Eq(named(uid)),
        ResourceConstraint::In(uid) => Side::In(named(uid)),
        ResourceConstraint::IsIn(ty, uid) => Side::IsIn(ty, named(uid)),
    };
    let (clauses, action) = (policies.syntax.clauses(policy.id()), policy.action_constraint());
    let text = policies.origin(policy.id()).filter(|_| !clauses.is_empty()).map(Origin::conditions).unwrap_or_default();
    Form { effect: policy.effect(), principal, action, resource, clauses, text }
}

#[cfg(test)]
#[path = "alike_tests.rs"]
mod tests;
