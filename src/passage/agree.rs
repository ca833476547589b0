//! Whether the HTTP headers of a message say what its body says.

use crate::domain::ServerName;
use crate::gate::Gate;
use crate::mcp::{self, Era, Malformed, Message};

use super::method;

/// Checks the headers against the body, those too that a modern tool's schema asks for. `get` is given a lower-case name and returns the
/// values of all headers of that name.
///
/// # Errors
///
/// [`Malformed`] when they disagree, or one that has to be there is missing.
pub fn agree<'h>(
    gate: &Gate,
    server: &ServerName,
    message: &Message,
    get: impl Fn(&str) -> Vec<&'h [u8]>,
) -> Result<(), Malformed> {
    mcp::headers::check(message, &get)?;
    let called = message.name().filter(|_| message.era() == Era::Modern && method(message) == "tools/call");
    let schema = called.and_then(|tool| gate.input_schema(server, tool));
    mcp::check_params(message, schema.as_deref(), get)
}
