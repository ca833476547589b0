//! Who may vouch for which ids, so that no issuer can name somebody whom only another one knows.
//!
//! Each issuer puts its prefix before every id. An id belongs to whoever has the longest prefix that it begins with; some prefixes
//! belong to ways of identification that are not by token.

use std::sync::Arc;

use super::kubernetes;
use super::settings::{IssuerKind, IssuerSettings};

/// What the ids in certificates of workloads begin with.
const SPIFFE: &str = "spiffe://";

/// The prefixes of all issuers.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefixes(Vec<Owner>);

#[derive(Debug, Clone)]
struct Owner {
    issuer: Arc<str>,
    prefix: Arc<str>,
    /// A cluster's ids begin with the reserved prefix behind its own.
    is_cluster: bool,
}

impl Prefixes {
    /// Those of these issuers.
    pub(super) fn of(issuers: &[IssuerSettings]) -> Self {
        let owner = |issuer: &IssuerSettings| Owner {
            issuer: Arc::clone(&issuer.issuer),
            prefix: Arc::clone(&issuer.mapping.prefix),
            is_cluster: issuer.kind == IssuerKind::Kubernetes,
        };
        Self(issuers.iter().map(owner).collect())
    }

    /// The id of somebody whom this issuer calls so; `None` when only somebody else can vouch for it.
    pub(super) fn id(&self, issuer: &str, name: &str) -> Option<Arc<str>> {
        let owner = self.0.iter().find(|owner| *owner.issuer == *issuer)?;
        let id = format!("{}{name}", owner.prefix);
        let belongs_further = |other: &str| other.len() > owner.prefix.len() && id.starts_with(other);
        let taken = self.0.iter().any(|other| belongs_further(&other.prefix));
        let reserved = !owner.is_cluster && belongs_further(kubernetes::PREFIX) || belongs_further(SPIFFE);
        (!taken && !reserved).then(|| id.into())
    }
}

#[cfg(test)]
#[path = "prefixes_tests.rs"]
mod tests;
