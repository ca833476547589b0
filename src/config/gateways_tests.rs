//! Tests of what `[grpc]` says of gateways.

use super::super::tests::{problems, resolve, with};
use super::*;

fn told(section: &str) -> String {
    match resolve(&with("grpc", section), &[], &["serve"]) {
        Ok(_) => "fits".to_owned(),
        refused => problems(refused),
    }
}

#[test]
fn gateways_are_answered_when_somebody_says_so() {
    let off = resolve(&with("grpc", "address = '127.0.0.1:9191'"), &[], &["serve"]).unwrap().grpc.unwrap().gateways;
    let nothing = GatewaySettings {
        ext_authz: false,
        lists: GatewayLists::Some,
        states: GatewayStates::None,
        hosts: BTreeMap::new(),
        principal: false,
        ext_mcp: false,
    };
    assert_eq!(off, nothing);
    let text =
        "address = '127.0.0.1:9191'\next_authz = true\next_mcp = true\next_authz_lists = 'all'\next_authz_states = 'first'";
    let on = resolve(&with("grpc", text), &[], &["serve"]).unwrap().grpc.unwrap().gateways;
    assert_eq!(
        on,
        GatewaySettings { ext_authz: true, ext_mcp: true, lists: GatewayLists::All, states: GatewayStates::First, ..nothing }
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let base = "address = '127.0.0.1:9191'\n";
    let wrong = [
        ("ext_authz = true".to_owned(), "`grpc.ext_authz` is set and `grpc.address` is `off`"),
        ("ext_mcp = true".to_owned(), "`grpc.ext_mcp` is set and `grpc.address` is `off`"),
        (format!("{base}ext_authz_lists = 'most'"), "`most` is not one of some, all, none"),
        (format!("{base}ext_authz_states = 'all'"), "`all` is not one of none, first"),
        (format!("{base}ext_authz_hosts = ['a.example']"), "is not `host=server`"),
        (format!("{base}ext_authz_hosts = ['a*.example=shop']"), "is not `host=server`"),
        (format!("{base}ext_authz_hosts = ['a.example=No Server']"), "is not `host=server`"),
        (format!("{base}ext_authz_hosts = ['a.example=shop', 'A.example=shop']"), "`a.example` stands twice"),
        (format!("{base}ext_authz_hosts = ['a.example=nobody']"), "is for `nobody`, and there is no such server"),
        (format!("{base}ext_authz_principal = true"), "`grpc.ext_authz_principal` is set and `grpc.ext_authz` is not"),
        (format!("{base}ext_authz = true\next_authz_principal = true"), "certificates are not accepted"),
    ];
    for (section, expected) in wrong {
        let told = told(&section);
        assert!(told.contains(expected), "{section}: {told}");
    }
}
