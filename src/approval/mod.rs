//! People are asked: tickets for calls that wait for a person's approval, from the question to the one call that it is good for.
//!
//! A ticket is bound to who asks, for what, and with exactly which arguments ([`ticket`]); what may become of it is a pure function
//! ([`state`]). The [`desk`] keeps all of them in memory and every change of theirs on disk before it counts (`store`, `stored`). One
//! hand at a time: whoever changes a ticket holds the desk, so that a ticket is spent once, whoever else reaches for it, and also when the
//! process is killed in between.
//!
//! This room knows nothing of policies and of the log: who may rule, and what is written down about it, is up to the gate.

pub mod desk;
#[cfg(test)]
mod fixture;
pub mod json;
pub mod rulers;
pub mod state;
mod store;
mod stored;
mod table;
pub mod ticket;

pub use desk::{Desk, Hand, HandError, Limits, News, StoreError, What};
pub use json::TicketJson;
pub use rulers::RulerStats;
pub use state::{ChangeError, Event};
pub use ticket::{Asker, Bound, Grant, Ticket, Vote};
