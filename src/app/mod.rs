//! From a configuration to a running sidecar: opens the rooms, puts the gate before them and the faces before the gate, starts what
//! runs for long, and knows in which order everything ends.
//!
//! Order of shutdown: faces stop taking work and finish what they have; servers that were started are ended; the log records the
//! stop and closes; the admin face goes last, so that probes see the sidecar going.

mod admin;
mod ask;
mod authzen;
mod bypass;
mod carriers;
mod console;
mod control;
mod grpc;
mod hooks;
mod injector;
mod inquiry;
mod log;
mod people;
mod rooms;
mod serve;
mod servers;
mod status;
mod stdio;
mod tail;
mod webhook_certificate;
mod witness;

pub use ask::{Answers, list_tools};
pub use control::socket;
pub use injector::injector;
pub use inquiry::{BadInquiry, Inquiry, Question, TokenFacts, TransportName};
pub use log::{log_settings, places};
pub use rooms::policy_settings;
pub use serve::serve;
pub use stdio::stdio;

/// How a sidecar ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it was asked to, with everything drained.
    Drained,
    /// By a second signal, before everything had drained.
    Interrupted,
    /// With its server's process, and that process's exit code.
    Server(u8),
    /// Because its client sent something that nobody can go on from.
    ClientBroke,
}
