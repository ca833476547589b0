//! Why would a call be decided as it would? Asked by people who write policies, about a call that nobody makes.

use super::Gate;
use crate::domain::{Call, Caller, Decision, Timestamp};
use crate::policy::{Explanation, Request};

impl Gate {
    /// Explains how a call would be decided by the policies in force, now or `at` another time.
    ///
    /// No [`Permit`](super::Permit) comes of it, so nothing can follow from it but words. It is counted and logged, but it is not a
    /// decision about a call and leaves no record. The explanation reveals policies: it is not for agents.
    ///
    /// It may take some milliseconds with many policies; call it where that holds up nobody else.
    #[must_use]
    pub fn explain(&self, caller: &Caller, call: &Call, at: Option<Timestamp>) -> Explanation {
        let now = at.unwrap_or_else(|| self.shared.clock.now());
        let explanation = self.snapshot().explain(&Request { caller, call, now, approval: None });
        self.shared.metrics.explained(explanation.decision.name());
        tracing::info!(
            agent = %caller.agent,
            actor = caller.actor.person().map(tracing::field::display),
            server = %call.server,
            action = call.action.name(),
            target = call.target.name(),
            decision = explanation.decision.name(),
            "explained a decision"
        );
        explanation
    }

    /// How a call would be decided now, for overviews of many. Nothing can follow from it; it is not recorded, counted or logged.
    #[must_use]
    pub fn foresee(&self, caller: &Caller, call: &Call) -> Decision {
        self.snapshot().decide(&Request { caller, call, now: self.shared.clock.now(), approval: None })
    }
}
