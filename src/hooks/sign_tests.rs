//! Vectors that another implementation of HMAC has made (tests/foreign/webhooks.py checks with one of Standard Webhooks).

use super::*;

const ONE: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const TWO: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

#[test]
fn a_signature_is_what_others_compute_one_for_each_secret() {
    let (one, two) = ("v1,6ly5MusBfxxWVtwpoEyugLa6pPy2T/FIg9clIRpmSQg=", "v1,BMEDZLosp/w3H4q9tp7wuNUAvKz5nxaPN9VwTtHV9CU=");
    let cases = [(ONE.to_owned(), one.to_owned()), (format!("\n  {ONE}\r\n{TWO}\n"), format!("{one} {two}"))];
    for (file, expected) in cases {
        let secrets = Secrets::read(&file).unwrap();
        assert_eq!(secrets.signature("apr_01.requested", 1_795_000_000, br#"{"type":"approval.requested"}"#), expected);
    }
}

#[test]
fn what_is_not_a_secret_is_refused_and_never_printed() {
    let short = format!("whsec_{}", STANDARD.encode([1; 23]));
    let long = format!("whsec_{}", STANDARD.encode([1; 65]));
    let cases = [
        (String::new(), BadSecret::None),
        ("\n \n".to_owned(), BadSecret::None),
        (ONE.replace("whsec_", ""), BadSecret::Form),
        (ONE.replace("whsec_", "whsk_"), BadSecret::Form),
        ("whsec_???".to_owned(), BadSecret::Form),
        (short, BadSecret::Form),
        (long, BadSecret::Form),
        ([ONE; 5].join("\n"), BadSecret::TooMany),
    ];
    for (file, expected) in cases {
        assert_eq!(Secrets::read(&file).err(), Some(expected), "{file}");
    }
    assert_eq!(format!("{:?}", Secrets::read(ONE).unwrap()), "Secrets(1 hidden)");
}
