//! The demo: a small shop to guard, policies to guard it with, and a guided tour of real calls.
//!
//! [`serve`] runs the shop, an MCP server without any access control of its own that speaks the protocol's stateless and stateful
//! revisions. [`write_policies`] puts the policies of `policies/demo` into a folder, so that a fresh machine needs nothing but the
//! binary. [`tour()`] then makes real calls through a running sidecar, explains each, and fails when one does not end as it should.
//!
//! Nothing here decides anything or knows how the sidecar is put together: `cli` starts it and hands over the addresses.

mod policies;
mod shop;
mod tour;

pub use policies::write_policies;
pub use shop::{Shop, open_port, serve};
pub use tour::{TourError, TourSettings, run as tour};
