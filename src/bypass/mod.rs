//! Ways around the sidecar: whether somebody else in this network listens where a guarded server can be reached directly.
//!
//! Containers of a pod share one network, so the kernel's tables of TCP sockets (`/proc/net/tcp`, `/proc/net/tcp6`) show every listener of
//! the pod, to anybody and without a privilege. A server that should listen on the loopback address and listens on all of them is found
//! there, as long as it does; whoever needs to know ([`Board`]) is told which one it is. Nothing is closed or refused here, and UDP is not
//! looked at: MCP does not use it.
//!
//! `table` reads the kernel's text, `look` gets it and tells our own sockets apart, `judge` says what a listener means, `watch` looks again
//! and again.

mod judge;
mod look;
mod metrics;
mod table;
mod watch;

pub use judge::{Found, Guarded};
pub use look::Doubt;
pub use table::Listener;
pub use watch::{Board, Check, Settings, State, Watch};
