//! Signing, for the one token that the sidecar makes itself: the one by which it tells an authorization server who it is
//! (`private_key_jwt`, RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::algorithm::Algorithm;

/// Why a text is no key to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSigner {
    /// No PEM with a key in it.
    #[error("it is not a private key in PKCS #8 as PEM (`BEGIN PRIVATE KEY`)")]
    Pem,
    /// A key of another kind.
    #[error("the key is neither RSA of at least 2048 bits nor P-256 nor Ed25519")]
    Kind,
}

/// A private key. It is never shown.
pub(in crate::identity) struct Signer {
    pair: Pair,
    kid: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("algorithm", &self.algorithm()).field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads a key in PEM.
    pub(in crate::identity) fn parse(pem: &[u8], kid: Option<String>) -> Result<Self, BadSigner> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| BadSigner::Pem)?;
        let der = der.secret_pkcs8_der();
        let p256 = || EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new()).map(Pair::P256);
        let pair = RsaKeyPair::from_pkcs8(der)
            .map(Pair::Rsa)
            .or_else(|_| p256())
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519))
            .map_err(|_| BadSigner::Kind)?;
        Ok(Self { pair, kid })
    }

    const fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::P256(_) => Algorithm::Es256,
            Pair::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// A token with these claims; `None` when there is no randomness to sign with.
    pub(in crate::identity) fn sign(&self, claims: &Value) -> Option<String> {
        let mut header = json!({ "alg": self.algorithm().name(), "typ": "JWT" });
        if let (Some(kid), Some(header)) = (&self.kid, header.as_object_mut()) {
            header.insert("kid".to_owned(), kid.as_str().into());
        }
        self.sign_parts(&header, claims)
    }

    pub(in crate::identity) fn sign_parts(&self, header: &Value, claims: &Value) -> Option<String> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let (message, random) = (signed.as_bytes(), SystemRandom::new());
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message).ok()?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        };
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
impl Signer {
    /// The public half as a JWK.
    pub(in crate::identity) fn jwk(&self) -> Value {
        use ring::rsa::PublicKeyComponents;
        use ring::signature::KeyPair as _;
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": text(&public.n), "e": text(&public.e) })
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Pair::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) }),
        };
        if let Some(kid) = &self.kid {
            jwk["kid"] = kid.as_str().into();
        }
        jwk
    }

    /// A fresh key of P-256.
    pub(in crate::identity) fn generate(kid: &str) -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
        Self { pair: Pair::P256(pair), kid: Some(kid.to_owned()) }
    }
}
