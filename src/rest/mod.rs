//! The admin face: `/livez`, `/readyz`, `/metrics`, `/status` and `/explain`, on a listener of its own.
//!
//! It shows, and changes nothing. What is shown is handed in as checks and functions, so this names no room. Probes and metrics answer
//! anybody who can connect; `/status` and `/explain` tell more and therefore refuse requests that a web page may have been tricked into sending
//! (see `routes.rs`). `serve.rs` bounds what a slow client can hold.
//!
//! `app_health.rs` passes probes on to a container beside the sidecar.
//!
//! `approvals` is for those who rule, on the control socket and on the listener of the console.
//!
//! `witness.rs` is another face, for witnesses of logs; it is served the same way, on a listener of its own.

mod app_health;
pub mod approvals;
mod readiness;
mod routes;
mod serve;
mod witness;

pub use app_health::{AppProbe, BadAppProbe, app_health_router};
pub use readiness::{Check, Readiness, Verdict};
pub use routes::{ExplainSource, MAX_INQUIRY, Near, Sources, StatusSource, router};
pub use serve::Admin;
pub use witness::{WitnessAnswer, WitnessSource, witness_router};

#[cfg(test)]
mod tests;
