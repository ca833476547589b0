//! An MCP server as a child process over stdio (MCP 2026-07-28, "basic/transports/stdio"; the older revisions frame alike).
//!
//! Two layers:
//!
//! - [`Child`] is one process: lines in, lines out, and an orderly end. It knows framing, and nothing about JSON.
//! - [`Pool`] is the same command for many clients: a [`Session`] has a child of its own, stateless requests share warm children,
//!   and each request gets an [`Exchange`] with just the messages that belong to it.
//!
//! Neither reads policies, rewrites an id or re-serializes a message: what goes in is what the child sees.
//!
//! Reading order: `process` (the handle), `supervise` (how a process ends), `lines` and `pipes` (framing), then `wire` (which request
//! a line belongs to), `table` (who waits for what), `worker` (a child with a table), `exchange`
//! (what a caller holds), `health` (back-off), `pool`.

mod exchange;
mod health;
mod mailbox;
mod metrics;
mod pipes;
mod pool;
mod process;
mod supervise;
mod table;
mod unsolicited;
mod wire;
mod worker;

pub use exchange::{Exchange, Incoming, OpenError, Request, Session};
pub use health::Failure;
pub use metrics::Metrics;
pub use pool::{ChildState, Pool, PoolSettings, Unavailable};
pub use process::{Child, ChildSettings, SendError, SpawnError, Stderr};
pub use unsolicited::Unsolicited;
pub use wire::Key;
