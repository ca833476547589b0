//! The no that leaves the house: a closed set of sentences that are safe to show to any agent.

use std::sync::Arc;

use crate::domain::{Cause, DecisionId, Grounds, Judgement};

/// Why a call is refused, as far as an agent may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No policy permits the call.
    NotPermitted,
    /// A policy forbids the call.
    Forbidden,
    /// A person has to approve the call first, and nobody can be asked.
    ApprovalRequired,
    /// Whether the call is allowed could not be established.
    Undecidable,
    /// The arguments cannot be judged.
    ArgumentsUnclear,
    /// There is no such tool, or none that this caller may know of.
    UnknownTool,
    /// The tool is not as it was reviewed.
    Drifted,
    /// The decision could not be recorded.
    NotRecorded,
}

/// A call that does not go on. Says nothing about policies but what their author wrote for agents (`@reason`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    id: DecisionId,
    doubt: Doubt,
    reason: Option<Arc<str>>,
}

impl Refusal {
    pub(super) const fn not_recorded(id: DecisionId) -> Self {
        Self { id, doubt: Doubt::NotRecorded, reason: None }
    }

    pub(super) fn denied(id: DecisionId, grounds: &Grounds) -> Self {
        let deciding = grounds.deciding();
        Self {
            id,
            doubt: deciding.map_or(Doubt::Undecidable, |judgement| doubt(&judgement.cause)),
            reason: deciding.and_then(reason),
        }
    }

    /// The decision, as the log knows it.
    #[must_use]
    pub const fn id(&self) -> DecisionId {
        self.id
    }

    /// What kind of no it is.
    #[must_use]
    pub const fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// Whether the same call may succeed later without anything about it being changed.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(self.doubt, Doubt::NotRecorded)
    }

    /// The word for machines: `deny`, `require_approval` or `error`.
    #[must_use]
    pub const fn effect(&self) -> &'static str {
        match self.doubt {
            Doubt::ApprovalRequired => "require_approval",
            Doubt::NotRecorded => "error",
            Doubt::NotPermitted
            | Doubt::Forbidden
            | Doubt::Undecidable
            | Doubt::ArgumentsUnclear
            | Doubt::UnknownTool
            | Doubt::Drifted => "deny",
        }
    }

    /// What the agent is told: one fixed sentence, the policy author's own words if there are any, and the decision id.
    #[must_use]
    pub fn sentence(&self) -> String {
        let fixed = match self.doubt {
            Doubt::NotPermitted => "Denied by policy: nothing permits this call.",
            Doubt::Forbidden => "Denied by policy: this call is forbidden.",
            Doubt::ApprovalRequired => {
                "Not executed: policy requires a person's approval for this call, and this sidecar has nobody to ask."
            }
            Doubt::Undecidable => "Denied: it could not be established that this call is allowed.",
            Doubt::ArgumentsUnclear => "Denied: the arguments do not have the form that policy can judge.",
            Doubt::UnknownTool => "Denied: there is no such tool.",
            Doubt::Drifted => "Denied: the tool has changed since it was reviewed.",
            Doubt::NotRecorded => "Not executed: the decision could not be recorded. Try again later.",
        };
        let advice = if self.retryable() { "" } else { " Do not retry unchanged." };
        match &self.reason {
            Some(reason) => format!("{fixed} Reason: {reason} Decision {}.{advice}", self.id),
            None => format!("{fixed} Decision {}.{advice}", self.id),
        }
    }
}

const fn doubt(cause: &Cause) -> Doubt {
    match cause {
        Cause::NoPermit => Doubt::NotPermitted,
        Cause::Forbidden => Doubt::Forbidden,
        Cause::ApprovalMissing => Doubt::ApprovalRequired,
        Cause::NotRepresentable(_) => Doubt::ArgumentsUnclear,
        Cause::UnknownTool => Doubt::UnknownTool,
        Cause::Drifted => Doubt::Drifted,
        // `Permitted` never reaches a refusal; if it did, saying "could not be established" is the safe lie.
        Cause::NotEvaluable | Cause::UnknownPrincipal | Cause::InvalidRequest(_) | Cause::Permitted => Doubt::Undecidable,
    }
}

fn reason(judgement: &Judgement) -> Option<Arc<str>> {
    match judgement.cause {
        Cause::Forbidden | Cause::ApprovalMissing => judgement.policies.iter().find_map(|policy| policy.reason.clone()),
        _ => None,
    }
}
