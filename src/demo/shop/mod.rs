//! The demo shop: a complete little MCP server (streamable HTTP, JSON answers) that trusts everybody who reaches it.
//!
//! It is what the sidecar protects in the demo and in tests, so it executes whatever arrives and counts it: a test that a refused call
//! never reached its tool asks [`Shop::reached`]. `http` is the transport, `protocol` the messages, `tools` and `stock` the shop itself.
//! It keeps everything in memory and never opens a connection of its own.

mod http;
mod protocol;
mod stock;
mod tools;

pub use self::http::{Shop, open_port, serve};

#[cfg(test)]
mod tests;
