//! Tests of which requests are let through.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{came_from_us, host};

fn passes(method: &Method, headers: &[(&str, &str)]) -> bool {
    let header = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().map(header) {
        map.append(name, value);
    }
    let host = host(&map, &["console.example".to_owned()]);
    host.and_then(|host| came_from_us(method, &map, host, Some("https://console.example"))).is_ok()
}

#[test]
fn a_request_for_another_host_is_refused() {
    let hosts = [
        ("localhost:9", true),
        ("127.0.0.1", true),
        ("[::1]:80", true),
        ("console.example", true),
        ("CONSOLE.example:8443", true),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("", false),
        ("a b", false),
    ];
    for (host, expected) in hosts {
        assert_eq!(passes(&Method::GET, &[("host", host)]), expected, "{host}");
    }
    assert!(!passes(&Method::GET, &[]));
    assert!(!passes(&Method::GET, &[("host", "localhost"), ("host", "localhost")]));
}

#[test]
fn what_changes_something_comes_from_a_page_of_ours() {
    let host = ("host", "localhost:9");
    let cases: [(&[(&str, &str)], bool); 12] = [
        (&[("origin", "http://localhost:9")], true),
        (&[("origin", "http://localhost:9"), ("sec-fetch-site", "same-origin")], true),
        (&[("origin", "https://console.example")], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://localhost:8")], false),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "http://localhost:9"), ("sec-fetch-site", "cross-site")], false),
        (&[("origin", "http://localhost:9"), ("sec-fetch-site", "same-site")], false),
        (&[("origin", "http://localhost:9"), ("sec-fetch-site", "none")], false),
        (&[("origin", "http://localhost:9"), ("origin", "http://localhost:9")], false),
    ];
    for (headers, expected) in cases {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            assert_eq!(passes(&method, &[&[host], headers].concat()), expected, "{headers:?}");
        }
    }
}
