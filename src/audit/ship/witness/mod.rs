//! Witnesses, after C2SP tlog-witness: others who cosign that there is one log, and only ever grew.
//!
//! `client` asks one of them, `gather` asks all and keeps the newest checkpoint with enough cosignatures; [`service`] is a witness of
//! our own for the logs of others. How requests are read and judged stands in [`crate::audit::tlog::witness`], without any network.

mod client;
mod gather;
pub mod service;

pub use client::WitnessSettings;
pub(super) use gather::GatherSettings;
pub use gather::Gatherer;
pub use service::{Answer, Service, ServiceError};
