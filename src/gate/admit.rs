//! May this call go on? Yes only with a permit.

use super::decide::{Decided, For};
use super::settle::Settlement;
use super::{Gate, Permit, Refusal};
use crate::domain::{Call, Caller, Decision};

impl Gate {
    /// Decides a call for its agent and its actor, against one snapshot, and records the decision durably.
    ///
    /// A call that a person approved goes on with the ticket that they ruled on, which is used up. One that needs an approval that nobody has
    /// given is refused, and people are asked: the refusal says under which ticket. Asking again with the same call joins that ticket.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when policy does not allow the call as it stands, or when the decision could not be recorded in time: then
    /// nothing may happen, whatever policy said.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped may leave a recorded decision whose call is never carried out, and never the other way round.
    pub async fn admit(&self, caller: &Caller, call: Call) -> Result<Permit, Refusal> {
        let Decided { id, decision, receipt, pending, result, .. } = self.decide(caller, &call, For::Ourselves).await?;
        match decision {
            Decision::Allow(_) => Ok(Permit::new(call, Settlement::new(self.clone(), id, receipt, result))),
            Decision::Deny(grounds) => Err(Refusal::denied(id, &grounds)),
            Decision::RequireApproval(grounds) => Err(Refusal::denied(id, &grounds).pending_under(pending)),
        }
    }
}
