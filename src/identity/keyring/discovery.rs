//! What an authorization server says of itself (RFC 8414, OpenID Connect Discovery 1.0).

use http::Uri;
use serde_json::Value;

use super::fetch::FetchError;
use crate::json;

/// The longest such document, in bytes.
pub(super) const MAX_METADATA: usize = 256 * 1024;
const MAX_DEPTH: u32 = 16;

/// What we need to know of an authorization server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::identity) struct Metadata {
    pub(in crate::identity) jwks: Option<Uri>,
    pub(in crate::identity) introspection: Option<Uri>,
    pub(in crate::identity) token: Option<Uri>,
    pub(in crate::identity) authorize: Option<Uri>,
}

/// Where the metadata of an issuer may be, in the order in which one looks. `None` for an issuer that is no URL.
pub(super) fn places(issuer: &str) -> Option<[Uri; 3]> {
    let uri: Uri = issuer.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    if uri.query().is_some() {
        return None;
    }
    let path = uri.path().trim_end_matches('/');
    let inserted = |name: &str| format!("{scheme}://{authority}/.well-known/{name}{path}").parse().ok();
    let appended = format!("{scheme}://{authority}{path}/.well-known/openid-configuration").parse().ok();
    Some([inserted("oauth-authorization-server")?, appended?, inserted("openid-configuration")?])
}

impl Metadata {
    /// Reads the document of this issuer. One that is about another issuer says nothing (RFC 8414, section 3.3).
    pub(super) fn parse(text: &[u8], issuer: &str) -> Result<Self, FetchError> {
        let text = std::str::from_utf8(text).map_err(|_| FetchError::Metadata)?;
        let document = json::value(text, MAX_DEPTH).map_err(|_| FetchError::Metadata)?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(FetchError::OtherIssuer);
        }
        let uri = |name: &str| match document.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().and_then(|text| text.parse().ok()).map(Some).ok_or(FetchError::Metadata),
        };
        Ok(Self {
            jwks: uri("jwks_uri")?,
            introspection: uri("introspection_endpoint")?,
            token: uri("token_endpoint")?,
            authorize: uri("authorization_endpoint")?,
        })
    }
}
