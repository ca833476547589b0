//! How an MCP message passes the gate: which decision it needs, the call that is made of it, how a no looks in MCP, and what of a list a
//! caller sees; and whose a state or a task is that a server gives out.
//!
//! The faces that take MCP messages share it, whether they carry a message on themselves (`proxy`) or answer somebody who does
//! (`grpc::gateways`): the same message gets the same decision and the same words on every way. It decides nothing; `gate` does.

mod agree;
mod body;
mod call;
mod list;
mod owners;
pub mod refused;
mod states;

pub use agree::agree;
pub use body::{Unread, is_json};
pub use call::{call, method, route};
pub use list::filter;
pub use owners::TaskOwners;
pub use states::States;
