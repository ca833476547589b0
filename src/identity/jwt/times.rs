//! From when to when a token holds.

use serde_json::{Map, Value};

use crate::domain::Timestamp;
use crate::identity::flaw::Flaw;

/// The last second that is taken for a time: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The times of a token that holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::identity) struct Times {
    pub(in crate::identity) expires: Timestamp,
    pub(in crate::identity) issued: Option<Timestamp>,
}

impl Times {
    /// Checks `exp`, which must be there, `nbf` and `iat` against the time, give or take the skew.
    pub(in crate::identity) fn check(claims: &Map<String, Value>, now: Timestamp, skew_micros: i64) -> Result<Self, Flaw> {
        let time = |name: &str| claims.get(name).map(|value| timestamp(value).ok_or(Flaw::Times)).transpose();
        let expires = claims.get("exp").and_then(timestamp).ok_or(Flaw::NoExpiry)?;
        let (not_before, issued) = (time("nbf")?, time("iat")?);
        let (now, late) = (now.as_micros(), now.as_micros().saturating_add(skew_micros));
        if expires.as_micros().saturating_add(skew_micros) <= now {
            return Err(Flaw::Expired);
        }
        if not_before.is_some_and(|from| from.as_micros() > late) {
            return Err(Flaw::NotYet);
        }
        if issued.is_some_and(|at| at.as_micros() > late || at > expires) {
            return Err(Flaw::Times);
        }
        Ok(Self { expires, issued })
    }
}

/// A `NumericDate`: seconds since the epoch, which may have a fraction.
pub(in crate::identity) fn timestamp(value: &Value) -> Option<Timestamp> {
    let seconds = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => seconds,
        #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked first, and the fraction does not count")]
        (None, Some(seconds)) if seconds >= 0.0 && seconds < LAST_SECOND as f64 => seconds as i64,
        _ => return None,
    };
    (0..=LAST_SECOND).contains(&seconds).then(|| Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}
