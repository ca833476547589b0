//! The conditions of policies as Cedar reads them.
//!
//! Cedar keeps a policy's text and reads it anew whenever somebody asks for its syntax, which takes longer than everything else that a
//! load does with it. So each policy is read once, and one without conditions not at all: its scope is known without its syntax.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::pst::{self, Clause, Expr, Template};
use cedar_policy::{Policy, PolicyId};

/// The syntax of the policies that have conditions.
#[derive(Debug, Default)]
pub(super) struct Syntax(HashMap<PolicyId, Template>);

impl Syntax {
    /// Keeps the syntax of a policy under a name that need not be the policy's own.
    pub(super) fn keep(&mut self, id: PolicyId, body: Template) {
        let body = body.with_id(pst::PolicyID(AsRef::<str>::as_ref(&id).into()));
        self.0.insert(id, body);
    }

    /// The policy in syntax, under the name it is kept by; `None` when it has no conditions.
    pub(super) fn of(&self, id: &PolicyId) -> Option<&Template> {
        self.0.get(id)
    }

    /// The conditions of a policy, with their keywords.
    pub(super) fn clauses(&self, id: &PolicyId) -> &[Clause] {
        self.of(id).map_or(&[], |body| body.clauses())
    }

    /// The conditions of all policies.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Arc<Expr>> {
        self.0.values().flat_map(|body| body.clauses()).map(|(Clause::When(condition) | Clause::Unless(condition))| condition)
    }
}

/// The syntax of a policy; `None` when it has no conditions.
///
/// # Errors
///
/// A sentence when Cedar does not show the policy's syntax, which would be a defect of Cedar.
pub(super) fn read(policy: &Policy) -> Result<Option<Template>, String> {
    if !policy.has_non_scope_constraint() {
        return Ok(None);
    }
    policy.to_pst().map(|parsed| Some(parsed.body().clone())).map_err(|error| error.to_string())
}

#[cfg(test)]
impl Syntax {
    /// The syntax of all policies of a set.
    pub(super) fn of_set(set: &cedar_policy::PolicySet) -> Self {
        let mut syntax = Self::default();
        for policy in set.policies() {
            read(policy).unwrap().into_iter().for_each(|body| syntax.keep(policy.id().clone(), body));
        }
        syntax
    }
}
