//! Answers gateways that ask about the MCP messages of their clients: Envoy and what speaks like it (`ext_authz`), and agentgateway
//! (`ext_mcp`).
//!
//! A gateway that asks carries the message on itself. What it is told is what the same message would get on its way through the sidecar,
//! and the words are the same too. What an answer needs that a question does not bring is refused: tasks and states of others cannot be
//! told from one's own by somebody who never sees what servers answer. Who does (`ext_mcp`) has states sealed and tasks owned as by the proxy.
//!
//! Who calls is found out from the headers of the client's request by the same ways as at the MCP listener, never from who asks. Which
//! server it is for, the gateway's configuration says.
//!
//! Reading order: [`Gateways`] (what this is told at the start), `ask` (server and caller), `judge` (what becomes of a message), `no`
//! (what is said when it goes no further), then the two services.

mod ask;
mod backend;
mod ext_authz;
mod ext_mcp;
mod judge;
mod no;
pub mod pb;
mod shown;
mod wire;

pub use backend::{Backend, Gateways, Lists, Refresh, ShownStates};
pub(super) use ext_authz::ExtAuthz;
pub(super) use ext_mcp::ExtMcp;
pub(super) use judge::Judge;

/// The names of the services, as health and reflection know them.
pub(super) const EXT_AUTHZ: &str = "envoy.service.auth.v3.Authorization";
pub(super) const EXT_MCP: &str = "agentgateway.dev.ext_mcp.ExtMcp";

#[cfg(test)]
mod tests;
