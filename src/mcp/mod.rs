//! The Model Context Protocol as bytes: what a message says, what becomes of it, and how to answer. A pure codec: no sockets, no tasks,
//! no clock.
//!
//! Two rules hold everywhere here. *What is decided on must be unambiguous*: a message that two parsers could read differently is
//! [`Malformed`], because the server behind us may read it in the other way. *What is forwarded is what came*: everything handed out is
//! a slice of the body, and the few changes that policy demands are spliced into the text, so that nothing else moves.
//!
//! Read in this order: [`Message::parse`] for one message; [`method`] for the table of what may go where; [`target()`] for what a
//! decision is about; [`headers`] and [`check_params`] for what HTTP repeats of the body; [`list`], [`listen`] and [`Inspection`] for
//! what has to be looked at, and cut out; [`sse`] for streams; [`reply`] for what we say ourselves; [`check_json`] for JSON
//! that is no message.
//!
//! The facts behind this room are in the specification's revisions 2024-11-05 to 2026-07-28; doc comments name the chapter.

mod id;
mod inspect;
mod jsonrpc;
mod malformed;
mod mirror;
mod mirrored;
mod params;
mod splice;
mod strict;
mod target;

pub mod elicit;
pub mod headers;
pub mod list;
pub mod listen;
pub mod method;
pub mod reply;
pub mod sse;
pub mod state;
pub mod version;

pub use id::RawId;
pub use inspect::{Elicitation, InputRequest, Inspection, ResultKind, elicitation};
pub use jsonrpc::{Kind, Limits, Message};
pub use malformed::{HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Malformed, PARSE_ERROR};
pub use method::{ListKind, Route, Sender, route};
pub use mirror::{argument_headers, mirrored_headers};
pub use mirrored::check_params;
pub use params::CompletionRef;
pub use strict::{NotStrict, check_json};
pub use target::{arguments, target};
pub use version::Era;
