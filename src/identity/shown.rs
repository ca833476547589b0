//! Tokens that somebody showed and that were verified, kept for as long as one request: some servers must be shown them too, or a token
//! that is made of them. Where no server needs them, none are kept.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::remembered::TokenDigest;
use super::secret::Secret;
use super::verified::Verified;
use crate::domain::Timestamp;

/// The tokens behind one request.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The caller's access token.
    pub access: Option<Arc<ShownToken>>,
    /// The token of the person behind an agent that has an identity of its own.
    pub actor: Option<Arc<ShownToken>>,
}

/// A verified token. It is never printed.
#[derive(Debug)]
pub struct ShownToken {
    text: Secret,
    digest: TokenDigest,
    ends: Instant,
    bound: bool,
}

impl Shown {
    /// The token that says for whom something is done: the person's when there is one of their own, else the caller's.
    #[must_use]
    pub fn subject(&self) -> Option<&Arc<ShownToken>> {
        self.actor.as_ref().or(self.access.as_ref())
    }
}

impl ShownToken {
    pub(super) fn new(text: &str, verified: &Verified, now: Timestamp) -> Arc<Self> {
        let left = verified.expires.as_micros().saturating_sub(now.as_micros());
        let ends = Instant::now() + Duration::from_micros(u64::try_from(left).unwrap_or(0)).min(LONGEST);
        let (text, digest) = (Secret::new(text.to_owned()), TokenDigest::of(text));
        Arc::new(Self { text, digest, ends, bound: verified.bound.is_some() })
    }

    /// The token itself.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.text
    }

    /// SHA-256 of it.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest.bytes()
    }

    /// When it ends.
    #[must_use]
    pub const fn ends(&self) -> Instant {
        self.ends
    }

    /// Whether it is good only together with a key of whoever showed it.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.bound
    }
}

/// The longest time that is reckoned with.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);
