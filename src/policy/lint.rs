//! Remarks about a set of policies that is valid: what its author probably did not mean.
//!
//! Nothing here stops a load, so each remark can be wrong about the author's intention, and `@allow("code")` on a policy silences it.
//! A remark names its place, and is only made when the policies alone show it.

mod broad;
mod conditions;
mod hidden;
mod names;
mod paths;
mod same;

use std::collections::{BTreeSet, HashMap};

use cedar_policy::Effect;
use cedar_policy::pst::{Clause, Expr, Template};

use super::code::Code;
use super::policies::{Origin, Policies, in_order};
use super::report::Problem;
use super::snapshot::PolicySnapshot;
use super::verdict::MATCHES_NOTHING;
use crate::domain::nearest;

/// A policy as the lints look at it.
struct Subject<'a> {
    origin: &'a Origin,
    permits: bool,
    /// Its syntax, with the slots filled in.
    body: Template,
}

impl PolicySnapshot {
    /// Everything that is worth a remark, in the order of the files.
    #[must_use]
    pub fn lint(&self) -> Vec<Problem> {
        let subjects = subjects(&self.core.policies);
        let mut found = conditions::lint(self, &subjects);
        found.extend(self.warnings().iter().cloned());
        leave_out_explained(&mut found);
        found.extend(no_permit(&subjects));
        found.extend(broad::lint(self, &subjects));
        found.extend(names::lint(self, &subjects));
        found.extend(same::lint(&subjects));
        found.extend(paths::lint(&subjects));
        found.extend(hidden::lint(&subjects, &found));
        let mut left = allow(found, &self.core.policies);
        in_order(&mut left);
        left
    }
}

/// Takes out that a policy matches nothing where another remark says why.
fn leave_out_explained(found: &mut Vec<Problem>) {
    let dead = |problem: &&Problem| problem.code == Code::DeadPolicy;
    let why = found.iter().filter(dead).filter(|problem| problem.message != MATCHES_NOTHING);
    let explained: BTreeSet<_> = why.filter_map(|problem| problem.policy.clone()).collect();
    found.retain(|problem| {
        problem.message != MATCHES_NOTHING || problem.policy.as_ref().is_none_or(|policy| !explained.contains(policy))
    });
}

fn subjects(policies: &Policies) -> Vec<Subject<'_>> {
    let subject = |(policy, origin): (&cedar_policy::Policy, _)| {
        let body = policy.to_pst().ok()?.body().clone();
        Some(Subject { origin, permits: policy.effect() == Effect::Permit, body })
    };
    policies.each().into_iter().filter_map(subject).collect()
}

impl Subject<'_> {
    /// The text of the policy; of a linked one, that of its template.
    fn text(&self) -> &str {
        self.origin.text()
    }

    /// The expressions of all conditions.
    fn conditions(&self) -> impl Iterator<Item = &Expr> {
        self.body.clauses().iter().map(|clause| match clause {
            Clause::When(condition) | Clause::Unless(condition) => &**condition,
        })
    }

    /// A remark at the first place where the policy's text has `word`, else at its beginning.
    fn at_word(&self, word: &str, message: impl Into<String>) -> Problem {
        match self.text().find(word) {
            Some(at) => self.origin.problem(at, word.len(), message),
            None => self.origin.problem(0, 0, message),
        }
    }
}

fn no_permit(subjects: &[Subject<'_>]) -> Option<Problem> {
    if subjects.is_empty() || subjects.iter().any(|subject| subject.permits) {
        return None;
    }
    let help = "what no policy permits is denied: add a permit".to_owned();
    Some(Problem::nowhere("", "no policy permits anything").with_code(Code::NoPermit).with_help(help))
}

/// Takes out what policies allow by `@allow("…")`, and adds a remark for each word in there that is no warning.
fn allow(found: Vec<Problem>, policies: &Policies) -> Vec<Problem> {
    let mut allowed = HashMap::new();
    let mut unknown = Vec::new();
    for (policy, origin) in policies.each() {
        let words = policy.annotation("allow").into_iter().flat_map(|list| list.split(',').map(str::trim));
        for word in words {
            match Code::WARNINGS.into_iter().find(|code| code.word() == word) {
                Some(code) => drop(allowed.entry(origin.policy.id.clone()).or_insert_with(BTreeSet::new).insert(code)),
                None => unknown.push(not_a_warning(origin, word)),
            }
        }
    }
    let silenced = |problem: &Problem| {
        problem.policy.as_ref().and_then(|policy| allowed.get(policy)).is_some_and(|codes| codes.contains(&problem.code))
    };
    found.into_iter().chain(unknown).filter(|problem| !silenced(problem)).collect()
}

fn not_a_warning(origin: &Origin, word: &str) -> Problem {
    let (message, help) = if Code::ERRORS.iter().any(|code| code.word() == word) {
        (format!("`{word}` is an error, and cannot be allowed"), None)
    } else {
        let near = nearest(word, Code::WARNINGS.iter().map(|code| code.word()));
        (format!("there is no warning `{word}`"), near.map(|near| format!("did you mean `{near}`?")))
    };
    origin.problem(0, 0, message).with_code(Code::UnknownCode).with_help(help)
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
