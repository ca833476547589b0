//! What a case says of the caller's token, as policies see it in `context.token`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::{Attribute, Token};
use crate::identity;

/// Who vouches for a token whose case does not say it.
pub(super) const ISSUER: &str = "https://issuer.example";

/// The token that such words describe; `None` when there are none.
pub(super) fn of(issuer: Option<&str>, scopes: Option<&[String]>, claims: Option<&str>) -> Result<Option<Token>, String> {
    if issuer.is_none() && scopes.is_none() && claims.is_none() {
        return Ok(None);
    }
    Ok(Some(Token {
        issuer: issuer.unwrap_or(ISSUER).into(),
        id: None,
        chain: Vec::new(),
        scopes: scopes.unwrap_or_default().iter().map(|scope| scope.as_str().into()).collect(),
        attributes: claims.map(attributes).transpose()?.unwrap_or_default(),
    }))
}

fn attributes(claims: &str) -> Result<BTreeMap<Arc<str>, Attribute>, String> {
    let claims: BTreeMap<String, Value> = serde_json::from_str(claims).map_err(|error| error.to_string())?;
    let attribute = |(name, value): (String, Value)| match identity::attribute_of(&value) {
        Some(attribute) => Ok((name.into(), attribute)),
        None => Err(format!("claim `{name}` is neither a text nor a list of texts nor a whole number nor true or false")),
    };
    claims.into_iter().map(attribute).collect()
}
