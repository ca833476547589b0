//! Whose tokens count where people rule, and whose certificates where services ask: what is fine, and what is not.

use super::super::tests::{problems, serve};
use crate::identity::Subject;

const REST: &str = "[policy]\npolicies = [\"p\"]\n[audit]\ndirectory = \"log\"\n[[server]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9000/mcp\"\n";
const CONFIGURED: &str = "[identity]\nagent = \"a\"\nunattended = true\n";
const IDP: &str = "[[identity.issuer]]\nissuer = \"https://idp.example\"\n";
const BEARERS: &str = "[approvals]\nresource = \"https://approvals.example/\"\nprograms = [\"cli\"]\n";

#[test]
fn people_rule_with_tokens_of_an_issuer_whoever_calls() {
    let config = serve(&format!("{CONFIGURED}{IDP}{BEARERS}{REST}")).unwrap_or_else(|report| panic!("{}", report.lines()));
    let bearers = config.approvals.bearers.unwrap();
    assert_eq!((&*bearers.resource, bearers.programs.len()), ("https://approvals.example", 1));
    let without = serve(&format!("{CONFIGURED}{REST}")).unwrap_or_else(|report| panic!("{}", report.lines()));
    assert_eq!(without.approvals.bearers, None);
    assert!(problems(serve(&format!("{CONFIGURED}{IDP}{REST}"))).contains("is believed by nobody"));
}

#[test]
fn tokens_of_agents_are_not_tokens_of_people_and_half_a_setting_is_none() {
    let oauth = "[identity]\naccept = [\"oauth\"]\nresource = \"https://mcp.example\"\n";
    let place = |place: &str| format!("[approvals]\nresource = \"{place}\"\nprograms = [\"cli\"]\n");
    let agents = "agents have tokens for `approvals.resource`";
    let cases = [
        (format!("{CONFIGURED}{BEARERS}{REST}"), "nobody gives out the tokens of people who rule"),
        (format!("{CONFIGURED}{IDP}[approvals]\nresource = \"https://a.example\"\n{REST}"), "`approvals.programs` is empty"),
        (format!("{CONFIGURED}[approvals]\nprograms = [\"cli\"]\n{REST}"), "`approvals.resource` is not"),
        (format!("{CONFIGURED}{IDP}{}{REST}", place("approvals")), "`approvals.resource`:"),
        (format!("{oauth}{IDP}{}{REST}", place("https://mcp.example")), agents),
        (format!("{oauth}{IDP}{}{REST}", place("https://mcp.example/shop")), agents),
        (format!("{oauth}{IDP}audiences = [\"https://a.example\"]\n{}{REST}", place("https://a.example")), agents),
    ];
    for (text, part) in cases {
        let seen = problems(serve(&text));
        assert!(seen.contains(part), "{text}\n{seen}");
    }
    assert!(serve(&format!("{oauth}{IDP}{}{REST}", place("https://mcp.example.org"))).is_ok(), "another host is another place");
}

#[test]
fn client_certificates_need_tls_and_names_an_authority() {
    let tls = "address = \"0.0.0.0:9091\"\ntls_cert_file = \"c\"\ntls_key_file = \"k\"\n";
    let grpc = |lines: &str| format!("{CONFIGURED}[grpc]\n{lines}\n{REST}");
    let good = grpc(&format!("{tls}client_ca_file = \"ca\"\nclients = [\"spiffe://a.example/x\", \"B.example\"]"));
    let config = serve(&good).unwrap_or_else(|report| panic!("{}", report.lines()));
    let clients = config.grpc.unwrap().clients.unwrap();
    assert!(clients.ca_file.is_absolute());
    assert_eq!(clients.services, [Subject::Uri("spiffe://a.example/x".into()), Subject::Dns("b.example".into())]);
    let cases = [
        (grpc("address = \"127.0.0.1:9091\"\nclient_ca_file = \"ca\""), "client certificates need a listener with TLS"),
        (grpc("address = \"unix:/run/x\"\nclient_ca_file = \"ca\""), "client certificates need a listener with TLS"),
        (grpc(&format!("{tls}clients = [\"a.example\"]")), "nobody vouches for these names"),
        (grpc(&format!("{tls}client_ca_file = \"ca\"\nclients = [\"*.example\"]")), "neither a SPIFFE id nor a DNS name"),
        (grpc(&format!("{tls}client_ca_file = \"ca\"\nclients = [\"spiffe://a.example\"]")), "neither a SPIFFE id nor"),
    ];
    for (text, part) in cases {
        let seen = problems(serve(&text));
        assert!(seen.contains(part), "{text}\n{seen}");
    }
}
