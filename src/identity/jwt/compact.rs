//! A token taken apart: header, claims and signature. Nothing in it is verified yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use crate::identity::flaw::Flaw;
use crate::json;

/// The longest token that is looked at, in bytes.
pub(in crate::identity) const MAX_TOKEN: usize = 16 * 1024;
/// The deepest nesting of its JSON.
const MAX_DEPTH: u32 = 16;
/// The longest `kid`, in bytes.
const MAX_KID: usize = 512;

/// What `typ` says. It is compared without regard to case, and `application/` in front of it means nothing (RFC 7515, section 4.1.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenType {
    /// There is no `typ`.
    Absent,
    /// This one, in lower case and without `application/`.
    Named(Box<str>),
}

impl TokenType {
    /// The type that is written so.
    #[must_use]
    pub fn named(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        Self::Named(text.strip_prefix("application/").unwrap_or(&text).into())
    }
}

/// A token in its parts.
#[derive(Debug)]
pub(in crate::identity) struct Compact<'a> {
    /// `None` for `none`, for symmetric algorithms, and for whatever nobody here knows.
    pub(in crate::identity) algorithm: Option<Algorithm>,
    pub(in crate::identity) kid: Option<String>,
    pub(in crate::identity) token_type: TokenType,
    pub(in crate::identity) header: Map<String, Value>,
    pub(in crate::identity) claims: Map<String, Value>,
    /// What the signature is of.
    pub(in crate::identity) signed: &'a [u8],
    pub(in crate::identity) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    pub(in crate::identity) fn parse(token: &'a str) -> Result<Self, Flaw> {
        if token.len() > MAX_TOKEN {
            return Err(Flaw::TooLong(MAX_TOKEN));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Flaw::NotCompact)?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(Flaw::NotCompact)?;
        let signature = decode(signature)?;
        let (header, claims) = (object(&decode(header)?, "header")?, object(&decode(claims)?, "payload")?);
        if let Some(name) = ["crit", "b64", "zip", "enc"].into_iter().find(|name| header.contains_key(*name)) {
            return Err(Flaw::Critical(name));
        }
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Flaw::NotStrict("header")),
        };
        let algorithm = Algorithm::named(text("alg")?.ok_or(Flaw::Algorithm)?);
        let kid = text("kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(Flaw::UnknownKey);
        }
        let token_type = text("typ")?.map_or(TokenType::Absent, TokenType::named);
        Ok(Self { algorithm, kid, token_type, header, claims, signed: signed.as_bytes(), signature })
    }

    /// A claim that is a text.
    pub(in crate::identity) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

/// Base64url without padding, and without bits that mean nothing: one text for one value.
fn decode(part: &str) -> Result<Vec<u8>, Flaw> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::NotCompact)
}

fn object(bytes: &[u8], part: &'static str) -> Result<Map<String, Value>, Flaw> {
    let value = std::str::from_utf8(bytes).ok().and_then(|text| json::value(text, MAX_DEPTH).ok());
    match value {
        Some(Value::Object(members)) => Ok(members),
        _ => Err(Flaw::NotStrict(part)),
    }
}
