//! Verifier keys: their written form, and keys that would let anybody sign.

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::super::fixtures::{cosigner, name, pkcs8, signing_key};
use super::*;

/// The key in the documentation of Go's `golang.org/x/mod/sumdb/note`.
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn a_key_of_go_is_read_and_written() {
    let key: VerifierKey = NEUMANN.parse().unwrap();
    assert_eq!((key.name().as_str(), key.id().to_string().as_str()), ("PeterNeumann", "c74f20a3"));
    assert_eq!(key.algorithm(), Algorithm::Ed25519);
    assert_eq!(key.to_string(), NEUMANN);
}

#[test]
fn the_id_depends_on_what_the_key_is_for() {
    let (log, witness) = (signing_key("a.example", 1), cosigner("a.example", 1));
    assert_eq!(log.verifier().public(), witness.verifier().public());
    assert_ne!(log.verifier().id(), witness.verifier().id());
    assert_eq!(witness.verifier().to_string().parse().as_ref(), Ok(witness.verifier()));
}

#[test]
fn a_changed_key_is_refused() {
    let wrong = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    assert_eq!(wrong("PeterNeumann"), KeyError::Form);
    assert_eq!(wrong(&NEUMANN.replace("c74f", "c74e")), KeyError::Id);
    assert_eq!(wrong(&NEUMANN.replace("c74f", "C74F")), KeyError::Id);
    assert_eq!(wrong(&NEUMANN.replace("Peter", "Pater")), KeyError::Id);
    assert_eq!(wrong(&NEUMANN.replace("Peter", "Pe er")), KeyError::Name);
    assert_eq!(wrong(&NEUMANN.replace("+AR", "+AS")), KeyError::Id);
    assert_eq!(wrong(&NEUMANN.replace("+AR", "+BR")), KeyError::Algorithm);
    assert_eq!(wrong(&NEUMANN.replace("10TW", "")), KeyError::Form);
}

/// Under such a key the signature of 32 bytes of its neutral element and 32 zeros is right for any text.
#[test]
fn a_key_under_which_anybody_can_sign_is_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let key = VerifierKey::new(name("a"), Algorithm::Ed25519, neutral);
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(key.has_signed(b"anything", &signature));
    assert_eq!(key.to_string().parse::<VerifierKey>(), Err(KeyError::Weak));
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for public in [[0; 32], neutral, minus_one, [0xff; 32], ORDER_8[0], ORDER_8[1]] {
        let signs = [public[31], public[31] ^ 0x80];
        assert!(signs.iter().all(|last| is_weak(&std::array::from_fn(|at| if at == 31 { *last } else { public[at] }))));
    }
    assert!(!is_weak(signing_key("a", 1).verifier().public()));
}

#[test]
fn names_have_no_space_plus_or_control() {
    for wrong in ["", " ", "a b", "a+b", "a\nb", "a\tb", "a\u{a0}b", "a\u{2003}b", "a\u{85}b", "a\u{1}b", &"x".repeat(256)] {
        assert_eq!(KeyName::new(wrong), Err(KeyError::Name), "{wrong:?}");
    }
    assert_eq!(name("log.example/ü").as_str(), "log.example/ü");
}

#[test]
fn new_keys_and_those_of_openssl_are_read() {
    let der = NamedPair::generate(&SystemRandom::new()).unwrap();
    let pair = NamedPair::from_pkcs8(name("a"), Algorithm::Ed25519, der.as_ref()).unwrap();
    assert!(pair.verifier().has_signed(b"text", pair.sign(b"text").as_ref()));
    assert!(!pair.verifier().has_signed(b"test", pair.sign(b"text").as_ref()));
    assert!(NamedPair::from_pkcs8(name("a"), Algorithm::Ed25519, &pkcs8(7)).is_ok());
    assert!(matches!(NamedPair::from_pkcs8(name("a"), Algorithm::Ed25519, b"no key"), Err(KeyError::Pkcs8)));
}

#[test]
fn the_private_half_is_not_shown() {
    assert_eq!(format!("{:?}", signing_key("a", 7)).matches("VerifierKey").count(), 1);
    assert!(!format!("{:?}", signing_key("a", 7)).contains("7, 7, 7"));
}

proptest! {
    #[test]
    fn keys_read_as_they_were_written(key_name in "[^+\\s\\x00-\\x1f]{1,20}", public: [u8; 32], witness: bool) {
        let algorithm = if witness { Algorithm::Cosignature } else { Algorithm::Ed25519 };
        let key = VerifierKey::new(name(&key_name), algorithm, public);
        prop_assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,20}\\+?[0-9a-f]{0,8}\\+?[A-Za-z0-9+/=]{0,50}") {
        if let Ok(key) = text.parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), text);
        }
    }
}

#[test]
fn a_private_key_as_text_is_the_same_key_again_and_has_one_spelling() {
    let random = ring::rand::SystemRandom::new();
    let text = NamedPair::generate_text(name("policies.example/shop"), &random).unwrap();
    let pair = NamedPair::from_text(&text).unwrap();
    assert_eq!(pair.verifier().name().as_str(), "policies.example/shop");
    assert!(pair.verifier().has_signed(b"text", pair.sign(b"text").as_ref()));
    assert!(!format!("{pair:?}").contains(text.rsplit('+').next().unwrap()));
    for (wrong, error) in [
        (text.replace("PRIVATE+KEY+", ""), KeyError::PrivateForm),
        (text.replace("example/shop", "example/shops"), KeyError::Id),
        (format!("{}\n", *text), KeyError::PrivateForm),
        (text.get(..text.len() - 4).unwrap().to_owned(), KeyError::PrivateForm),
        ("PRIVATE+KEY+a+b".to_owned(), KeyError::PrivateForm),
        (String::new(), KeyError::PrivateForm),
    ] {
        assert_eq!(NamedPair::from_text(&wrong).unwrap_err(), error, "{wrong}");
    }
}

/// The key in the documentation of Go's `golang.org/x/mod/sumdb/note`.
#[test]
fn the_private_key_of_go_is_read() {
    let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    assert_eq!(
        NamedPair::from_text(text).unwrap().verifier().to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
}
