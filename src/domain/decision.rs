//! What policy says, and on which grounds.

use std::fmt;
use std::sync::Arc;

/// A SHA-256 digest that names one policy snapshot (policies, schema, entities and catalog together).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Wraps a SHA-256 digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written for every decision, so the digits come in one piece and not through 32 formatters.
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 0xf)]);
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

/// The lower-case digit of a number below 16.
const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whom a judgement is about. Every call is judged for the agent and, when there is one, for the actor; a question about a service's
/// own entities for its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// The program that calls.
    Agent,
    /// The person it acts for.
    Actor,
    /// Whom a service asks about, who is neither.
    Subject,
}

impl Principal {
    /// The word records and explanations use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Actor => "actor",
            Self::Subject => "subject",
        }
    }
}

/// A policy that determined a judgement, and where its author finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRef {
    /// The policy's `@id`, or `file#policyN` when it has none.
    pub id: Arc<str>,
    /// The file, relative to its policy directory.
    pub file: Arc<str>,
    /// The line where the policy starts, from 1.
    pub line: u32,
    /// The author's words for the agent (`@reason("…")`): the only part of a policy that leaves the house.
    pub reason: Option<Arc<str>>,
}

/// A policy that could not be evaluated for this request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault {
    /// The policy.
    pub policy: PolicyRef,
    /// What went wrong, in the engine's words; for operators and authors, never for agents.
    pub message: Arc<str>,
}

/// Why a judgement is what it is: a closed set, so that every one has a test and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A permit matched, no forbid did, and everything could be evaluated.
    Permitted,
    /// No permit matched.
    NoPermit,
    /// A forbid matched.
    Forbidden,
    /// A person's approval would make it possible.
    ApprovalMissing,
    /// A policy failed while it was evaluated, so what it would have said is not known.
    NotEvaluable,
    /// The arguments cannot be shown to the policies exactly; where and why, for the record.
    NotRepresentable(Arc<str>),
    /// The server lists no such tool.
    UnknownTool,
    /// The tool is not as it was reviewed: it is not in the catalog lock, or its definition has changed.
    Drifted,
    /// The agent or user is not among the entities.
    UnknownPrincipal,
    /// The request does not fit the schema; how, for the record.
    InvalidRequest(Arc<str>),
    /// No policies are in force: none there were could be loaded since the start.
    NoPoliciesInForce,
}

impl Cause {
    /// The word records and metrics use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::NoPermit => "no_permit",
            Self::Forbidden => "forbidden",
            Self::ApprovalMissing => "approval_missing",
            Self::NotEvaluable => "not_evaluable",
            Self::NotRepresentable(_) => "not_representable",
            Self::UnknownTool => "unknown_tool",
            Self::Drifted => "drifted",
            Self::UnknownPrincipal => "unknown_principal",
            Self::InvalidRequest(_) => "invalid_request",
            Self::NoPoliciesInForce => "no_policies_in_force",
        }
    }
}

/// What policy says about one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whom it is about.
    pub principal: Principal,
    /// Why.
    pub cause: Cause,
    /// The policies that determined it: the permits of an allow, the forbids of a deny, what an approval would lift.
    pub policies: Vec<PolicyRef>,
    /// The policies that failed.
    pub faults: Vec<PolicyFault>,
}

/// Everything a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// The snapshot it was made against.
    pub snapshot: Fingerprint,
    /// One judgement for the agent and, when there is an actor, one for them.
    pub judgements: Vec<Judgement>,
}

impl Grounds {
    /// The judgement that decided: the first of those that are as strict as the decision.
    #[must_use]
    pub fn deciding(&self) -> Option<&Judgement> {
        self.judgements.iter().min_by_key(|judgement| Decision::rank(&judgement.cause))
    }
}

/// What policy says about a call, for everyone concerned. Order of strictness: deny, require approval, allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The call may go on.
    Allow(Grounds),
    /// The call may not go on.
    Deny(Grounds),
    /// The call may go on once a person has approved it.
    RequireApproval(Grounds),
}

impl Decision {
    /// The decision that follows from judgements: the strictest of them, and a deny when there is none.
    #[must_use]
    pub fn from_grounds(grounds: Grounds) -> Self {
        match grounds.deciding().map(|judgement| Self::rank(&judgement.cause)) {
            Some(2) => Self::Allow(grounds),
            Some(1) => Self::RequireApproval(grounds),
            _ => Self::Deny(grounds),
        }
    }

    /// How lenient a cause is: 0 denies, 1 asks for approval, 2 allows.
    const fn rank(cause: &Cause) -> u8 {
        match cause {
            Cause::Permitted => 2,
            Cause::ApprovalMissing => 1,
            Cause::NoPermit
            | Cause::Forbidden
            | Cause::NotEvaluable
            | Cause::NotRepresentable(_)
            | Cause::UnknownTool
            | Cause::Drifted
            | Cause::UnknownPrincipal
            | Cause::InvalidRequest(_)
            | Cause::NoPoliciesInForce => 0,
        }
    }

    /// What it rests on.
    #[must_use]
    pub const fn grounds(&self) -> &Grounds {
        match self {
            Self::Allow(grounds) | Self::Deny(grounds) | Self::RequireApproval(grounds) => grounds,
        }
    }

    /// The word records, metrics and interfaces use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Deny(_) => "deny",
            Self::RequireApproval(_) => "require_approval",
        }
    }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
