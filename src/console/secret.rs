//! Random words that open something, and what is kept of them: a digest, so that nobody who reads memory or compares times learns one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

/// The length of a word, in bytes before encoding.
const BYTES: usize = 32;

/// What is kept of a word.
pub(super) type Kept = [u8; 32];

/// A new word of 256 random bits; `None` when the system has none to give, and then nothing is opened.
pub(super) fn word() -> Option<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a word.
pub(super) fn kept(word: &str) -> Kept {
    let mut kept = [0; 32];
    kept.copy_from_slice(digest(&SHA256, word.as_bytes()).as_ref());
    kept
}

/// The challenge of a PKCE verifier (RFC 7636, S256).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(kept(verifier))
}

/// Whether two words are the same, in a time that says nothing of where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (kept(one), kept(other));
    one.iter().zip(other).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}
