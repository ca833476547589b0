//! What becomes of a client's message, and the call that it is.

use crate::domain::{Action, Call, ServerName, Source, Target, TraceId};
use crate::mcp::method::{Eras, Method};
use crate::mcp::{self, Era, Message, Route, Sender};

/// What becomes of a message from a client. `is_extension` says which methods outside the table the server's configuration lets through
/// to policy.
#[must_use]
pub fn route(message: &Message, is_extension: impl FnOnce(&str) -> bool) -> Route {
    // What the stateless revision removed is as unknown there as what never was.
    let removed =
        message.era() == Era::Modern && message.method().and_then(Method::row).is_some_and(|row| row.eras == Eras::Legacy);
    if removed {
        return Route::Refuse;
    }
    mcp::route(message, Sender::Client, is_extension)
}

/// The call that a message asks for, at this server and from there.
#[must_use]
pub fn call(server: &ServerName, source: Source, message: &Message, action: Action, target: Target) -> Call {
    Call {
        server: server.clone(),
        action,
        target,
        arguments: mcp::arguments(message, action),
        source,
        request: message.id().map(|id| id.to_string().into()),
        trace: message.traceparent().and_then(|value| TraceId::from_traceparent(value)),
    }
}

/// The method's name; empty for an answer, which has none.
#[must_use]
pub fn method(message: &Message) -> &str {
    message.method().map_or("", Method::name)
}
