//! Reading a request's body: the one encoding that everybody reads the same way, within bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use hyper::body::Incoming;

use super::super::body::Body;
use super::super::collect::{Incomplete, collect};
use super::respond;

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// Not `application/json` in UTF-8.
    ContentType,
    /// Compressed, or otherwise encoded.
    Encoded,
    /// It did not come whole.
    Incomplete(Incomplete),
}

impl Unread {
    pub(super) fn response(self) -> Response<Body> {
        let (status, sentence) = match self {
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json, in UTF-8."),
            Self::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "A Content-Encoding is not accepted."),
            Self::Incomplete(Incomplete::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "The message is too large."),
            Self::Incomplete(Incomplete::TooSlow) => (StatusCode::REQUEST_TIMEOUT, "The message took too long to arrive."),
            Self::Incomplete(Incomplete::Broken) => (StatusCode::BAD_REQUEST, "The message did not arrive whole."),
        };
        respond::refused(status, sentence)
    }
}

/// Reads a message body that claims to be JSON.
pub(super) async fn json(headers: &HeaderMap, body: Incoming, most: usize, within: Duration) -> Result<Bytes, Unread> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Unread::Encoded);
    }
    if !is_json(headers) {
        return Err(Unread::ContentType);
    }
    collect(body, most, within).await.map_err(Unread::Incomplete)
}

/// Exactly one `Content-Type`, `application/json`, with no parameter but `charset=utf-8`.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    essence
        && parts.all(|parameter| {
            parameter.is_empty()
                || parameter.split_once('=').is_some_and(|(name, value)| {
                    let value = value.trim().trim_matches('"');
                    name.trim().eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
                })
        })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
