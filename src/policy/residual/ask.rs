//! How a snapshot asks its residuals, and checks them against the plain way.
//!
//! They are asked only about the snapshot's own entities: a caller who brings memberships, or a resource or prompt that only the call
//! names, has a store of its own and takes the plain way. So does everything about a server whose tools some policy does not fit. A decision takes the plain way as well until one with the same principal, action and resource was found valid
//! under the schema; after that, only what the residual policies read of the context is made.

use std::cell::OnceCell;
use std::sync::Arc;

use cedar_policy::{Context, Request};

use super::answer::Answer;
use super::conditions::Found;
use super::kept::{Known, Which};
use super::needs::Needs;
use super::outline::Residual;
use crate::domain::{Cause, Judgement, PolicyFault, PolicyRef, Principal};
use crate::policy::evaluate::PRINCIPALS;
use crate::policy::request::Prepared;
use crate::policy::slice::Scope;
use crate::policy::snapshot::PolicySnapshot;

/// What a policy is blamed for when the two ways name it differently.
const DISAGREEMENT: &str = "the cached residuals of the policies and the policies themselves disagree about this call";

/// A principal of a request, and what is known about its scope.
struct Subject {
    principal: Principal,
    scope: Scope,
    known: Arc<Known>,
}

/// As much of the context as was needed so far.
struct Contexts<'a> {
    snapshot: &'a PolicySnapshot,
    prepared: &'a Prepared<'a>,
    made: Option<(Needs, Context)>,
    /// What was found out with it.
    found: Found,
}

impl PolicySnapshot {
    /// The judgements about both principals; `None` when the plain way must find them.
    pub(in crate::policy) fn judge_by_residuals(&self, prepared: &Prepared<'_>) -> Option<Vec<Judgement>> {
        let subjects = self.subjects(prepared, |_| None)?;
        if !subjects.iter().all(|subject| subject.known.is_vetted()) {
            return None;
        }
        let mut contexts = Contexts::new(self, prepared);
        let residuals = self.residuals_of(Which::Concrete, &subjects)?;
        let answers = contexts.answers(&residuals, &subjects.iter().collect::<Vec<_>>())?;
        let mut judgements = Vec::with_capacity(subjects.len());
        for (subject, answer) in subjects.iter().zip(answers) {
            let mut failed = false;
            let with_approval = || {
                self.core.approval.as_ref()?;
                let answer = self.residual(Which::Approval, subject).and_then(|residual| contexts.answer(residual, subject));
                failed = answer.is_none();
                answer
            };
            judgements.push(self.judge(subject.principal, &answer, Vec::new(), with_approval));
            if failed {
                return None;
            }
        }
        if !self.core.residuals.samples() {
            return Some(judgements);
        }
        let plain = self.judge_plainly(prepared);
        Some(if agree(&judgements, &plain) { judgements } else { self.disagree(judgements, &plain) })
    }

    /// Whether something could be allowed; `None` when the plain way must find out.
    pub(in crate::policy) fn possible_by_residuals(&self, prepared: &Prepared<'_>) -> Option<bool> {
        let subjects = self.subjects(prepared, |scope| {
            let known = Arc::new(Known::default());
            self.entities.get(&scope.principal)?;
            self.residuals.begin(scope.clone(), Arc::clone(&known));
            Some(known)
        })?;
        let possible = self.could_be_allowed(prepared, &subjects)?;
        if !self.core.residuals.samples() {
            return Some(possible);
        }
        let plain = self.possible_plainly(prepared);
        if plain != possible {
            self.core.residuals.mismatched();
            tracing::error!(
                possible,
                plain,
                "residuals disagree with the policies about what is listed: they are off from now on"
            );
        }
        Some(plain)
    }

    /// Whether everybody concerned could be allowed. For most things that is settled whatever the context is.
    fn could_be_allowed(&self, prepared: &Prepared<'_>, subjects: &[Subject]) -> Option<bool> {
        let residuals = self.residuals_of(Which::Discovery, subjects)?;
        if residuals.iter().any(|residual| residual.certainly_allows() == Some(false)) {
            return Some(false);
        }
        let open = residuals.into_iter().zip(subjects).filter(|(residual, _)| residual.certainly_allows().is_none());
        let (residuals, subjects): (Vec<_>, Vec<_>) = open.unzip();
        let mut contexts = Contexts::new(self, prepared);
        let answers = contexts.answers(&residuals, &subjects)?;
        Some(answers.iter().all(|answer| self.could_allow(answer)))
    }

    /// Takes note that requests with these scopes are valid.
    pub(in crate::policy) fn vouch(&self, prepared: &Prepared<'_>) {
        if !self.uses_residuals(prepared) {
            return;
        }
        for scope in PRINCIPALS.iter().filter_map(|principal| prepared.scope(*principal)) {
            match self.residuals.get(&scope) {
                Some(known) => known.vet(),
                None => self.residuals.begin(scope, Arc::new(Known::vetted())),
            }
        }
    }

