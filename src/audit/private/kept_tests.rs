//! Commitments and kept texts, held against vectors that Python's standard library computed (`tests/foreign/kept.py`).

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vector {
    salt: String,
    seq: String,
    text: String,
    commitment: String,
    sealed: String,
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(digits).collect()
}

fn salt(byte: u8) -> Salt {
    Salt::from_bytes([byte; 32]).unwrap()
}

#[test]
fn commitments_and_kept_texts_are_those_of_another_implementation() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors/kept.json")).unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let salt = Salt::from_bytes(hex(&vector.salt).try_into().unwrap()).unwrap();
        let (seq, text, sealed) = (vector.seq.parse().unwrap(), hex(&vector.text), hex(&vector.sealed));
        assert_eq!(commitment(&salt, &digest_of(&text)).to_vec(), hex(&vector.commitment), "{seq}");
        assert_eq!(seal(&salt, seq, &text).unwrap(), sealed, "{seq}");
        assert_eq!(unseal(&salt, seq, &sealed).unwrap(), text, "{seq}");
    }
}

#[test]
fn the_cipher_is_that_of_rfc_8439() {
    // Section 2.8.2, with its own key, nonce and additional data.
    let key: Vec<u8> = (0x80..0xa0).collect();
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&hex("070000004041424344454647")).unwrap();
    let mut text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
            .to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(hex("50515253c0c1c2c3c4c5c6c7")), &mut text).unwrap();
    assert_eq!(text[text.len() - 16..], hex("1ae10b594f09e26a7e902ecbd0600691"));
}

#[test]
fn what_was_kept_of_one_record_is_nothing_for_another() {
    let sealed = seal(&salt(1), 7, b"text").unwrap();
    assert_eq!(unseal(&salt(1), 7, &sealed).unwrap(), b"text");
    assert_eq!(unseal(&salt(1), 8, &sealed), Err(UnsealError(8)));
    assert_eq!(unseal(&salt(2), 7, &sealed), Err(UnsealError(7)));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(unseal(&salt(1), 7, &changed).is_err(), "byte {at}");
        assert!(unseal(&salt(1), 7, &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn another_salt_is_another_commitment_to_the_same_text() {
    let digest = digest_of(b"text");
    assert_ne!(commitment(&salt(1), &digest), commitment(&salt(2), &digest));
    assert_ne!(commitment(&salt(1), &digest), commitment(&salt(1), &digest_of(b"tex")));
}

proptest! {
    #[test]
    fn what_is_sealed_comes_back(bytes in any::<[u8; 32]>(), seq in any::<u64>(), text in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assume!(bytes != [0; 32]);
        let salt = Salt::from_bytes(bytes).unwrap();
        let sealed = seal(&salt, seq, &text).unwrap();
        prop_assert_eq!(sealed.len(), text.len() + TAG);
        prop_assert_eq!(unseal(&salt, seq, &sealed).unwrap(), text);
    }
}
