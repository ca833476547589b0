//! Signatures of Standard Webhooks: HMAC-SHA256 over the id, the time and the body.
//!
//! While a secret is exchanged a file holds two, and a message two signatures: whoever receives it may know either.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA256, Key, sign};

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// The most secrets of one hook.
const MOST: usize = 4;

/// Why a file does not hold secrets. The file's text is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// It is empty.
    #[error("there is no secret in it")]
    None,
    /// There are more than can be meant.
    #[error("there are more than {MOST} secrets in it")]
    TooMany,
    /// A line is something else.
    #[error("a secret is `whsec_` and the base64 form of 24 to 64 random bytes, one on a line")]
    Form,
}

/// The secrets of one hook.
pub struct Secrets(Vec<Key>);

impl Secrets {
    /// Reads the lines of a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, BadSecret> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(key).collect::<Result<Vec<_>, _>>()?;
        match keys.len() {
            0 => Err(BadSecret::None),
            1..=MOST => Ok(Self(keys)),
            _ => Err(BadSecret::TooMany),
        }
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn signature(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{seconds}.").into_bytes();
        signed.extend_from_slice(body);
        let signatures = self.0.iter().map(|key| format!("v1,{}", STANDARD.encode(sign(key, &signed))));
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

fn key(line: &str) -> Result<Key, BadSecret> {
    let bytes = line.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(zeroize::Zeroizing::new);
    let bytes = bytes.filter(|bytes| (24..=64).contains(&bytes.len())).ok_or(BadSecret::Form)?;
    Ok(Key::new(HMAC_SHA256, &bytes))
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
