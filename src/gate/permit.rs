//! Proof that a call may go on.

use super::settle::Settlement;
use crate::domain::{Call, DecisionId};

/// Leave to carry out one call, once: policy allowed it and the record of that is durable.
///
/// INVARIANT: only `Gate::admit` makes one, and only after the audit log has given a receipt. It is neither `Clone` nor `Copy`.
#[must_use = "a permit that is dropped is recorded as an abandoned call"]
#[derive(Debug)]
pub struct Permit {
    call: Call,
    settlement: Settlement,
}

impl Permit {
    pub(super) const fn new(call: Call, settlement: Settlement) -> Self {
        Self { call, settlement }
    }

    /// What may be carried out.
    #[must_use]
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// The decision that allowed it.
    #[must_use]
    pub const fn decision(&self) -> DecisionId {
        self.settlement.decision()
    }

    /// Uses the permit up: what is left is the duty to say how the call ended.
    pub fn spend(self) -> Settlement {
        self.settlement
    }
}
