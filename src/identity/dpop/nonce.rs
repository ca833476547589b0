//! Nonces that a proof must have, so that none can be made in advance (RFC 9449, section 9). Nothing is kept but a key: a nonce is a
//! MAC of the time it was given out in, and good for that stretch of time and the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;

use crate::domain::Timestamp;

/// How long a stretch is.
const STRETCH_MICROS: i64 = 60_000_000;

/// Makes nonces, and knows its own.
#[derive(Debug)]
pub(super) struct Nonces(Option<hmac::Key>);

impl Nonces {
    /// With a key of this process.
    pub(super) fn new() -> Self {
        Self(hmac::Key::generate(HMAC_SHA256, &SystemRandom::new()).ok())
    }

    /// The nonce of this time.
    pub(super) fn at(&self, now: Timestamp) -> String {
        self.of(now.as_micros().div_euclid(STRETCH_MICROS)).unwrap_or_default()
    }

    /// Whether it is one of ours, and not old. Without a key none is.
    pub(super) fn is_fresh(&self, nonce: &str, now: Timestamp) -> bool {
        let stretch = now.as_micros().div_euclid(STRETCH_MICROS);
        [stretch, stretch - 1].into_iter().any(|stretch| self.is_of(nonce, stretch))
    }

    fn of(&self, stretch: i64) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(hmac::sign(self.0.as_ref()?, &stretch.to_be_bytes())))
    }

    fn is_of(&self, nonce: &str, stretch: i64) -> bool {
        let (Some(key), Ok(tag)) = (&self.0, URL_SAFE_NO_PAD.decode(nonce)) else { return false };
        hmac::verify(key, &stretch.to_be_bytes(), &tag).is_ok()
    }
}
