//! Tests of `[console]`.

use super::super::tests::{problems, resolve, with};

fn told(section: &str) -> String {
    match resolve(&with("console", section), &[], &["serve"]) {
        Ok(_) => "fits".to_owned(),
        refused => problems(refused),
    }
}

#[test]
fn the_console_is_off_until_somebody_says_where_it_listens() {
    let off = resolve(&with("console", ""), &[], &["serve"]).unwrap();
    assert!(off.console.is_none());
    let text = "address = \"127.0.0.1:9191\"\nurl = \"https://Console.example:8443/\"\nallowed_hosts = [\"Other.example\"]";
    let console = resolve(&with("console", text), &[], &["serve"]).unwrap().console.unwrap();
    assert_eq!(console.url.as_deref(), Some("https://console.example:8443"));
    assert_eq!(console.allowed_hosts, ["other.example", "console.example"]);
}

#[test]
fn a_provider_is_described_in_full_or_refused() {
    let base = "address = \"127.0.0.1:9191\"\nurl = \"https://console.example\"\n";
    let provider = "issuer = \"https://id.example\", client_id = \"cedarpost\"";
    assert_eq!(told(&format!("{base}oidc = {{ {provider}, roles = \"/groups\", scopes = \"openid email\" }}")), "fits");
    let wrong = [
        (format!("address = \"127.0.0.1:9191\"\noidc = {{ {provider} }}"), "`console.oidc` is set and `console.url` is not"),
        (format!("{base}oidc = {{ client_id = \"x\" }}"), "`issuer` is missing"),
        (format!("{base}oidc = {{ {provider}, colour = \"red\" }}"), "`colour` is not one of"),
        (format!("{base}oidc = {{ {provider}, roles = \"groups\" }}"), "is not a JSON pointer"),
        (format!("{base}oidc = {{ issuer = \"http://id.example\", client_id = \"x\" }}"), "console.oidc"),
        ("address = \"127.0.0.1:9191\"\nurl = \"https://a.example/path\"".to_owned(), "without a path"),
        ("address = \"0.0.0.0:9191\"".to_owned(), "other machines may reach"),
        ("address = \"127.0.0.1:8080\"".to_owned(), "`listen.address` and `console.address` are both"),
        ("address = \"127.0.0.1:9191\"\nallowed_hosts = [\"a:1\"]".to_owned(), "is not a host name without a port"),
    ];
    for (section, expected) in wrong {
        let told = told(&section);
        assert!(told.contains(expected), "{section}: {told}");
    }
}
