//! The words the whole house shares: who calls, what is called, what was decided.
//!
//! Plain values only: no async, no I/O, no serialization, nothing of MCP's or Cedar's own types. A room that needs another
//! form of these words (a Cedar entity, a JSON record, a protobuf message) makes it itself, at its own edge.
//!
//! Read in this order: [`caller`], [`evidence`], [`call`], [`tool`], [`decision`], [`approval`], [`access`], [`id`], [`mod@pointer`], [`spelling`],
//! [`mod@visible`].

pub mod access;
pub mod approval;
pub mod call;
pub mod caller;
pub mod decision;
pub mod evidence;
pub mod id;
pub mod pointer;
pub mod spelling;
pub mod tool;
pub mod visible;

pub use access::{Access, AccessFault, BadAccess, Extra, Thing};
pub use approval::{Approval, CallDigest, Channel, Terms, TicketId, TicketState, Verdict};
pub use call::{Action, Arguments, Call, ServerName, Source, Target, TraceId, Transport};
pub use caller::{Actor, AgentId, Attribute, AttributeKind, Caller, Memberships, Standing, Token, UserId};
pub use decision::{Cause, Decision, Fingerprint, Grounds, Judgement, PolicyFault, PolicyRef, Principal};
pub use evidence::{Evidence, TokenName, Way};
pub use id::{DecisionId, Timestamp};
pub use pointer::{JsonPointer, NotAPointer};
pub use spelling::nearest;
pub use tool::{Annotations, Hints, ToolDefinition};
pub use visible::visible;