    fn uses_residuals(&self, prepared: &Prepared<'_>) -> bool {
        self.core.residuals.is_on() && prepared.entities.is(&self.entities) && prepared.shard.unfit().next().is_none()
    }

    /// The principals of a request with what is known about them, if that is so for each.
    fn subjects(&self, prepared: &Prepared<'_>, unknown: impl Fn(&Scope) -> Option<Arc<Known>>) -> Option<Vec<Subject>> {
        if !self.uses_residuals(prepared) {
            return None;
        }
        let scopes = PRINCIPALS.iter().filter_map(|principal| Some((*principal, prepared.scope(*principal)?)));
        let subjects = scopes.map(|(principal, scope)| {
            let known = self.residuals.get(&scope).or_else(|| unknown(&scope))?;
            Some(Subject { principal, scope, known })
        });
        subjects.collect()
    }

    fn residuals_of<'a>(&self, which: Which, subjects: &'a [Subject]) -> Option<Vec<&'a Residual>> {
        subjects.iter().map(|subject| self.residual(which, subject)).collect()
    }

    fn residual<'a>(&self, which: Which, subject: &'a Subject) -> Option<&'a Residual> {
        let which = if which == Which::Discovery && self.core.discovery.is_none() { Which::Concrete } else { which };
        subject.known.residual(which, || self.core.set(which)?.specialise(&subject.scope, &self.entities))
    }

    /// Denies, and does without residuals from now on.
    fn disagree(&self, by_residuals: Vec<Judgement>, plain: &[Judgement]) -> Vec<Judgement> {
        self.core.residuals.mismatched();
        tracing::error!(
            ?by_residuals,
            ?plain,
            "residuals disagree with the policies: the call is denied, and they are off from now on"
        );
        let deny = |judgement: Judgement| {
            let expected = plain.iter().find(|other| other.principal == judgement.principal);
            let expected = expected.map_or_else(Vec::new, |expected| expected.policies.clone());
            let fault = |policy: &PolicyRef| PolicyFault { policy: policy.clone(), message: DISAGREEMENT.into() };
            let extra = expected.iter().filter(|policy| !judgement.policies.contains(policy));
            let missing = judgement.policies.iter().filter(|policy| !expected.contains(policy));
            let faults = extra.chain(missing).map(fault).collect();
            Judgement { principal: judgement.principal, cause: Cause::NotEvaluable, policies: Vec::new(), faults }
        };
        by_residuals.into_iter().map(deny).collect()
    }
}

impl<'a> Contexts<'a> {
    fn new(snapshot: &'a PolicySnapshot, prepared: &'a Prepared<'a>) -> Self {
        Self { snapshot, prepared, made: None, found: Found::default() }
    }

    fn make(&mut self, needs: Needs) -> Option<&Context> {
        let enough = |made: &(Needs, Context)| made.0.has(needs);
        if !self.made.as_ref().is_some_and(enough) {
            let context = self.snapshot.context_for(self.prepared, needs).ok()?;
            self.made = Some((needs, context));
            self.found = Found::default();
        }
        self.made.as_ref().map(|(_, context)| context)
    }

    fn answers(&mut self, residuals: &[&Residual], subjects: &[&Subject]) -> Option<Vec<Answer>> {
        // One context for all.
        let needs = residuals.iter().map(|residual| residual.needs()).fold(Needs::NOTHING, Needs::and);
        if residuals.iter().any(|residual| residual.is_open()) {
            self.make(needs)?;
        }
        residuals.iter().zip(subjects).map(|(residual, subject)| self.answer(residual, subject)).collect()
    }

    fn answer(&mut self, residual: &Residual, subject: &Subject) -> Option<Answer> {
        if !residual.is_open() {
            return Some(residual.settled());
        }
        let context = self.make(residual.needs())?.clone();
        let (made, Scope { principal, action, resource }) = (OnceCell::new(), &subject.scope);
        let make = || Request::new(principal.clone(), action.clone(), resource.clone(), context.clone(), None).ok();
        residual.answer(|| made.get_or_init(make).as_ref(), &self.prepared.entities, &mut self.found)
    }
}

/// Whether two ways came to the same. What a failure says may differ: it can name attributes that one context has and another not.
fn agree(some: &[Judgement], others: &[Judgement]) -> bool {
    fn failed(judgement: &Judgement) -> impl Iterator<Item = &PolicyRef> {
        judgement.faults.iter().map(|fault| &fault.policy)
    }
    let same = |a: &Judgement, b: &Judgement| {
        a.principal == b.principal && a.cause == b.cause && a.policies == b.policies && failed(a).eq(failed(b))
    };
    some.len() == others.len() && some.iter().zip(others).all(|(a, b)| same(a, b))
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
