//! Which policies matched, and which nearly did: chosen, tried and ranked, within bounds however many policies there are.

use cedar_policy::{Effect, Policy};

use super::model::{Force, Matched, Near, PolicyName};
use super::scope::{self, Fit, Miss};
use super::trial::{Outcome, Trial};
use crate::domain::PolicyRef;

/// The most policies that nearly matched and are told.
const MAX_NEAR: usize = 20;
/// The most policies whose conditions are taken apart, of those whose scope fits and of those whose scope does not.
const MAX_TRIED: usize = 200;
/// The most matching policies of which more is told than their names.
const MAX_DETAILED: usize = 20;

/// A policy and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) policy: &'a Policy,
    pub(super) at: &'a PolicyRef,
}

/// What matters most to this explanation.
pub(super) struct Focus<'a> {
    /// The effect of the policies that could change the answer.
    pub(super) effect: Force,
    /// The policies that the judgement names.
    pub(super) named: &'a [PolicyRef],
}

/// Policies sorted by how they stand to a request.
#[derive(Default)]
pub(super) struct Sorted<'a> {
    matched: Vec<Known<'a>>,
    unmet: Vec<Known<'a>>,
    missed: Vec<(Known<'a>, Miss)>,
}

impl<'a> Sorted<'a> {
    /// Sorts all policies.
    pub(super) fn new(policies: impl Iterator<Item = Known<'a>>, trial: Trial<'_>) -> Self {
        let mut sorted = Self::default();
        for known in policies {
            match scope::fit(known.policy, trial.request, trial.entities) {
                Fit::Fits => match trial.policy(known.policy) {
                    Outcome::Matched => sorted.matched.push(known),
                    Outcome::NotMatched => sorted.unmet.push(known),
                    // Told with what could not be evaluated.
                    Outcome::Failed(_) => {}
                },
                Fit::Misses(miss) => sorted.missed.push((known, miss)),
                Fit::Far => {}
            }
        }
        sorted.matched.sort_by_key(|known| known.place());
        sorted
    }

    /// The policies that matched: first those that the judgement names.
    pub(super) fn matched(&self, named: &[PolicyRef], trial: Trial<'_>) -> Vec<Matched> {
        let (determining, others): (Vec<&Known<'a>>, Vec<&Known<'a>>) =
            self.matched.iter().partition(|known| named.contains(known.at));
        let all = determining.iter().map(|known| (true, known)).chain(others.iter().map(|known| (false, known)));
        all.enumerate()
            .map(|(number, (determining, known))| {
                let detailed = number < MAX_DETAILED;
                let line = known.at.line;
                Matched {
                    policy: known.name(),
                    determining,
                    because: if detailed { trial.parts(known.policy, line) } else { Vec::new() },
                    exceptions: if detailed { trial.exceptions(known.policy, line) } else { Vec::new() },
                }
            })
            .collect()
    }

    /// The policies that nearly matched, the nearest first, and how many more there are.
    pub(super) fn near(&self, focus: &Focus<'_>, trial: Trial<'_>) -> (Vec<Near>, usize) {
        let mut unmet: Vec<(Known<'_>, Option<&Miss>)> = self.unmet.iter().map(|known| (*known, None)).collect();
        let mut missed: Vec<_> = self.missed.iter().map(|(known, miss)| (*known, Some(miss))).collect();
        for candidates in [&mut unmet, &mut missed] {
            candidates.sort_by_cached_key(|(known, miss)| known.promise(*miss, focus, trial));
            candidates.truncate(MAX_TRIED);
        }
        let mut near: Vec<_> = unmet
            .into_iter()
            .chain(missed)
            .map(|(known, miss)| {
                let mut missing = trial.parts(known.policy, known.at.line);
                missing.retain(|part| !part.is_as_wanted());
                let (first, second, third) = known.promise(miss, focus, trial);
                let rank = (first, second, missing.len(), third, known.place());
                (rank, Near { policy: known.name(), scope: miss.map(|miss| miss.tell(trial.entities)), missing })
            })
            .collect();
        near.sort_by(|(a, _), (b, _)| a.cmp(b));
        near.truncate(MAX_NEAR);
        let left_out = self.unmet.len() + self.missed.len() - near.len();
        (near.into_iter().map(|(_, near)| near).collect(), left_out)
    }

    /// Whether any permit matched.
    pub(super) fn any_permit(&self) -> bool {
        self.matched.iter().any(|known| known.policy.effect() == Effect::Permit)
    }

    /// The one miss in the scope of a policy.
    pub(super) fn miss(&self, name: &PolicyName) -> Option<&Miss> {
        self.missed.iter().find(|(known, _)| *known.at.id == *name.id).map(|(_, miss)| miss)
    }
}

impl<'a> Known<'a> {
    pub(super) fn name(&self) -> PolicyName {
        PolicyName::new(self.at, force(self.policy.effect()))
    }

    fn place(&self) -> (&'a str, u32, &'a str) {
        (&self.at.file, self.at.line, &self.at.id)
    }

    /// How far away it looks before its conditions are taken apart, smaller is nearer: whether it could change the answer at all,
    /// what it is that misses, and whether it names this very tool.
    fn promise(&self, miss: Option<&Miss>, focus: &Focus<'_>, trial: Trial<'_>) -> (u8, u8, u8) {
        let relevance = match () {
            () if focus.named.contains(self.at) => 0,
            () if force(self.policy.effect()) == focus.effect => 1,
            () => 2,
        };
        let distance = match miss {
            None => 0,
            Some(miss) if miss.is_membership() => 1,
            Some(_) => 2,
        };
        (relevance, distance, u8::from(!scope::names_target(self.policy, trial.request)))
    }
}

impl PolicyName {
    pub(super) fn new(at: &PolicyRef, effect: Force) -> Self {
        Self { id: at.id.to_string(), file: at.file.to_string(), line: at.line, effect }
    }
}

pub(super) const fn force(effect: Effect) -> Force {
    match effect {
        Effect::Permit => Force::Permit,
        Effect::Forbid => Force::Forbid,
    }
}
