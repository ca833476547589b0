//! Keys that sign notes: their names, ids and text form, after C2SP signed-note, sections "Signatures" and "Verifier keys".
//!
//! A key is known by its name and a 32-bit id together; the id depends on what the key is for, so that one Ed25519 key used as a
//! log's and as a witness's is two keys. Keys come from the operator; where the private half is kept is not decided here. Read
//! next: [`super::signed`].

use std::fmt;
use std::str::FromStr;

use ring::digest;
use ring::rand::SecureRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::text::{base64, parse_base64};

/// The longest name of a key, in bytes.
pub const MAX_NAME: usize = 255;

/// Why a key could not be read or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, longer than [`MAX_NAME`], or has white space, a plus sign or a control character.
    #[error("the name of a key is 1 to 255 bytes without white space, plus signs and control characters")]
    Name,
    /// The text is not a name, eight hexadecimal digits and base64 with plus signs between.
    #[error("a verifier key reads `name+id+key`")]
    Form,
    /// The id is not that of the name and the key.
    #[error("the id of the key does not fit its name and bytes")]
    Id,
    /// The key is for something else than Ed25519 signatures and cosignatures.
    #[error("the key is of a kind that is not known here")]
    Algorithm,
    /// The key is one under which anybody can sign, or not in its canonical form.
    #[error("the key is one under which anybody can sign")]
    Weak,
    /// The text is not that of a private key.
    #[error("a private key reads `PRIVATE+KEY+name+id+key`")]
    PrivateForm,
    /// The private key is not an Ed25519 key in PKCS #8 form.
    #[error("the private key is not an Ed25519 key in PKCS #8 form")]
    Pkcs8,
    /// The system gave no random bytes for a new key.
    #[error("the system gave no random bytes")]
    Random,
}

/// The name of a key. A log's is its origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

impl KeyName {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, KeyError> {
        let name = name.into();
        let wrong = |character: char| character.is_whitespace() || character < ' ' || character == '+';
        if name.is_empty() || name.len() > MAX_NAME || name.contains(wrong) { Err(KeyError::Name) } else { Ok(Self(name)) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Texts of notes, as a log does: type 0x01.
    Ed25519,
    /// Checkpoints with the time at which they were seen, as a witness does: type 0x04.
    Cosignature,
}

impl Algorithm {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// The number that tells keys of one name apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The id in a signature.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    fn of(name: &KeyName, algorithm: Algorithm, public: &[u8; 32]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(name.as_str().as_bytes());
        context.update(&[b'\n', algorithm.byte()]);
        context.update(public);
        let mut id = [0; 4];
        id.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// The public half of a key, and all that it takes to know its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    public: [u8; 32],
}

impl VerifierKey {
    fn new(name: KeyName, algorithm: Algorithm, public: [u8; 32]) -> Self {
        let id = KeyId::of(&name, algorithm, &public);
        Self { name, id, algorithm, public }
    }

    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What the key signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes of the public key, which two keys of different name or kind may share.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether `signature` is the Ed25519 signature of `message`.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    /// Reads `name+id+base64(type || public key)`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let name = KeyName::new(name)?;
        let bytes = parse_base64(key).ok_or(KeyError::Form)?;
        let (algorithm, public) = bytes.split_first().ok_or(KeyError::Form)?;
        let algorithm = Algorithm::from_byte(*algorithm).ok_or(KeyError::Algorithm)?;
        let key = Self::new(name, algorithm, public.try_into().map_err(|_| KeyError::Form)?);
        if key.id.to_string() != id {
            return Err(KeyError::Id);
        }
        if is_weak(&key.public) { Err(KeyError::Weak) } else { Ok(key) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.algorithm.byte()];
        bytes.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, self.id, base64(&bytes))
    }
}

/// The y coordinates (little-endian) of the points of order 8; the other points of small order have y = 0, 1 and -1.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
        0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
        0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Whether a public key is a point of small order, for which signatures can be made without a private key, or has y >= 2^255 - 19.
fn is_weak(public: &[u8; 32]) -> bool {
    let mut y = *public;
    let [first, middle @ .., last] = &mut y;
    // The highest bit is the sign of x.
    *last &= 0x7f;
    let small = *first <= 1 && *last == 0 && middle.iter().all(|byte| *byte == 0);
    // From -1 (0xec) on, where -1 itself is of order 2 and all above have a smaller form.
    let large = *first >= 0xec && *last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    small || large || ORDER_8.contains(&y)
}

/// How the text of a private key begins.
const PRIVATE: &str = "PRIVATE+KEY+";

/// A key pair with its name: what [`super::signed::SigningKey`] and [`super::cosignature::Cosigner`] are made of.
pub(crate) struct NamedPair {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl NamedPair {
    /// A new key pair in PKCS #8 form.
    pub(crate) fn generate(random: &dyn SecureRandom) -> Result<ring::pkcs8::Document, KeyError> {
        Ed25519KeyPair::generate_pkcs8(random).map_err(|_| KeyError::Random)
    }

    /// Reads a key pair; files of `openssl genpkey`, which leave the public half out, are read too.
    pub(crate) fn from_pkcs8(name: KeyName, algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Pkcs8)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Pkcs8)?;
        Ok(Self { pair, verifier: VerifierKey::new(name, algorithm, public) })
    }

    /// A new private key as text, which has its name in it: `PRIVATE+KEY+name+id+base64(type || seed)`, the form of Go's
    /// `sumdb/note`, which other implementations of signed notes read, too.
    pub(crate) fn generate_text(name: KeyName, random: &dyn SecureRandom) -> Result<Zeroizing<String>, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(&mut *seed).map_err(|_| KeyError::Random)?;
        let verifier = Self::from_seed(name, &*seed)?.verifier;
        let mut bytes = Zeroizing::new(vec![Algorithm::Ed25519.byte()]);
        bytes.extend_from_slice(&*seed);
        let encoded = Zeroizing::new(base64(&bytes));
        Ok(Zeroizing::new(format!("{PRIVATE}{}+{}+{}", verifier.name, verifier.id, *encoded)))
    }

    /// Reads a private key in that form.
    pub(crate) fn from_text(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.strip_prefix(PRIVATE).ok_or(KeyError::PrivateForm)?.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::PrivateForm);
        };
        let bytes = Zeroizing::new(parse_base64(key).ok_or(KeyError::PrivateForm)?);
        let (algorithm, seed) = bytes.split_first().ok_or(KeyError::PrivateForm)?;
        if Algorithm::from_byte(*algorithm) != Some(Algorithm::Ed25519) {
            return Err(KeyError::Algorithm);
        }
        let pair = Self::from_seed(KeyName::new(name)?, seed)?;
        if pair.verifier.id.to_string() == id { Ok(pair) } else { Err(KeyError::Id) }
    }

    fn from_seed(name: KeyName, seed: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::PrivateForm)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::PrivateForm)?;
        Ok(Self { pair, verifier: VerifierKey::new(name, Algorithm::Ed25519, public) })
    }

    pub(crate) const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn sign(&self, message: &[u8]) -> ring::signature::Signature {
        self.pair.sign(message)
    }
}

impl fmt::Debug for NamedPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedPair").field(&self.verifier).finish()
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
