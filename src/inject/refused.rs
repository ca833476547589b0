//! Why a pod is not injected although it should be.

use std::fmt;

use super::patch::Misfit;

/// What is wrong, and where in the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The place, such as `spec.containers[0].command`.
    pub path: String,
    /// What is wrong there, and what to do about it.
    pub reason: String,
}

impl Refused {
    pub(super) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// About an annotation of this house.
    pub(super) fn annotation(name: &str, reason: impl Into<String>) -> Self {
        Self::new(format!("metadata.annotations[{}{name}]", super::names::PREFIX), reason)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for Refused {}

impl From<Misfit> for Refused {
    fn from(misfit: Misfit) -> Self {
        Self::new("pod", misfit.to_string())
    }
}
