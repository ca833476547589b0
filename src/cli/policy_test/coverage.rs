//! Which policies the cases of a set showed at work.
//!
//! A permit is covered by a case that is allowed because of it, or asked for approval because of it; a forbid by one that is denied, or
//! asked for approval, because of it. Only cases that passed count, and only judgements that decided: a permit of the agent shows
//! nothing where the person is denied.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::set::{Got, TestedCase};
use crate::domain::{Cause, Decision};
use crate::policy::{Effect, Listed};

/// The policies of a set, and which of them cases covered.
pub(super) struct Coverage {
    /// How many policies there are.
    pub(super) policies: usize,
    /// Those that no case covered, by file and line.
    pub(super) missing: Vec<Listed>,
}

impl Coverage {
    /// What these cases covered.
    pub(super) fn of<'a>(policies: Vec<Listed>, cases: impl Iterator<Item = &'a TestedCase>) -> Self {
        let mut covered = BTreeSet::new();
        for case in cases.filter(|case| case.failure.is_none()) {
            if let Some(Got::Decision(decision)) = &case.got {
                add(&mut covered, decision);
            }
        }
        let count = policies.len();
        let missing = policies.into_iter().filter(|listed| !covered.contains(&listed.policy.id)).collect();
        Self { policies: count, missing }
    }

    /// How many policies are covered.
    pub(super) const fn covered(&self) -> usize {
        self.policies - self.missing.len()
    }

    /// The covered share in percent; 100 where there are no policies.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 policies")]
    pub(super) fn percent(&self) -> f64 {
        if self.policies == 0 { 100.0 } else { self.covered() as f64 * 100.0 / self.policies as f64 }
    }

    /// Whether at least this many percent are covered, without rounding.
    pub(super) fn reaches(&self, percent: u8) -> bool {
        self.covered() * 100 >= usize::from(percent) * self.policies
    }
}

/// Adds the policies that made a decision what it is.
fn add(covered: &mut BTreeSet<Arc<str>>, decision: &Decision) {
    let decided = |cause: &Cause| match decision {
        Decision::Allow(_) => *cause == Cause::Permitted,
        Decision::RequireApproval(_) => *cause == Cause::ApprovalMissing,
        Decision::Deny(_) => *cause == Cause::Forbidden,
    };
    let deciding = decision.grounds().judgements.iter().filter(|judgement| decided(&judgement.cause));
    covered.extend(deciding.flat_map(|judgement| &judgement.policies).map(|policy| Arc::clone(&policy.id)));
}

/// What a case would have to show.
pub(super) const fn lacks(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "no case is allowed, or asked for approval, because of it",
        Effect::Forbid => "no case is denied, or asked for approval, because of it",
    }
}
