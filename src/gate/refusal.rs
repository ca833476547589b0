//! The no that leaves the house: a closed set of sentences that are safe to show to any agent.

use std::sync::Arc;

use crate::approval::Ticket;
use crate::domain::{Cause, DecisionId, Grounds, Judgement, TicketId, Timestamp};

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
    /// There are no policies to decide by.
    NoPolicies,
    /// The decision could not be recorded.
    NotRecorded,
}

/// A call that does not go on. Says nothing about policies but what their author wrote for agents (`@reason`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    id: DecisionId,
    doubt: Doubt,
    reason: Option<Arc<str>>,
    pending: Option<Pending>,
}

/// What a caller may know of the ticket under which people are asked about their call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub ticket: TicketId,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// Whether the user of the caller's own client may be asked.
    pub confirm: bool,
}

impl Pending {
    pub(super) fn of(ticket: &Ticket) -> Self {
        Self { ticket: ticket.id, expires: ticket.expires, confirm: ticket.terms.confirm }
    }
}

impl Refusal {
    pub(super) const fn not_recorded(id: DecisionId) -> Self {
        Self { id, doubt: Doubt::NotRecorded, reason: None, pending: None }
    }

    pub(super) fn denied(id: DecisionId, grounds: &Grounds) -> Self {
        let deciding = grounds.deciding();
        Self {
            id,
            doubt: deciding.map_or(Doubt::Undecidable, |judgement| doubt(&judgement.cause)),
            reason: deciding.and_then(reason),
            pending: None,
        }
    }

    pub(super) fn pending_under(self, pending: Option<Pending>) -> Self {
        Self { pending, ..self }
    }

    /// The ticket under which people are asked, if they are.
    #[must_use]
    pub const fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
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
        matches!(self.doubt, Doubt::NotRecorded | Doubt::NoPolicies | Doubt::ApprovalRequired)
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
            | Doubt::Drifted
            | Doubt::NoPolicies => "deny",
        }
    }

    /// What the agent is told: one fixed sentence, the policy author's own words if there are any, and the decision id.
    #[must_use]
    pub fn sentence(&self) -> String {
        let fixed = match self.doubt {
            Doubt::NotPermitted => "Denied by policy: nothing permits this call.",
            Doubt::Forbidden => "Denied by policy: this call is forbidden.",
            Doubt::ApprovalRequired if self.pending.is_some() => "Not executed: a person has to approve this call first.",
            Doubt::ApprovalRequired => "Not executed: a person has to approve this call first, and nobody can be asked now.",
            Doubt::Undecidable => "Denied: it could not be established that this call is allowed.",
            Doubt::ArgumentsUnclear => "Denied: the arguments do not have the form that policy can judge.",
            Doubt::UnknownTool => "Denied: there is no such tool.",
            Doubt::Drifted => "Denied: the tool has changed since it was reviewed.",
            Doubt::NoPolicies => "Denied: no policies are in force, so nothing is allowed now.",
            Doubt::NotRecorded => "Not executed: the decision could not be recorded. Try again later.",
        };
        let reason = self.reason.as_ref().map(|reason| format!(" Reason: {reason}")).unwrap_or_default();
        let advice = match (self.doubt, &self.pending) {
            (Doubt::ApprovalRequired, Some(Pending { ticket, .. })) => {
                format!(" Ticket {ticket}. Once it is approved, make the same call again with identical arguments.")
            }
            (Doubt::ApprovalRequired, None) | (Doubt::NoPolicies, _) => " Try again later.".to_owned(),
            (Doubt::NotRecorded, _) => String::new(),
            _ => " Do not retry unchanged.".to_owned(),
        };
        format!("{fixed}{reason} Decision {}.{advice}", self.id)
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
        Cause::NoPoliciesInForce => Doubt::NoPolicies,
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
