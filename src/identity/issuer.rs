//! One issuer's tokens: whether one is its own, meant for us, and in force; and whom it tells of.
//!
//! Pure: the time and the keys are given.

use std::sync::Arc;

use serde_json::Value;

use super::flaw::Flaw;
use super::jwt::{Compact, KeySet, NoKey, Times};
use super::prefixes::Prefixes;
use super::settings::{IssuerKind, IssuerSettings};
use super::trace::Trace;
use super::verified::{Binding, Verified};
use super::{kubernetes, verified};
use crate::domain::Timestamp;

/// Everything a token is held against besides its issuer.
pub(super) struct Circumstances<'a> {
    pub(super) now: Timestamp,
    pub(super) skew_micros: i64,
    pub(super) prefixes: &'a Prefixes,
}

/// Why a token is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unverified {
    /// It never will be.
    Flaw(Flaw),
    /// Its key is not among these; the issuer may have new ones.
    UnknownKey,
}

impl From<Flaw> for Unverified {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

/// Verifies a token of this issuer.
pub(super) fn verify(
    token: &Compact<'_>,
    issuer: &IssuerSettings,
    keys: &KeySet,
    with: &Circumstances<'_>,
    trace: &mut Trace,
) -> Result<Verified, Unverified> {
    if token.text("iss") != Some(&issuer.issuer) {
        return Err(Flaw::UnknownIssuer.into());
    }
    trace.passed("issuer", || format!("`{}`, which the configuration calls `{}`", issuer.issuer, issuer.name));
    if !issuer.types.contains(&token.token_type) {
        return Err(Flaw::Type.into());
    }
    trace.passed("type", || format!("{:?}", token.token_type));
    let algorithm = token.algorithm.filter(|algorithm| issuer.algorithms.contains(algorithm)).ok_or(Flaw::Algorithm)?;
    trace.passed("algorithm", || algorithm.to_string());
    let key = keys.find(token.kid.as_deref(), algorithm).map_err(|none| match none {
        NoKey::Unknown => Unverified::UnknownKey,
        NoKey::Unfit => Unverified::Flaw(Flaw::UnknownKey),
    })?;
    trace.passed("key", || token.kid.clone().unwrap_or_else(|| "the only one that fits".to_owned()));
    if !key.verify(algorithm, token.signed, &token.signature) {
        return Err(Flaw::Signature.into());
    }
    trace.passed("signature", || "holds".to_owned());
    let claims = Value::Object(token.claims.clone());
    Ok(believed(claims, issuer, with, trace)?)
}

/// What claims tell that are believed: by their signature, or because the issuer itself said so.
pub(super) fn believed(
    claims: Value,
    issuer: &IssuerSettings,
    with: &Circumstances<'_>,
    trace: &mut Trace,
) -> Result<Verified, Flaw> {
    let members = claims.as_object().ok_or(Flaw::NotStrict("payload"))?;
    let times = Times::check(members, with.now, with.skew_micros)?;
    trace.passed("times", || format!("expires {}", verified::time(times.expires)));
    let audiences = audiences(&claims).ok_or(Flaw::Audience)?;
    let bound = Binding::of(&claims)?;
    if issuer.bound_only && bound.is_none() {
        return Err(Flaw::Unbound);
    }
    let mut caller = issuer.mapping.caller(&issuer.issuer, &claims, with.prefixes)?;
    if issuer.kind == IssuerKind::Kubernetes {
        caller = kubernetes::account(caller, &issuer.mapping.prefix, &claims)?;
    }
    trace.passed("claims", || verified::words(&caller));
    Ok(Verified { caller, expires: times.expires, audiences, bound, claims: Arc::new(claims) })
}

/// `aud`: a text, or a list of them.
fn audiences(claims: &Value) -> Option<Vec<Arc<str>>> {
    match claims.get("aud")? {
        Value::String(one) => Some(vec![one.as_str().into()]),
        Value::Array(several) => several.iter().map(|one| one.as_str().map(Into::into)).collect(),
        _ => None,
    }
}

#[cfg(test)]
#[path = "issuer_tests.rs"]
mod tests;
