//! What a salt is for: a commitment that shows nothing, and a cipher for what is kept.
//!
//! - Commitment: `HMAC-SHA256(key = salt, message = SHA-256(text))`. Without the salt nobody can test a guess.
//! - Kept text: ChaCha20-Poly1305 (RFC 8439) with `key = HMAC-SHA256(salt, "cedarpost kept v1")`, a nonce of zeros (a salt is used for one
//!   record and so the key for one text), and the record's number (u64, big-endian) as additional data. The tag stands behind the text.
//!
//! Pure: no files, no log. Both ends are here, and the vectors of the tests were computed elsewhere.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hmac};

use super::salts::Salt;

/// What the key of kept texts is derived with; another form of them has another sentence.
const KEPT: &[u8] = b"cedarpost kept v1";

/// By how many bytes a kept text grows.
pub const TAG: usize = 16;

/// A text is too long for the cipher, which no text that fits into memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text of {0} bytes is too long to be enciphered")]
pub struct SealError(usize);

/// The kept bytes are not what was kept of this record: they were changed, or belong to another record or another salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was kept of record {0} does not belong to its salt, or was changed")]
pub struct UnsealError(pub u64);

/// The SHA-256 of a text: what is committed to.
#[must_use]
pub fn digest_of(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, text).as_ref());
    bytes
}

/// The commitment to a text with this SHA-256.
#[must_use]
pub fn commitment(salt: &Salt, digest: &[u8; 32]) -> [u8; 32] {
    tag(salt, digest)
}

/// Enciphers what is kept of the record `seq`.
///
/// # Errors
///
/// [`SealError`] when the text is longer than 256 GiB.
pub fn seal(salt: &Salt, seq: u64, text: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut sealed = Vec::with_capacity(text.len() + TAG);
    sealed.extend_from_slice(text);
    let too_long = |_| SealError(text.len());
    key(salt).and_then(|key| key.seal_in_place_append_tag(nonce(), aad(seq), &mut sealed)).map_err(too_long)?;
    Ok(sealed)
}

/// Deciphers what was kept of the record `seq`.
///
/// # Errors
///
/// [`UnsealError`] when anything of it does not fit.
pub fn unseal(salt: &Salt, seq: u64, sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
    let mut text = sealed.to_vec();
    let opened = key(salt).and_then(|key| key.open_in_place(nonce(), aad(seq), &mut text).map(|text| text.len()));
    text.truncate(opened.map_err(|_| UnsealError(seq))?);
    Ok(text)
}

fn key(salt: &Salt) -> Result<LessSafeKey, ring::error::Unspecified> {
    UnboundKey::new(&CHACHA20_POLY1305, &tag(salt, KEPT)).map(LessSafeKey::new)
}

fn nonce() -> Nonce {
    // "Less safe" are keys whose nonces the caller counts. Here the key is the nonce: it is used once.
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn aad(seq: u64) -> Aad<[u8; 8]> {
    Aad::from(seq.to_be_bytes())
}

fn tag(salt: &Salt, message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()), message);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
