//! The face for an API server that asks what to put into new pods: `POST /mutate`, and `/livez`, `/readyz` and `/metrics` beside it, for a
//! listener with a certificate.
//!
//! `authority`, `bundle` and `cluster` are for a webhook that makes its own certificates and tells API servers of them, `events` for one that
//! tells people which pods get no sidecar.
//!
//! It translates and decides nothing: what a pod gets is the business of [`inject`](crate::inject). An API server shows nobody's identity,
//! so anybody who can connect may ask; they learn what a pod would get, and change nothing. Bodies are bounded, have a deadline and are
//! only so many at a time. What is not understood is answered with an error, which an API server takes for a no.

mod api;
mod authority;
mod bundle;
mod cluster;
mod events;
mod metrics;
mod routes;

pub use api::{Api, ApiError};
pub use authority::Authority;
pub use cluster::{Cluster, Repair};
pub use events::{Events, Writer, events};
pub use metrics::Metrics;
pub use routes::{Injector, ReadySource, router};

#[cfg(test)]
mod tests;
