//! Addresses, certificates and modes of listeners.

use super::super::tests::{problems, serve};
use crate::listen::Address;

const REST: &str = "[identity]\nagent = \"a\"\nunattended = true\n[policy]\npolicies = [\"p\"]\n[audit]\ndirectory = \"log\"\n\
    [[server]]\nname = \"shop\"\nurl = \"http://127.0.0.1:9000/mcp\"\n";

fn with(listeners: &str) -> String {
    format!("{listeners}\n{REST}")
}

const PAIR: &str = "tls_cert_file = \"tls.crt\"\ntls_key_file = \"/run/tls.key\"";

#[test]
fn a_certificate_opens_the_door_to_other_machines() {
    let text = with(&format!("[listen]\naddress = \"0.0.0.0:8443\"\n{PAIR}\n[admin]\naddress = \"[::]:9443\"\n{PAIR}"));
    let config = serve(&text).unwrap_or_else(|report| panic!("{}", report.lines()));
    for listener in [&config.listen.listener, &config.admin.as_ref().unwrap().listener] {
        let tls = listener.tls.as_ref().unwrap();
        assert!(tls.certificate.ends_with("tls.crt") && tls.certificate.is_absolute(), "relative to the file: {tls:?}");
        assert_eq!(tls.key.to_str(), Some("/run/tls.key"));
        assert!(!listener.plaintext_non_loopback);
    }
    assert!(serve(&config.show()).is_ok(), "what is shown can be read again: {}", config.show());
}

#[test]
fn a_socket_has_a_path_and_a_mode() {
    let text = with(
        "[listen]\naddress = \"unix:/run/cedarpost/mcp\"\nsocket_mode = \"660\"\n[admin]\naddress = \"unix:/run/cedarpost/admin\"",
    );
    let config = serve(&text).unwrap_or_else(|report| panic!("{}", report.lines()));
    assert_eq!(config.listen.listener.address, Address::Unix("/run/cedarpost/mcp".into()));
    assert_eq!((config.listen.listener.socket_mode, config.admin.unwrap().listener.socket_mode), (0o660, 0o600));
}

#[test]
fn what_does_not_fit_a_listener_is_refused() {
    let witness = "[witness]\nname = \"w.example/1\"\ndirectory = \"w\"\n";
    for (text, expected) in [
        ("[listen]\naddress = \"0.0.0.0:1\"".to_owned(), "which other machines may reach, and this listener has no TLS"),
        ("[admin]\naddress = \"0.0.0.0:1\"".to_owned(), "`admin.address` is `0.0.0.0:1`"),
        (format!("{witness}address = \"0.0.0.0:1\""), "`witness.address` is `0.0.0.0:1`"),
        ("[listen]\ntls_cert_file = \"a\"".to_owned(), "`listen.tls_cert_file` is set and `listen.tls_key_file` is not"),
        ("[admin]\ntls_key_file = \"a\"".to_owned(), "`admin.tls_key_file` is set and `admin.tls_cert_file` is not"),
        (format!("[listen]\naddress = \"unix:/run/a\"\n{PAIR}"), "is a unix socket, which needs no certificate"),
        ("[listen]\naddress = \"unix:run/a\"".to_owned(), "is not an IP address with a port"),
        ("[listen]\naddress = \"off\"".to_owned(), "`off` is not an IP address with a port"),
        ("[listen]\nsocket_mode = \"0o600\"".to_owned(), "`0o600` is not a file mode in octal digits"),
        ("[listen]\nsocket_mode = \"1777\"".to_owned(), "`1777` is not a file mode"),
        (
            "[listen]\naddress = \"unix:/run/a\"\n[admin]\naddress = \"unix:/run/a\"".to_owned(),
            "`listen.address` and `admin.address` are both `unix:/run/a`",
        ),
        ("[listen.tls]\ncert_file = \"a\"".to_owned(), "unknown key `listen.tls`"),
    ] {
        let seen = problems(serve(&with(&text)));
        assert!(seen.contains(expected), "{text}: {seen}");
    }
}
