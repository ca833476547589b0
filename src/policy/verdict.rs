//! What Cedar's validator says about policies, in the words of the house and with the code of each kind.

use cedar_policy::{ValidationError, ValidationWarning};

use super::code::Code;
use super::policies::Policies;
use super::report::Problem;

impl Policies {
    /// A mistake that keeps the policy from being put in force.
    pub(super) fn error(&self, error: &ValidationError) -> Problem {
        let code = match error {
            ValidationError::UnrecognizedEntityType(_) => Code::UnknownType,
            ValidationError::UnrecognizedActionId(_) => Code::UnknownAction,
            ValidationError::UnsafeAttributeAccess(_) => Code::UnknownAttribute,
            ValidationError::UnsafeOptionalAttributeAccess(_) | ValidationError::UnsafeTagAccess(_) => Code::UnguardedAttribute,
            _ => Code::TypeError,
        };
        self.problem(error.policy_id(), error).with_code(code)
    }

    /// A remark. Cedar's own sentence remains where it says more than ours could.
    pub(super) fn warning(&self, warning: &ValidationWarning) -> Problem {
        let mut problem = self.problem(warning.policy_id(), warning);
        let (code, message, help) = match warning {
            ValidationWarning::ImpossiblePolicy(_) => (
                Code::DeadPolicy,
                Some("this policy matches no request"),
                Some("by the schema alone its scope and conditions cannot all hold: change them, or remove the policy"),
            ),
            ValidationWarning::InvalidActionApplication(_) => (
                Code::DeadPolicy,
                Some("this policy matches no request: none of its actions is ever asked for such a principal and resource"),
                None,
            ),
            _ => (Code::ConfusableText, None, Some("letters that look alike can be told apart by nobody who reviews this")),
        };
        let help = problem.help.clone().or_else(|| help.map(str::to_owned));
        if let Some(message) = message {
            message.clone_into(&mut problem.message);
        }
        problem.with_code(code).with_help(help)
    }
}
