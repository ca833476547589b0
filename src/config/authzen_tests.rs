//! Tests of `[authzen]`, and that no two listeners share an address.

use super::super::tests::{problems, resolve, with};
use crate::domain::Extra;

fn told(section: &str) -> String {
    match resolve(&with("authzen", section), &[], &["serve"]) {
        Ok(_) => "fits".to_owned(),
        refused => problems(refused),
    }
}

#[test]
fn it_is_off_until_somebody_says_where_it_listens() {
    assert!(resolve(&with("authzen", ""), &[], &["serve"]).unwrap().authzen.is_none());
    let text = "address = \"127.0.0.1:8443\"\nurl = \"https://PDP.example.com/\"";
    let authzen = resolve(&with("authzen", text), &[], &["serve"]).unwrap().authzen.unwrap();
    assert_eq!(authzen.url.as_deref(), Some("https://pdp.example.com"));
    assert_eq!((authzen.tokens_file, authzen.unknown_properties), (None, Extra::Refuse));
}

#[test]
fn nobody_answers_strangers_by_accident() {
    let near = "address = \"127.0.0.1:8443\"\n";
    let wrong = [
        ("address = \"0.0.0.0:8443\"\nplaintext_non_loopback = true".to_owned(), "nobody has to show a token or a certificate"),
        ("address = \"0.0.0.0:8443\"\ntokens_file = \"t\"".to_owned(), "this listener has no TLS"),
        (format!("{near}client_ca_file = \"ca.pem\""), "client certificates need a listener with TLS"),
        (format!("{near}clients = [\"till.example\"]"), "`authzen.clients` is set and `authzen.client_ca_file` is not"),
        (
            "address = \"0.0.0.0:8443\"\ntls_cert_file = \"c\"\ntls_key_file = \"k\"\ntokens_file = \"t\"\nclient_ca_file = \"ca\"".to_owned(),
            "services are known by one of the two",
        ),
        (format!("{near}url = \"http://pdp.example.com\""), "https, and without a path"),
        (format!("{near}url = \"https://pdp.example.com/x\""), "https, and without a path"),
        (format!("{near}unknown_properties = \"keep\""), "is not one of refuse, ignore"),
        ("address = \"127.0.0.1:8080\"".to_owned(), "`listen.address` and `authzen.address` are both"),
        ("address = \"127.0.0.1:9090\"".to_owned(), "`admin.address` and `authzen.address` are both"),
        (format!("{near}[grpc]\naddress = \"127.0.0.1:8443\""), "`grpc.address` and `authzen.address` are both"),
        (format!("{near}[console]\naddress = \"127.0.0.1:8443\""), "`authzen.address` and `console.address` are both"),
    ];
    for (section, expected) in wrong {
        let told = told(&section);
        assert!(told.contains(expected), "{section}: {told}");
    }
    assert_eq!(told("address = \"unix:/run/authzen\""), "fits");
    let known = "address = \"0.0.0.0:8443\"\ntls_cert_file = \"c\"\ntls_key_file = \"k\"\nclient_ca_file = \"ca\"\nclients = [\"till.example\"]";
    assert_eq!(told(known), "fits");
}
