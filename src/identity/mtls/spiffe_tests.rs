//! What is a SPIFFE id, and what only looks like one.

use super::*;

#[test]
fn only_what_the_standard_allows_is_the_id_of_a_workload() {
    let longest = format!("spiffe://prod.example/{}", "a".repeat(LONGEST - 22));
    for good in [
        "spiffe://prod.example/a",
        "spiffe://prod.example/ns/Shop/sa/web_1.2-3",
        "spiffe://10_0.a-b/x",
        &longest,
        "spiffe://a/...",
    ] {
        assert!(parse(good).is_some(), "{good}");
    }
    let (long, long_domain) = (format!("{longest}a"), format!("spiffe://{}/a", "d".repeat(256)));
    for bad in [
        "",
        "spiffe://",
        "spiffe:///a",
        "spiffe://prod.example",
        "spiffe://prod.example/",
        "spiffe://prod.example/a/",
        "spiffe://prod.example//a",
        "spiffe://prod.example/./a",
        "spiffe://prod.example/a/..",
        "spiffe://prod.example/%41",
        "spiffe://prod.example/a?b=c",
        "spiffe://prod.example?b",
        "spiffe://prod.example/a#b",
        "spiffe://prod.example:443/a",
        "spiffe://user@prod.example/a",
        "spiffe://Prod.example/a",
        "SPIFFE://prod.example/a",
        "spiffe:/prod.example/a",
        "https://prod.example/a",
        " spiffe://prod.example/a",
        "spiffe://prod.example/a b",
        "spiffe://prod.example/ä",
        "spiffe://prod.example/a\0",
        &long,
        &long_domain,
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn an_id_belongs_to_its_own_trust_domain_only() {
    let domain = TrustDomain::new("prod.example").unwrap();
    assert_eq!(TrustDomain::new("spiffe://prod.example").as_ref(), Ok(&domain));
    for (id, expected) in [
        ("spiffe://prod.example/a", Ok(())),
        ("spiffe://prod.example.evil/a", Err(CertificateFlaw::TrustDomain)),
        ("spiffe://prod/a", Err(CertificateFlaw::TrustDomain)),
        ("spiffe://prod.example", Err(CertificateFlaw::SpiffeId)),
    ] {
        assert_eq!(check(id, &domain), expected, "{id}");
    }
    for bad in ["", "Prod", "a/b", "a:1", "spiffe://a/b"] {
        assert!(TrustDomain::new(bad).is_err(), "{bad}");
    }
}
