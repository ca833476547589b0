//! Addresses and headers, also such as only look like some.

use super::*;

fn endpoint(text: &str) -> Result<Endpoint, EndpointError> {
    text.parse()
}

#[test]
fn an_address_without_a_path_means_where_otlp_says_that_logs_go() {
    let cases = [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/logs"),
        ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/logs"),
        ("https://otlp.example?key=1", "https://otlp.example/v1/logs?key=1"),
        ("https://otlp.example/otlp/v1/logs", "https://otlp.example/otlp/v1/logs"),
        ("https://[::1]:4318/x", "https://[::1]:4318/x"),
    ];
    for (text, expected) in cases {
        assert_eq!(endpoint(text).unwrap().uri().to_string(), expected);
    }
}

#[test]
fn what_is_no_address_of_a_collector_is_refused() {
    use EndpointError::{NotHttp, UserInfo};
    let cases = [
        ("", NotHttp),
        ("collector:4318", NotHttp),
        ("/v1/logs", NotHttp),
        ("grpc://collector:4317", NotHttp),
        ("ftp://collector/", NotHttp),
        ("http://", NotHttp),
        ("http://:4318/", NotHttp),
        ("http://collector/ v1", NotHttp),
        ("http://collector/#logs", NotHttp),
        ("https://me:secret@collector/", UserInfo),
    ];
    for (text, expected) in cases {
        assert_eq!(endpoint(text), Err(expected), "{text}");
    }
}

#[test]
fn an_address_is_shown_without_its_query_and_each_has_a_name_of_its_own() {
    let one = endpoint("https://otlp.example/v1/logs?key=secret").unwrap();
    let other = endpoint("https://otlp.example/v1/logs?key=another").unwrap();
    assert_eq!(one.to_string(), "https://otlp.example/v1/logs");
    assert!(!format!("{one:?}").contains("secret"));
    assert_ne!(one.id(), other.id());
    assert!(one.id().starts_with("feed-otlp-example-") && one.id().len() == "feed-otlp-example-".len() + 8, "{}", one.id());
    assert!(endpoint("http://[::1]:4318").unwrap().id().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
}

#[test]
fn headers_carry_keys_and_are_not_shown() {
    let headers = Headers::default().with("X-Tenant", "acme").unwrap().with("Authorization", " Bearer secret\n").unwrap();
    assert!(!format!("{headers:?}").contains("secret"));
    assert_eq!(headers.given()[1].1, "Bearer secret");
    assert!(headers.given()[1].1.is_sensitive());
    let cases = [
        ("two words", "x", "`two words` is not a name"),
        ("", "x", "is not a name"),
        ("Content-Type", "x", "is set by cedarpost itself"),
        ("content-length", "0", "is set by cedarpost itself"),
        ("HOST", "elsewhere", "is set by cedarpost itself"),
        ("x-tenant", "other", "is set twice"),
        ("x-key", "two\nlines", "has characters"),
    ];
    for (name, value, expected) in cases {
        let error = headers.clone().with(name, value).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("lines"), "{name}: {error}");
    }
    assert!(headers.with_file("authorization", PathBuf::from("key")).is_err());
}
