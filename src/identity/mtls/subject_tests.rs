//! From what a certificate says to an agent: SPIFFE ids, configured names, and what is neither.

use super::*;
use crate::domain::Timestamp;
use crate::identity::TrustDomain;

fn authority(domain: Option<&str>, agents: &[(Subject, &str)]) -> AuthoritySettings {
    AuthoritySettings {
        name: "mesh".into(),
        ca_file: "ca.pem".into(),
        trust_domain: domain.map(|domain| TrustDomain::new(domain).unwrap()),
        services: None,
        agents: agents.iter().map(|(subject, agent)| (subject.clone(), AgentId::new(*agent))).collect(),
    }
}

fn says(uris: &[&str], dns: &[&str], subject: &str) -> Certificate {
    Certificate {
        digest: "d".into(),
        not_before: Timestamp::from_micros(0),
        not_after: Timestamp::from_micros(1),
        uris: uris.iter().map(|uri| (*uri).into()).collect(),
        dns: dns.iter().map(|name| (*name).into()).collect(),
        subject: subject.into(),
        is_authority: false,
    }
}

#[test]
fn a_certificate_names_one_agent_or_nobody() {
    use CertificateFlaw as F;
    let mesh = authority(Some("prod.example"), &[]);
    let table = authority(
        None,
        &[
            (Subject::Dns("build.example".into()), "builder"),
            (Subject::Name("CN=nightly,O=Example".into()), "nightly"),
            (Subject::Uri("urn:agent:7".into()), "seven"),
            (Subject::Uri("spiffe://other.example/ci".into()), "ci"),
        ],
    );
    let id = "spiffe://prod.example/ns/shop/sa/web";
    let cases = [
        (&mesh, says(&[id], &[], ""), Ok(id)),
        (&mesh, says(&[id], &["web.shop.svc"], "CN=web"), Ok(id)),
        (&mesh, says(&[id, "spiffe://prod.example/b"], &[], ""), Err(F::SeveralUris)),
        (&mesh, says(&["urn:a", id], &[], ""), Err(F::SeveralUris)),
        (&mesh, says(&["spiffe://dev.example/web"], &[], ""), Err(F::TrustDomain)),
        (&mesh, says(&["spiffe://prod.example"], &[], ""), Err(F::SpiffeId)),
        (&mesh, says(&["SPIFFE://prod.example/a"], &[], ""), Err(F::SpiffeId)),
        (&mesh, says(&["https://prod.example/a"], &["prod.example"], id), Err(F::Nobody)),
        (&mesh, says(&[], &[], ""), Err(F::Nobody)),
        (&table, says(&[], &["BUILD.example"], ""), Ok("builder")),
        (&table, says(&[], &["a.build.example"], ""), Err(F::Nobody)),
        (&table, says(&[], &[], "CN=nightly,O=Example"), Ok("nightly")),
        (&table, says(&[], &[], "CN=nightly,O=Examples"), Err(F::Nobody)),
        (&table, says(&["urn:agent:7", "urn:agent:8"], &[], ""), Ok("seven")),
        (&table, says(&["urn:agent:7"], &["build.example"], ""), Err(F::Ambiguous)),
        (&table, says(&["spiffe://other.example/ci"], &[], ""), Ok("ci")),
        (&table, says(&["spiffe://other.example/cd"], &[], ""), Err(F::TrustDomain)),
        (&table, says(&["spiffe://other.example/ci", "urn:agent:7"], &[], ""), Err(F::SeveralUris)),
        (&table, Certificate { is_authority: true, ..says(&[], &["build.example"], "") }, Err(F::Purpose)),
    ];
    for (authority, certificate, expected) in cases {
        let seen = agent(&certificate, authority);
        assert_eq!(seen.as_ref().map(AgentId::as_str).map_err(|flaw| *flaw), expected, "{certificate:?}");
    }
}

#[test]
fn a_service_is_known_by_its_own_name_and_let_in_when_it_is_listed_or_nobody_is() {
    use CertificateFlaw as F;
    let id = "spiffe://prod.example/gateway";
    let of = |names: &[&str]| {
        let services = names.iter().map(|name| Subject::of_service(name).unwrap()).collect();
        AuthoritySettings { services: Some(services), ..authority(None, &[]) }
    };
    let (all, some) = (of(&[]), of(&[id, "Billing.example"]));
    let cases = [
        (&all, says(&[id], &["a.example"], "CN=x"), Ok(id)),
        (&all, says(&["https://x"], &["a.example", "b.example"], "CN=x"), Ok("a.example")),
        (&all, says(&[], &[], "CN=x"), Ok("CN=x")),
        (&all, says(&[], &[], ""), Err(F::Nobody)),
        (&all, says(&[id, "https://x"], &[], ""), Err(F::SeveralUris)),
        (&all, says(&["spiffe://prod.example"], &[], "CN=x"), Err(F::SpiffeId)),
        (&all, Certificate { is_authority: true, ..says(&[id], &[], "") }, Err(F::Purpose)),
        (&some, says(&[id], &[], ""), Ok(id)),
        (&some, says(&[], &["a.example", "BILLING.example"], ""), Ok("billing.example")),
        (&some, says(&[], &["a.example"], "CN=billing.example"), Err(F::Nobody)),
        (&some, says(&["spiffe://prod.example/gateway/x"], &[], ""), Err(F::Nobody)),
        (&some, says(&[], &["x.billing.example"], ""), Err(F::Nobody)),
    ];
    for (authority, says, expected) in cases {
        assert_eq!(agent(&says, authority), expected.map(AgentId::new), "{says:?}");
    }
    for bad in ["", "spiffe://prod.example", "SPIFFE://prod.example/x", "*.example", "a..b", "https://a.example", "a b", "CN=x"] {
        assert_eq!(Subject::of_service(bad), None, "{bad}");
    }
}

#[test]
fn a_uri_that_a_gateway_found_names_the_agent_that_the_certificate_would() {
    use CertificateFlaw as F;
    let mapped = [(Subject::Uri("urn:agent:nightly".into()), "nightly"), (Subject::Dns("web.example".into()), "web")];
    let mesh = authority(Some("prod.example"), &mapped);
    let cases = [
        ("spiffe://prod.example/helper", Ok("spiffe://prod.example/helper")),
        ("urn:agent:nightly", Ok("nightly")),
        ("spiffe://dev.example/helper", Err(F::TrustDomain)),
        ("spiffe://prod.example", Err(F::SpiffeId)),
        ("SPIFFE://prod.example/helper", Err(F::SpiffeId)),
        ("spiffe://prod.example/../helper", Err(F::SpiffeId)),
        ("web.example", Err(F::Nobody)),
        ("CN=helper", Err(F::Nobody)),
        ("", Err(F::Nobody)),
    ];
    for (uri, expected) in cases {
        assert_eq!(named(uri, &mesh), expected.map(AgentId::new), "{uri}");
    }
    assert_eq!(named("spiffe://prod.example/helper", &authority(None, &[])), Err(F::TrustDomain));
}
