//! Where the feed goes and how it speaks.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri, header};
use ring::digest;

use crate::audit::json::Hex;

/// Where OTLP says that log records go when a collector's address has no path.
const LOGS_PATH: &str = "/v1/logs";

/// How requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// OTLP in protobuf.
    #[default]
    Protobuf,
    /// OTLP in JSON.
    Json,
}

impl Protocol {
    /// The protocols, and how OpenTelemetry names them.
    pub const NAMES: [(&str, Self); 2] = [("http/protobuf", Self::Protobuf), ("http/json", Self::Json)];
}

/// Whether requests are made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// They are not.
    #[default]
    None,
    /// By gzip.
    Gzip,
}

impl Compression {
    /// The ways, and how OpenTelemetry names them.
    pub const NAMES: [(&str, Self); 2] = [("none", Self::None), ("gzip", Self::Gzip)];
}

/// Where the feed goes and how it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// The collector.
    pub endpoint: Endpoint,
    /// How requests are written.
    pub protocol: Protocol,
    /// Whether they are made smaller.
    pub compression: Compression,
    /// What every request carries, such as a key.
    pub headers: Headers,
    /// Whether a collector on another machine may be spoken to without TLS.
    pub plaintext_non_loopback: bool,
    /// How long one try may take.
    pub deadline: Duration,
}

/// Why a text is no address of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL of HTTP.
    #[error("write the address of a collector as a URL, such as \"https://collector.example:4318/v1/logs\"")]
    NotHttp,
    /// It has a user or a password.
    #[error("an address has no user name or password; use `feed_headers` or `feed_headers_file`")]
    UserInfo,
}

/// The address of a collector.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// The whole address, for requests.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.0
    }

    /// The host as it stands in the address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// A short name for files and metrics, which differs from that of any other collector.
    #[must_use]
    pub fn id(&self) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let host: String = self.host().chars().map(plain).take(40).collect();
        let digest = digest::digest(&digest::SHA256, self.0.to_string().as_bytes());
        let end: String = Hex(digest.as_ref()).to_string().chars().take(8).collect();
        format!("feed-{}-{end}", host.trim_matches('-'))
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        // What follows a `#` is never sent; whoever writes one means something else.
        let uri: Uri = if text.contains('#') { None } else { text.parse().ok() }.ok_or(EndpointError::NotHttp)?;
        let mut parts = uri.into_parts();
        let is_http = parts.scheme.as_ref().is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str()));
        let authority = parts.authority.as_ref().filter(|authority| is_http && !authority.host().is_empty());
        if authority.ok_or(EndpointError::NotHttp)?.as_str().contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let path = parts.path_and_query.as_ref();
        if path.is_none_or(|path| path.path().trim_matches('/').is_empty()) {
            let query = path.and_then(PathAndQuery::query).map_or_else(String::new, |query| format!("?{query}"));
            parts.path_and_query = format!("{LOGS_PATH}{query}").parse().ok();
        }
        Uri::from_parts(parts).map(Self).map_err(|_| EndpointError::NotHttp)
    }
}

/// The address without its query, which may hold keys.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.0.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a header cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is no name of a header.
    #[error("`{0}` is not a name of an HTTP header")]
    Name(String),
    /// It says how the request is written.
    #[error("the header `{0}` is set by cedarpost itself")]
    Ours(String),
    /// It is set twice.
    #[error("the header `{0}` is set twice")]
    Twice(String),
    /// Its value has characters that no header may have. The value is not shown.
    #[error("the value of the header `{0}` has characters that a header cannot have")]
    Value(String),
}

/// Headers of every request, with values that are never printed. Some values stand in files, which are read for each request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    given: Vec<(HeaderName, HeaderValue)>,
    files: Vec<(HeaderName, PathBuf)>,
}

/// What says how a request is written, or where its end is.
const OURS: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::HOST,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

impl Headers {
    /// Adds a header with its value.
    ///
    /// # Errors
    ///
    /// [`HeaderError`].
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, HeaderError> {
        let name = self.checked(name)?;
        let value = sensitive(value.as_bytes()).ok_or_else(|| HeaderError::Value(name.to_string()))?;
        self.given.push((name, value));
        Ok(self)
    }

    /// Adds a header whose value stands in a file.
    ///
    /// # Errors
    ///
    /// [`HeaderError`].
    pub fn with_file(mut self, name: &str, file: PathBuf) -> Result<Self, HeaderError> {
        let name = self.checked(name)?;
        self.files.push((name, file));
        Ok(self)
    }

    fn checked(&self, name: &str) -> Result<HeaderName, HeaderError> {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name(name.to_owned()))?;
        if OURS.contains(&header) {
            return Err(HeaderError::Ours(header.to_string()));
        }
        let mut known = self.given.iter().map(|(name, _)| name).chain(self.files.iter().map(|(name, _)| name));
        if known.any(|known| *known == header) { Err(HeaderError::Twice(header.to_string())) } else { Ok(header) }
    }

    /// Those whose values are known.
    pub(super) fn given(&self) -> &[(HeaderName, HeaderValue)] {
        &self.given
    }

    /// Those whose values stand in files.
    pub(super) fn files(&self) -> &[(HeaderName, PathBuf)] {
        &self.files
    }
}

/// A value that is not printed, without the white space around it that files end in.
pub(super) fn sensitive(value: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.given.iter().map(|(name, _)| name).chain(self.files.iter().map(|(name, _)| name));
        f.debug_set().entries(names.map(HeaderName::as_str)).finish()
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
