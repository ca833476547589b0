//! Signed notes, after C2SP signed-note: a text, a blank line, and a line for each signature.
//!
//! A note is read and written without losing a byte, signatures of unknown keys included. Whoever wants to believe the text goes
//! through [`Note::verify`]: unknown signatures do not count, one wrong signature of a known key spoils the note, and at least one
//! must be right. The limits keep a hostile note cheap. What a text means is up to whoever signs it.

use std::fmt;

use ring::rand::SecureRandom;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::cosignature;
use super::key::{Algorithm, KeyError, KeyId, KeyName, NamedPair, VerifierKey};
use super::text::{base64, has_control, parse_base64};

/// The longest note, in bytes. Sixteen signatures of 5 KiB, which every reader has to take, fit.
pub const MAX_NOTE: usize = 256 << 10;
/// The most signatures of a note.
pub const MAX_SIGNATURES: usize = 64;
/// How a signature line begins.
const MARK: &str = "\u{2014} ";

/// Why bytes are not a note, or a note cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// There are more than [`MAX_NOTE`] bytes.
    #[error("a note is longer than {MAX_NOTE} bytes")]
    TooLong,
    /// There are more than [`MAX_SIGNATURES`] signatures.
    #[error("a note has more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// The bytes are not UTF-8, or hold control characters other than the newline.
    #[error("a note is UTF-8 without control characters")]
    Characters,
    /// The text does not end with a newline.
    #[error("the text of a note ends with a newline")]
    Text,
    /// There is no blank line, or nothing after it.
    #[error("a note has a blank line and signatures after it")]
    Unsigned,
    /// A line after the blank one is not a signature.
    #[error("a line is not a signature")]
    Signature,
}

/// Why a note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyNoteError {
    /// A signature carries the name and id of a known key, and is not that key's.
    #[error("the signature of `{0}` is wrong")]
    Forged(KeyName),
    /// No known key has signed.
    #[error("no known key has signed")]
    Unknown,
}

/// One signature of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

impl Signature {
    pub(crate) fn new(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name().clone(), id: key.id(), bytes }
    }

    /// Reads a signature line without its newline.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let (name, encoded) = line.strip_prefix(MARK).and_then(|rest| rest.split_once(' ')).ok_or(NoteError::Signature)?;
        let name = KeyName::new(name).map_err(|_| NoteError::Signature)?;
        let decoded = parse_base64(encoded).ok_or(NoteError::Signature)?;
        match decoded.split_first_chunk() {
            Some((id, bytes)) if !bytes.is_empty() => Ok(Self { name, id: KeyId::from_bytes(*id), bytes: bytes.to_vec() }),
            _ => Err(NoteError::Signature),
        }
    }

    /// The name of the key that is said to have signed.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of that key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What follows the id.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the signature says that it is this key's.
    #[must_use]
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }
}

impl fmt::Display for Signature {
    /// The signature line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.as_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "{MARK}{} {}", self.name, base64(&bytes))
    }
}

/// A key that signs notes, as a log has one.
#[derive(Debug)]
pub struct SigningKey(NamedPair);

impl SigningKey {
    /// Makes a new key pair, in PKCS #8 form. Whoever has these bytes can sign.
    pub fn generate(random: &dyn SecureRandom) -> Result<ring::pkcs8::Document, KeyError> {
        NamedPair::generate(random)
    }

    /// Reads a key pair in PKCS #8 form.
    pub fn from_pkcs8(name: KeyName, der: &[u8]) -> Result<Self, KeyError> {
        NamedPair::from_pkcs8(name, Algorithm::Ed25519, der).map(Self)
    }

    /// Reads a file with a key pair in PKCS #8 form, which may be PEM.
    pub fn from_pkcs8_file(name: KeyName, bytes: &[u8]) -> Result<Self, KeyError> {
        match PrivatePkcs8KeyDer::from_pem_slice(bytes) {
            Ok(der) => Self::from_pkcs8(name, der.secret_pkcs8_der()),
            Err(_) => Self::from_pkcs8(name, bytes),
        }
    }

    /// Makes a new key as a line of text, which has its name in it: `PRIVATE+KEY+name+id+key`. Whoever has it can sign.
    pub fn generate_text(name: KeyName, random: &dyn SecureRandom) -> Result<Zeroizing<String>, KeyError> {
        NamedPair::generate_text(name, random)
    }

