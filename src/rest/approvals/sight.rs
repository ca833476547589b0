//! Which tickets somebody may see: the operator all of them, everybody else those that are their business, as the gate says.

use std::sync::Arc;

use super::people::Person;
use crate::gate::{Gate, Ticket};

/// Whether the person may see a ticket.
pub(super) fn sees(gate: &Gate, person: &Person, ticket: &Ticket) -> bool {
    person.sees_all || gate.sees(&person.ruler, ticket)
}

/// The tickets that the person may see.
pub(super) async fn of(gate: &Gate, person: &Person) -> Vec<Arc<Ticket>> {
    if person.sees_all { gate.tickets() } else { gate.tickets_seen_by(&person.ruler).await }
}
