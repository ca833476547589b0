//! What a witness signs, after C2SP tlog-cosignature, the Ed25519 form: that at a certain time a checkpoint was the largest one it
//! had seen of its log.
//!
//! A [`Cosigner`] signs whatever it is given; that it has seen nothing that contradicts is what the witness (`audit::tlog`) makes sure of,
//! and only its answer can be signed. Reading cosignatures is part of [`super::signed::Note::verify`].

use ring::rand::SecureRandom;

use super::key::{Algorithm, KeyError, KeyName, NamedPair, VerifierKey};
use super::signed::Signature;

/// The latest time that can be signed.
pub const MAX_TIME: u64 = i64::MAX as u64;

/// A key that cosigns checkpoints, as a witness has one.
#[derive(Debug)]
pub struct Cosigner(NamedPair);

impl Cosigner {
    /// Makes a new key pair, in PKCS #8 form. It must not be used for anything else, another witness included.
    pub fn generate(random: &dyn SecureRandom) -> Result<ring::pkcs8::Document, KeyError> {
        NamedPair::generate(random)
    }

    /// Reads a key pair in PKCS #8 form.
    pub fn from_pkcs8(name: KeyName, der: &[u8]) -> Result<Self, KeyError> {
        NamedPair::from_pkcs8(name, Algorithm::Cosignature, der).map(Self)
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    /// Signs the text of a checkpoint as seen at `time`, in seconds since 1970; a time beyond [`MAX_TIME`] is signed as that one.
    pub(crate) fn cosign(&self, text: &str, time: u64) -> Signature {
        let time = time.min(MAX_TIME);
        let signed = self.0.sign(message(text, time).as_bytes());
        Signature::new(self.verifier(), [&time.to_be_bytes(), signed.as_ref()].concat())
    }
}

/// The time that a cosignature names, when it is that of this key and text.
pub(crate) fn check(text: &str, key: &VerifierKey, bytes: &[u8]) -> Option<u64> {
    let (time, signature) = bytes.split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= MAX_TIME && key.has_signed(message(text, time).as_bytes(), signature)).then_some(time)
}

fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
#[path = "cosignature_tests.rs"]
mod tests;
