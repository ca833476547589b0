//! What a policy set answers, however it was found.

use cedar_policy::{AuthorizationError, Decision, PolicyId, Response};

/// The answer of a policy set to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct Answer {
    /// What Cedar decides. Cedar skips policies that fail.
    pub(in crate::policy) allow: bool,
    /// The policies that determined it, in no particular order.
    pub(in crate::policy) determining: Vec<PolicyId>,
    /// The policies that failed, and how.
    pub(in crate::policy) failed: Vec<(PolicyId, String)>,
}

impl From<&Response> for Answer {
    fn from(response: &Response) -> Self {
        let failed = |AuthorizationError::PolicyEvaluationError(error): &AuthorizationError| {
            (error.policy_id().clone(), error.inner().to_string())
        };
        Self {
            allow: response.decision() == Decision::Allow,
            determining: response.diagnostics().reason().cloned().collect(),
            failed: response.diagnostics().errors().map(failed).collect(),
        }
    }
}
