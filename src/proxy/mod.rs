//! The MCP face: streamable HTTP and stdio on one side, MCP servers on the other.
//!
//! It translates and never decides. A message comes in as bytes, is parsed once, strictly, and turned into a call for the gate;
//! what goes on are the bytes that came. Nothing is sent to a server but what is `Cleared`, and a call is cleared only by a permit.
//!
//! Reading order: `line` (the path of one message, for every transport), `flight` and `conversation` (what is remembered
//! meanwhile), `http` and `stdio` (the two transports towards clients), `upstream` (the two kinds of servers).

mod body;
mod cleared;
mod collect;
mod conversation;
mod endpoint;
mod flight;
mod guard;
mod holds;
mod http;
mod learner;
mod line;
mod lines;
mod metrics;
mod session;
mod stdio;
pub mod upstream;
mod voice;

pub use self::http::{HttpFace, Life};
pub use body::Body;
pub use endpoint::{Endpoint, EndpointSettings, Limits, ServerState};
pub use guard::{Guard, Stranger};
pub use line::Asking;
pub use metrics::Metrics;
pub use stdio::{StdioEnd, StdioFace};
