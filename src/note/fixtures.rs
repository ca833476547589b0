//! What tests of notes, and of what is written in notes, share: keys with known seeds, and changed bytes.

use super::{Cosigner, KeyName, SigningKey};

/// An Ed25519 key in PKCS #8 form (version 1, as `openssl genpkey` writes it) with 32 times the same byte as its seed.
pub(crate) fn pkcs8(seed: u8) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[seed; 32]);
    der
}

pub(crate) fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

pub(crate) fn signing_key(key_name: &str, seed: u8) -> SigningKey {
    SigningKey::from_pkcs8(name(key_name), &pkcs8(seed)).unwrap()
}

pub(crate) fn cosigner(key_name: &str, seed: u8) -> Cosigner {
    Cosigner::from_pkcs8(name(key_name), &pkcs8(seed)).unwrap()
}

/// Every form of `bytes` with one bit changed, and where.
pub(crate) fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, flipped)
    })
}

/// One changed bit of each byte, another one from byte to byte, and the one that tells capitals from small letters: for checks that
/// take a signature each.
pub(crate) fn some_flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    flips(bytes).enumerate().filter(|(bit, (byte, _))| bit % 8 == byte % 8 || bit % 8 == 5).map(|(_, flip)| flip)
}
