//! The gRPC face: the same decisions for services that carry calls out themselves.
//!
//! It translates and decides nothing: `convert` makes callers and calls of the house out of messages and back, `decision` asks the
//! gate. `gateways` answers those who ask about whole messages of their clients; `client` asks the face of another process. What is wrong
//! with a message is said with details of google.rpc (`problem`). What each message means is in `proto/`.

mod asker;
mod client;
mod convert;
mod deadline;
mod decision;
pub mod gateways;
pub mod pb;
mod problem;
mod serve;
mod watch;

pub use client::{Answer, AskError, Client, Said, SaidOfOne, SaidOfPolicy, SaidOfTicket};
pub use serve::{Grpc, Readiness};
pub use watch::{Following, Record, RecordsSource};
