//! The one encoding of a body that everybody reads the same way.

use http::{HeaderMap, StatusCode, header};

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Not `application/json` in UTF-8.
    ContentType,
    /// Compressed, or otherwise encoded.
    Encoded,
    /// Longer than is read.
    TooLarge,
    /// It took too long to come.
    TooSlow,
    /// It did not come whole.
    Broken,
}

impl Unread {
    /// Whether the headers let a body be read at all.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(headers: &HeaderMap) -> Result<(), Self> {
        if headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Self::Encoded);
        }
        if is_json(headers) { Ok(()) } else { Err(Self::ContentType) }
    }

    /// What HTTP says of it, in a status and a sentence.
    #[must_use]
    pub const fn told(self) -> (StatusCode, &'static str) {
        match self {
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json, in UTF-8."),
            Self::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "A Content-Encoding is not accepted."),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The message is too large."),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The message took too long to arrive."),
            Self::Broken => (StatusCode::BAD_REQUEST, "The message did not arrive whole."),
        }
    }
}

/// Exactly one `Content-Type`, `application/json`, with no parameter but `charset=utf-8`.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
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
#[path = "body_tests.rs"]
mod tests;
