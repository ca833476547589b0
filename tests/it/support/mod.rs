//! What the tests of the whole binary share: a sidecar, an MCP client, and a server without any scruples.

mod client;
mod served;
mod sidecar;
mod stdio;
mod upstream;

pub(crate) use client::{Connection, Era, LEGACY, MODERN, Mcp, Reply, modern_meta};
pub(crate) use served::Served;
pub(crate) use sidecar::{Home, PATH, Sidecar, cedarpost};
pub(crate) use stdio::{Desk, SERVER, Talk, shown, until};
pub(crate) use upstream::{Framing, Upstream};
