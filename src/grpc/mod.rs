//! The gRPC face: the same decisions for services that carry calls out themselves, rulings for people, and a look at log and policies.
//!
//! It translates and decides nothing: `convert` makes callers and calls of the house out of messages and back, `decision` asks the
//! gate. `gateways` answers those who ask about whole messages of their clients, `approvals` is for people who rule (`tickets` are what
//! they see), `audit` for tools that look into the log, `policies` for those that deal with policies; what they tell comes through
//! [`Sources`]. Who asks is looked at before (`access`), questions have deadlines (`deadline`), streams are bounded (`stream`, and `watch`
//! for records). What is wrong with a message is said with details of google.rpc (`problem`). What each message means is in `proto/`.
//! `client` asks the face of another process.

mod access;
mod approvals;
mod audit;
mod client;
mod convert;
mod deadline;
mod decision;
pub mod gateways;
mod page;
pub mod pb;
mod policies;
mod problem;
mod serve;
mod sources;
mod stream;
mod tickets;
mod watch;

pub use client::{Answer, AskError, Client, Said, SaidOfOne, SaidOfPolicy, SaidOfTicket};
pub use serve::{Grpc, Limits, Readiness, Sources};
pub use sources::{Book, BookError, Extent, Head, Lab, Verdict, Wanted};
pub use watch::{Following, Record, RecordsSource};
