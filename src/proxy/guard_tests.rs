//! Whom the face serves.

use http::{HeaderMap, HeaderValue};

use super::{Guard, Stranger};

fn check(headers: &[(&'static str, &'static str)]) -> Result<(), Stranger> {
    let guard = Guard::new(Some("127.0.0.1:8080".parse().unwrap()), &["mcp.example".into()], &["https://app.example".into()]);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    guard.check(&map)
}

#[test]
fn loopback_names_and_configured_hosts_are_served() {
    for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:1234", "[::1]:8080", "[::1]", "mcp.example", "mcp.example:443"] {
        assert_eq!(check(&[("host", Box::leak(host.to_owned().into_boxed_str()))]), Ok(()), "{host}");
    }
}

#[test]
fn other_hosts_are_strangers() {
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "",
        "mcp.example.evil",
        "evil@localhost",
        "[::1",
        "::",
    ] {
        assert_eq!(check(&[("host", Box::leak(host.to_owned().into_boxed_str()))]), Err(Stranger::Host), "{host}");
    }
    assert_eq!(check(&[]), Err(Stranger::Host), "no host");
    assert_eq!(check(&[("host", "localhost"), ("host", "localhost")]), Err(Stranger::Host), "two hosts");
}

#[test]
fn an_origin_must_be_loopback_or_configured() {
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173", "https://app.example"] {
        assert_eq!(
            check(&[("host", "localhost"), ("origin", Box::leak(origin.to_owned().into_boxed_str()))]),
            Ok(()),
            "{origin}"
        );
    }
    for origin in
        ["https://evil.example", "null", "http://localhost.evil.example", "http://user@localhost", "file://localhost", ""]
    {
        let origin: &'static str = Box::leak(origin.to_owned().into_boxed_str());
        assert_eq!(check(&[("host", "localhost"), ("origin", origin)]), Err(Stranger::Origin), "{origin}");
    }
}
