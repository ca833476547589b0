//! HTTP headers that repeat parts of the body (revision 2026-07-28, `basic/transports/streamable-http`, section Server Validation).
//!
//! Nothing is ever decided on a header. They are checked because others on the way may decide on them: whoever sends a header that says
//! something else than the body is refused. The checks take what they need of a request as a function, so that this room knows no HTTP
//! library: `get` is given a lower-case name and returns the values of all headers of that name.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::jsonrpc::{Kind, Message};
use super::malformed::Malformed;
use super::version::{Era, era_of};

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// The methods whose `Mcp-Name` must be there. On others it must agree, if it is there and there is something to agree with.
const NAMED: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];

/// Checks that the headers of a message say what its body says, and that a message of the modern era has what that era requires. A
/// header that stands twice is refused, whatever it says.
///
/// # Errors
///
/// [`Malformed`] with -32020 when header and body disagree, or a required header is missing; with -32602 when the header announces the
/// modern era and `_meta` lacks a required key.
pub fn check<'h>(message: &Message, get: impl Fn(&str) -> Vec<&'h [u8]>) -> Result<(), Malformed> {
    check_all(message, get).map_err(|malformed| malformed.answering(message.id()))
}

fn check_all<'h>(message: &Message, get: impl Fn(&str) -> Vec<&'h [u8]>) -> Result<(), Malformed> {
    let version = single(&get(VERSION), "The header `MCP-Protocol-Version` is not one plain value.")?;
    let method = single(&get(METHOD), "The header `Mcp-Method` is not one plain value.")?;
    let name = single(&get(NAME), "The header `Mcp-Name` is not one plain value.")?;
    match message.kind() {
        Kind::Request { .. } => {
            check_version(message, version)?;
            let required = message.era() == Era::Modern;
            check_method(message, method, required)?;
            check_name(message, name, required)
        }
        Kind::Notification { .. } => {
            // Which headers a notification must have is not specified; those that it has must not contradict it.
            if message.era() == Era::Modern && version.is_some() {
                check_version(message, version)?;
            }
            check_method(message, method, false)?;
            check_name(message, name, false)
        }
        Kind::Response { .. } => Ok(()),
    }
}

/// The era of the header and the era of the body must be the same, and in the modern one the version too.
fn check_version(message: &Message, header: Option<&str>) -> Result<(), Malformed> {
    let announced = header.map_or(Era::Legacy, era_of);
    match (message.era(), announced) {
        (Era::Legacy, Era::Legacy) => Ok(()),
        (Era::Legacy, Era::Modern) => Err(Malformed::params("`_meta` has no `io.modelcontextprotocol/protocolVersion`.")),
        (Era::Modern, _) if header.is_none() => Err(Malformed::headers("The header `MCP-Protocol-Version` is missing.")),
        (Era::Modern, _) if header != message.protocol_version().map(|version| &**version) => {
            Err(Malformed::headers("The header `MCP-Protocol-Version` and the body disagree."))
        }
        (Era::Modern, _) if message.client_capabilities().is_none() => {
            Err(Malformed::params("`_meta` has no `io.modelcontextprotocol/clientCapabilities`."))
        }
        (Era::Modern, _) => Ok(()),
    }
}

fn check_method(message: &Message, header: Option<&str>, required: bool) -> Result<(), Malformed> {
    match header {
        None if required => Err(Malformed::headers("The header `Mcp-Method` is missing.")),
        Some(header) if message.method().is_none_or(|method| method.name() != header) => {
            Err(Malformed::headers("The header `Mcp-Method` and the body disagree."))
        }
        None | Some(_) => Ok(()),
    }
}

fn check_name(message: &Message, header: Option<&str>, required: bool) -> Result<(), Malformed> {
    let named = message.method().is_some_and(|method| NAMED.contains(&method.name()));
    let Some(header) = header else {
        return if required && named { Err(Malformed::headers("The header `Mcp-Name` is missing.")) } else { Ok(()) };
    };
    let body = message.name().or(message.uri()).or(message.task_id());
    let header = decode(header).ok_or_else(|| Malformed::headers("The header `Mcp-Name` is not well encoded."))?;
    match body {
        Some(body) if **body == *header => Ok(()),
        None if !named => Ok(()),
        Some(_) | None => Err(Malformed::headers("The header `Mcp-Name` and the body disagree.")),
    }
}

/// The value of a header that may stand once at most and holds only visible ASCII, spaces and tabs.
pub(super) fn single<'h>(values: &[&'h [u8]], sentence: &'static str) -> Result<Option<&'h str>, Malformed> {
    let plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    match values {
        [] => Ok(None),
        [value] if value.iter().all(plain) => {
            let text = std::str::from_utf8(value).map_err(|_| Malformed::headers(sentence))?;
            Ok(Some(text.trim_matches([' ', '\t'])))
        }
        _ => Err(Malformed::headers(sentence)),
    }
}

/// Undoes the encoding of values that no header can hold, `=?base64?…?=`; `None` when what is inside is not base64 of UTF-8.
pub(super) fn decode(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
