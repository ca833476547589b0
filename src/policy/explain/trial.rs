//! Policies, and parts of their conditions, tried alone against one request.

use cedar_policy::pst::{Clause, Expr};
use cedar_policy::{AuthorizationError, Authorizer, Entities, Policy, PolicySet, Request};
use std::sync::Arc;

use super::asks;
use super::model::{About, Found, Part};
use super::parts::{self, Piece};

/// The request that everything is tried against.
#[derive(Clone, Copy)]
pub(super) struct Trial<'a> {
    pub(super) request: &'a Request,
    pub(super) entities: &'a Entities,
}

/// What a policy alone comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Matched,
    NotMatched,
    Failed(String),
}

impl Trial<'_> {
    /// What a policy alone comes to.
    pub(super) fn policy(&self, policy: &Policy) -> Outcome {
        let set = match PolicySet::from_policies([policy.clone()]) {
            Ok(set) => set,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let response = Authorizer::new().is_authorized(self.request, &set, self.entities);
        let diagnostics = response.diagnostics();
        if let Some(AuthorizationError::PolicyEvaluationError(error)) = diagnostics.errors().next() {
            return Outcome::Failed(error.inner().to_string());
        }
        if diagnostics.reason().next().is_some() { Outcome::Matched } else { Outcome::NotMatched }
    }

    /// The parts of a policy's conditions in the order they are evaluated. `line` is where the policy begins.
    pub(super) fn parts(&self, policy: &Policy, line: u32) -> Vec<Part> {
        let text = text(policy);
        self.each(&text, line, &parts::needs(&text))
    }

    /// The exceptions of a policy, each with the parts that must all be true for it to be met.
    pub(super) fn exceptions(&self, policy: &Policy, line: u32) -> Vec<Vec<Part>> {
        let text = text(policy);
        parts::exceptions(&text).iter().map(|pieces| self.each(&text, line, pieces)).collect()
    }

    fn each(&self, policy: &str, line: u32, pieces: &[Piece]) -> Vec<Part> {
        let mut decided = false;
        let one = |piece: &Piece| {
            let before = policy.get(..piece.start).unwrap_or_default().matches('\n').count();
            let part = self.part(piece, line.saturating_add(u32::try_from(before).unwrap_or(u32::MAX)), decided);
            decided |= !part.is_as_wanted();
            part
        };
        pieces.iter().map(one).collect()
    }

    /// One part alone. When an earlier one has `decided` the matter, a failure is none: Cedar would not have come this far.
    fn part(&self, piece: &Piece, line: u32, decided: bool) -> Part {
        let alone = Policy::parse(None, format!("permit (principal, action, resource) when {{ {} }};", piece.text));
        let outcome = alone.as_ref().map_or_else(|error| Outcome::Failed(error.to_string()), |alone| self.policy(alone));
        let (found, error) = match outcome {
            Outcome::Matched => (Found::True, None),
            Outcome::NotMatched => (Found::False, None),
            Outcome::Failed(_) if decided => (Found::NotReached, None),
            Outcome::Failed(message) => (Found::Error, Some(message)),
        };
        let condition = alone.ok().and_then(|alone| condition(&alone));
        let about = condition.as_deref().map_or(About::Other, asks::about);
        let read = condition.map(|condition| asks::reads(&condition, self.request, self.entities)).unwrap_or_default();
        Part { text: piece.text.clone(), clause: piece.clause, line, wanted: piece.wanted, found, error, about, read }
    }
}

impl Part {
    /// Whether it is what it would have to be.
    pub(super) fn is_as_wanted(&self) -> bool {
        self.found == if self.wanted { Found::True } else { Found::False }
    }
}

/// The policy as its author wrote it. A linked template has no text of its own; Cedar prints one.
fn text(policy: &Policy) -> String {
    policy.to_cedar().unwrap_or_else(|| policy.to_pst().map(|parsed| parsed.to_string()).unwrap_or_default())
}

/// The condition of a policy that has one.
fn condition(policy: &Policy) -> Option<Arc<Expr>> {
    let parsed = policy.to_pst().ok()?;
    let first = parsed.body().clauses().first().cloned();
    first.map(|(Clause::When(condition) | Clause::Unless(condition))| condition)
}
