//! What gateways send, read strictly: headers, bodies that came whole, messages that are made of parts.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use crate::json;
use crate::mcp::method::{Form, Method};
use crate::mcp::{Limits, Malformed, Message};
use crate::passage::Unread;

/// With what Envoy says whether it sends a whole body.
const PARTIAL: &str = "x-envoy-auth-partial-body";
/// The id of messages that came without.
pub(super) const ID: &str = "cedarpost-ext-mcp";

/// Something that cannot be a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadHeader;

/// Headers by name and value. Those that begin with a colon are none.
pub(super) fn headers<'a>(all: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<HeaderMap, BadHeader> {
    let mut headers = HeaderMap::new();
    for (name, value) in all.filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| BadHeader)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| BadHeader)?;
        headers.try_append(name, value).map_err(|_| BadHeader)?;
    }
    Ok(headers)
}

/// The headers of a request, whichever way the proxy sends them.
pub(super) fn headers_of(http: &HttpRequest) -> Result<HeaderMap, BadHeader> {
    let joined = http.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let listed = http.header_map.iter().flat_map(|map| &map.headers).map(|header| {
        let value = if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value };
        (header.key.as_str(), value)
    });
    headers(joined.chain(listed))
}

/// The body of a request, if it came whole: the proxy says so, or it is as long as the client said.
pub(super) fn body_of(http: HttpRequest, headers: &HeaderMap, most: usize) -> Result<Bytes, Unread> {
    let HttpRequest { body, raw_body, size, .. } = http;
    let body = match (raw_body.is_empty(), body.is_empty()) {
        (false, false) if raw_body != body.as_bytes() => return Err(Unread::Broken),
        (false, _) => Bytes::from(raw_body),
        (true, _) => Bytes::from(body),
    };
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let mut marks = headers.get_all(PARTIAL).iter().peekable();
    let whole = marks.peek().is_some().then(|| marks.all(|mark| mark == "false"));
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter().peekable();
    let fits = lengths.peek().is_some().then(|| lengths.all(|said| number(said) == Some(length)));
    let more_came = u64::try_from(size).is_ok_and(|size| size > length);
    match (whole, fits) {
        (Some(false), _) | (_, Some(false)) | (None, None) => Err(Unread::Broken),
        _ if body.is_empty() || more_came => Err(Unread::Broken),
        _ if body.len() > most => Err(Unread::TooLarge),
        (Some(true), _) | (_, Some(true)) => Ok(body),
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The message of this method with these parameters, which the gateway has taken out of one.
///
/// # Errors
///
/// [`Malformed`], as for any message.
pub(super) fn message(method: &str, params: Option<&[u8]>, limits: &Limits) -> Result<Message, Malformed> {
    // A text that is put into another must be one value: what stands behind it would be more members.
    let params = params.map(|params| object(params, limits.max_depth)).transpose()?;
    let notifies = Method::of(method).row().is_some_and(|row| row.form == Form::Notification);
    let id = if notifies { String::new() } else { format!(r#""id":"{ID}","#) };
    let method = serde_json::Value::from(method);
    let length = params.map_or(0, str::len);
    let params = params.map(|params| format!(r#","params":{params}"#)).unwrap_or_default();
    let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":{method}{params}}}"#);
    // The wrapping is ours and costs the sender nothing.
    let ours = body.len().saturating_sub(length);
    let limits = Limits { max_bytes: limits.max_bytes.saturating_add(ours), max_depth: limits.max_depth };
    Message::parse(&Bytes::from(body), &limits)
}

/// The text of one JSON object that everybody reads alike.
pub(super) fn object(text: &[u8], depth: u32) -> Result<&str, Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed::from(json::Fault::Syntax))?.trim_ascii();
    json::check(text, depth).map_err(Malformed::from)?;
    if json::is_object(text) { Ok(text) } else { Err(Malformed::from(json::Fault::Shape)) }
}
