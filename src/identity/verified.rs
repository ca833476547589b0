//! A token that is verified, as far as that does not depend on the request it comes with.

use std::sync::Arc;

use serde_json::Value;

use super::flaw::Flaw;
use crate::domain::{Actor, Caller, Timestamp};

/// What a verified token tells.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) caller: Caller,
    pub(super) expires: Timestamp,
    /// For whom it was given out.
    pub(super) audiences: Vec<Arc<str>>,
    pub(super) bound: Option<Binding>,
    /// All of its claims: an actor's token is held against them.
    pub(super) claims: Arc<Value>,
}

impl Verified {
    /// Whether it is meant for one of these.
    pub(super) fn is_for<'a>(&self, mut accepted: impl Iterator<Item = &'a str>) -> bool {
        accepted.any(|audience| self.audiences.iter().any(|meant| **meant == *audience))
    }
}

/// The key that the bearer of a token must hold (`cnf`, RFC 7800).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// The key with this thumbprint, by a proof (RFC 9449).
    Proof(Box<str>),
    /// The client certificate with this SHA-256 digest, in base64url (RFC 8705).
    Certificate(Box<str>),
}

impl Binding {
    /// The binding that claims tell of. One that is not understood makes the token useless: it is not for a mere bearer.
    pub(super) fn of(claims: &Value) -> Result<Option<Self>, Flaw> {
        let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
        let members = confirmation.as_object().ok_or(Flaw::Unbound)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(Into::into);
        match (text("jkt"), text("x5t#S256"), members.len()) {
            (Some(thumbprint), None, 1) => Ok(Some(Self::Proof(thumbprint))),
            (None, Some(digest), 1) => Ok(Some(Self::Certificate(digest))),
            _ => Err(Flaw::Unbound),
        }
    }
}

/// A caller in words, for people.
pub(super) fn words(caller: &Caller) -> String {
    match &caller.actor {
        Actor::Person(user) => format!("agent `{}` for `{user}`", caller.agent),
        Actor::Unattended => format!("agent `{}` for nobody", caller.agent),
    }
}

/// A time in words: RFC 3339, UTC.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(|_| "never".to_owned(), |at| at.to_string())
}
