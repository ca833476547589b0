//! What is read of certificates.

use super::*;
use crate::listen::ca::{Ca, Wish};

#[test]
fn a_certificate_says_its_names_and_its_times() {
    let ca = Ca::new("root");
    let wish = Wish { dns: &["a.example", "b.example"], ..Wish::client(&["spiffe://prod.example/a", "urn:x"]) };
    let issued = ca.sign(&wish);
    let says = Certificate::parse(&issued.der).unwrap();
    assert_eq!(says.uris, ["spiffe://prod.example/a".into(), "urn:x".into()]);
    assert_eq!(says.dns, ["a.example".into(), "b.example".into()]);
    assert!(says.subject.contains("CN=client") && !says.is_authority, "{says:?}");
    assert_eq!(says.not_after.as_micros() - says.not_before.as_micros(), 3_660_000_000);
    assert_eq!(&*says.digest, URL_SAFE_NO_PAD.encode(digest(&SHA256, &issued.der)));
    let authority = Certificate::parse(&ca.der).unwrap();
    assert!(authority.is_authority && authority.uris.is_empty());
    assert!(Certificate::parse(&issued.der[1..]).is_err() && Certificate::parse(b"").is_err());
}