    /// Reads such a line.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        NamedPair::from_text(text).map(Self)
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    fn sign(&self, text: &str) -> Signature {
        Signature::new(self.verifier(), self.0.sign(text.as_bytes()).as_ref().to_vec())
    }
}

/// A text with signatures. INVARIANT: what it formats to can be read again, and is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text with each of the keys, of which there is at least one.
    pub fn sign(text: String, keys: &[&SigningKey]) -> Result<Self, NoteError> {
        if has_control(&text) {
            return Err(NoteError::Characters);
        }
        if !text.ends_with('\n') {
            return Err(NoteError::Text);
        }
        let signatures = keys.iter().map(|key| key.sign(&text)).collect();
        Self { text, signatures }.check()
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Characters)?;
        if has_control(note) {
            return Err(NoteError::Characters);
        }
        let (text, lines) = note.rfind("\n\n").and_then(|at| note.split_at_checked(at + 1)).ok_or(NoteError::Unsigned)?;
        let signatures = parse_signatures(lines.strip_prefix('\n').unwrap_or(lines))?;
        Self { text: text.to_owned(), signatures }.check()
    }

    /// The note with another signature; as it was when it carries that one already.
    pub fn with(mut self, signature: Signature) -> Result<Self, NoteError> {
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
        self.check()
    }

    /// The text, its last newline included. Nothing vouches for it before [`Self::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, of known and unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Which of the keys have signed the text.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Signers<'k>, VerifyNoteError> {
        let mut signers = Vec::new();
        for key in keys {
            let mut claiming = self.signatures.iter().filter(|signature| signature.claims(key)).peekable();
            if claiming.peek().is_none() {
                continue;
            }
            let times = claiming.map(|signature| check_signature(&self.text, key, signature));
            let time = times.collect::<Option<Vec<_>>>().ok_or_else(|| VerifyNoteError::Forged(key.name().clone()))?;
            signers.push(Signer { key, time: time.into_iter().max().flatten() });
        }
        if signers.is_empty() { Err(VerifyNoteError::Unknown) } else { Ok(Signers(signers)) }
    }

    fn check(self) -> Result<Self, NoteError> {
        match self.signatures.len() {
            0 => Err(NoteError::Unsigned),
            1..=MAX_SIGNATURES if self.len() <= MAX_NOTE => Ok(self),
            1..=MAX_SIGNATURES => Err(NoteError::TooLong),
            _ => Err(NoteError::TooMany),
        }
    }

    /// The length of the whole note, in bytes.
    fn len(&self) -> usize {
        let line = |signature: &Signature| MARK.len() + signature.name.as_str().len() + 2 + (signature.bytes.len() + 6) / 3 * 4;
        self.text.len() + 1 + self.signatures.iter().map(line).sum::<usize>()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// A known key that has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer<'k> {
    /// The key.
    pub key: &'k VerifierKey,
    /// When a witness says that it signed, in seconds since 1970; other keys do not say.
    pub time: Option<u64>,
}

/// The known keys that have signed a note: one at least, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers<'k>(Vec<Signer<'k>>);

impl<'k> Signers<'k> {
    /// The keys, in the order in which they were asked for.
    #[must_use]
    pub fn as_slice(&self) -> &[Signer<'k>] {
        &self.0
    }

    /// How many keys of this kind have signed.
    #[must_use]
    pub fn count(&self, algorithm: Algorithm) -> usize {
        self.0.iter().filter(|signer| signer.key.algorithm() == algorithm).count()
    }
}

/// Reads signature lines, each with its newline; at least one.
pub(crate) fn parse_signatures(lines: &str) -> Result<Vec<Signature>, NoteError> {
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Unsigned)?;
    if lines.split('\n').nth(MAX_SIGNATURES).is_some() {
        return Err(NoteError::TooMany);
    }
    lines.split('\n').map(Signature::parse).collect()
}

/// Checks what a signature says; inside is the time that it names. `None` when it is wrong.
fn check_signature(text: &str, key: &VerifierKey, signature: &Signature) -> Option<Option<u64>> {
    match key.algorithm() {
        Algorithm::Ed25519 => key.has_signed(text.as_bytes(), signature.bytes()).then_some(None),
        Algorithm::Cosignature => cosignature::check(text, key, signature.bytes()).map(Some),
    }
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;
