//! Public keys as issuers publish them (JWK and JWK Sets, RFC 7517), and what they say about a signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Family};
use crate::json;

/// Most keys of one issuer that are kept; further ones do not count.
const MAX_KEYS: usize = 64;
/// The longest set of keys, in bytes.
pub(in crate::identity) const MAX_SET: usize = 512 * 1024;
/// The deepest nesting of its JSON.
const MAX_DEPTH: u32 = 16;
/// Keys of RSA between these lengths are used, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a text is no set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySet {
    /// It is not JSON of the right form.
    #[error("it is not a JWK Set that every parser reads alike")]
    Malformed,
    /// It has keys, but none that verifies signatures in a way that is known here.
    #[error("it has no key that signatures can be verified with")]
    Empty,
}

/// Why there is no key to verify a token with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::identity) enum NoKey {
    /// The issuer has none with this id: it may have a new one.
    Unknown,
    /// The key with this id is for something else, or the token names none and several could be meant.
    Unfit,
}

/// The keys of one issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::identity) struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a JWK Set. Keys for encryption, symmetric ones and those of unknown kinds do not count.
    pub(in crate::identity) fn parse(text: &[u8]) -> Result<Self, BadKeySet> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_SET).ok_or(BadKeySet::Malformed)?;
        let document = json::value(text, MAX_DEPTH).map_err(|_| BadKeySet::Malformed)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or(BadKeySet::Malformed)?;
        let keys: Vec<Key> = listed.iter().filter_map(Value::as_object).filter_map(Key::parse).take(MAX_KEYS).collect();
        if keys.is_empty() { Err(BadKeySet::Empty) } else { Ok(Self { keys }) }
    }

    /// The key that a token is to be verified with. A token that names no key is taken at its word only where no other could be meant.
    pub(in crate::identity) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, NoKey> {
        let fits = |key: &&Key| key.fits(algorithm);
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                (None, _) => Err(NoKey::Unknown),
                (Some(_), Some(_)) => Err(NoKey::Unfit),
            };
        };
        let mut named = self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid)).peekable();
        if named.peek().is_none() {
            return Err(NoKey::Unknown);
        }
        let mut fitting = named.filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(NoKey::Unfit),
        }
    }

    /// Whether a key of `self` is not in `later`: what it verified must not be believed any longer.
    pub(in crate::identity) fn loses_keys_in(&self, later: &Self) -> bool {
        self.keys.iter().any(|key| !later.keys.contains(key))
    }

    /// How many keys there are.
    pub(in crate::identity) const fn len(&self) -> usize {
        self.keys.len()
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::identity) struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, if its owner says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point.
    Ec(Family, Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// Reads a JWK that verifies signatures; `None` for any other.
    pub(in crate::identity) fn parse(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let for_signatures = jwk.get("use").is_none_or(|purpose| purpose == "sig")
            && jwk.get("key_ops").is_none_or(|operations| {
                operations.as_array().is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
            });
        if !for_signatures {
            return None;
        }
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::named(name.as_str()?)?),
        };
        let material = Material::parse(jwk)?;
        if algorithm.is_some_and(|algorithm| algorithm.family() != material.family()) {
            return None;
        }
        Some(Self { kid: text("kid").map(str::to_owned), algorithm, material })
    }

    /// Whether the key is of the kind that the algorithm needs, and is not for another one.
    pub(in crate::identity) fn fits(&self, algorithm: Algorithm) -> bool {
        self.material.family() == algorithm.family() && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether the signature of the message is this key's.
    pub(in crate::identity) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { modulus, exponent } => algorithm.rsa().is_some_and(|parameters| {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).is_ok()
            }),
            Material::Ec(_, point) => algorithm
                .ecdsa()
                .is_some_and(|parameters| UnparsedPublicKey::new(parameters, point).verify(message, signature).is_ok()),
            Material::Ed25519(point) => UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature).is_ok(),
        }
    }

    /// The name of the key that follows from the key itself (RFC 7638), in base64url.
    pub(in crate::identity) fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match &self.material {
            Material::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
            Material::Ec(family, point) => {
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
                let curve = if *family == Family::P256 { "P-256" } else { "P-384" };
                format!(r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
            }
            Material::Ed25519(point) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(point)),
        };
        text(digest(&SHA256, members.as_bytes()).as_ref())
    }
}

impl Material {
    fn parse(jwk: &Map<String, Value>) -> Option<Self> {
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
        let curve = jwk.get("crv").and_then(Value::as_str);
        match (jwk.get("kty")?.as_str()?, curve) {
            ("RSA", _) => {
                let (modulus, exponent) = (unsigned(bytes("n")?), unsigned(bytes("e")?));
                let bits = modulus.len().saturating_mul(8).saturating_sub(modulus.first()?.leading_zeros() as usize);
                RSA_BITS.contains(&bits).then_some(Self::Rsa { modulus, exponent })
            }
            ("EC", Some("P-256")) => point(Family::P256, &bytes("x")?, &bytes("y")?, 32),
            ("EC", Some("P-384")) => point(Family::P384, &bytes("x")?, &bytes("y")?, 48),
            ("OKP", Some("Ed25519")) => Some(bytes("x")?).filter(|point| point.len() == 32).map(Self::Ed25519),
            _ => None,
        }
    }

    const fn family(&self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::Ec(family, _) => *family,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }
}

/// A point from its coordinates, each of which has exactly this many bytes.
fn point(family: Family, x: &[u8], y: &[u8], length: usize) -> Option<Material> {
    (x.len() == length && y.len() == length).then(|| Material::Ec(family, [&[4], x, y].concat()))
}

/// A number without zeros in front.
fn unsigned(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.into_iter().skip(zeros).collect()
}
