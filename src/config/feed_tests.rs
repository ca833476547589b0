//! Settings of the feed: what holds, what is refused, and what is never shown.

use std::path::Path;

use super::super::tests::{file, resolve};
use super::*;

const MINIMAL: &str = "
[identity]
agent = 'assistant'
actor = 'alice'
[policy]
policies = ['policies']
[[server]]
name = 'shop'
url = 'http://127.0.0.1:9000/mcp'
[audit]
directory = 'log'
";

fn feed_of(settings: &str) -> Result<Option<FeedSettings>, String> {
    resolve(&format!("{MINIMAL}{settings}"), &[], &["serve"]).map(|config| config.audit.feed).map_err(|report| report.lines())
}

#[test]
fn there_is_no_feed_unless_a_collector_is_named() {
    assert_eq!(feed_of(""), Ok(None));
    let feed = feed_of("feed_endpoint = 'http://127.0.0.1:4318'").unwrap().unwrap();
    assert_eq!(feed.endpoint.uri(), "http://127.0.0.1:4318/v1/logs");
    assert_eq!(
        (feed.protocol, feed.compression, feed.deadline),
        (Protocol::Protobuf, Compression::None, Duration::from_secs(10))
    );
}

#[test]
fn everything_can_be_said() {
    let (directory, path) = file("");
    let settings = "
feed_endpoint = 'http://collector.example/otlp'
feed_plaintext_non_loopback = true
feed_protocol = 'http/json'
feed_compression = 'gzip'
feed_deadline = '3s'
feed_headers = { x-tenant = 'acme' }
feed_headers_file = { authorization = 'token', x-key = '/run/key' }
";
    std::fs::write(&path, format!("{MINIMAL}{settings}")).unwrap();
    let sources = super::super::Sources { file: Some(&path), ..Default::default() };
    let config = super::super::Config::for_serve(&sources).unwrap_or_else(|report| panic!("{}", report.lines()));
    let feed = config.audit.feed.clone().unwrap();
    let headers = Headers::default().with("x-tenant", "acme").unwrap();
    let headers = headers.with_file("authorization", directory.path().join("token")).unwrap();
    assert_eq!(feed.headers, headers.with_file("x-key", Path::new("/run/key").into()).unwrap());
    assert_eq!((feed.protocol, feed.compression, feed.deadline), (Protocol::Json, Compression::Gzip, Duration::from_secs(3)));
    assert!(!config.show().contains("acme"), "{}", config.show());
}

#[test]
fn an_address_is_shown_without_the_keys_in_its_query() {
    let text = format!("{MINIMAL}feed_endpoint = 'https://otlp.example/v1/logs?key=hunter2'");
    let config = resolve(&text, &[], &["serve"]).unwrap_or_else(|report| panic!("{}", report.lines()));
    assert!(config.show().contains("https://otlp.example/v1/logs") && !config.show().contains("hunter2"), "{}", config.show());
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    const THERE: &str = "feed_endpoint = 'http://127.0.0.1:4318'\n";
    let cases = [
        ("feed_endpoint = 'collector:4318'", "as a URL"),
        ("feed_endpoint = 'grpc://127.0.0.1:4317'", "as a URL"),
        ("feed_endpoint = 'https://me:secret@h/'", "no user name or password"),
        ("feed_endpoint = 7", "must be a string"),
        ("feed_endpoint = 'http://collector.example:4318'", "plain http to another machine"),
        ("feed_headers_file = { a = 'b' }", "there is no `audit.feed_endpoint`"),
        ("feed_headers = { a = 'b' }", "there is no `audit.feed_endpoint`"),
        (&format!("{THERE}feed_protocol = 'grpc'"), "is not one of http/protobuf, http/json"),
        (&format!("{THERE}feed_compression = 'zstd'"), "is not one of none, gzip"),
        (&format!("{THERE}feed_deadline = '10ms'"), "is not between 100ms and 5m"),
        (&format!("{THERE}feed_deadline = '1h'"), "is not between 100ms and 5m"),
        (&format!("{THERE}feed_headers = {{ 'two words' = 'b' }}"), "not a name of an HTTP header"),
        (&format!("{THERE}feed_headers = {{ host = 'b' }}"), "set by cedarpost itself"),
        (&format!("{THERE}feed_headers = ['a: b']"), "a table of strings"),
        (&format!("{THERE}feed_headers_file = {{ a = '' }}"), "a path is empty"),
        (&format!("{THERE}feed_headers = {{ a = 'b' }}\nfeed_headers_file = {{ A = 'c' }}"), "set twice"),
        (&format!("{THERE}feed_plaintext_non_loopback = 'yes'"), "true or false"),
        (&format!("{THERE}feed_endpoints = []"), "unknown key `audit.feed_endpoints` (did you mean `audit.feed_endpoint`?)"),
    ];
    for (settings, expected) in cases {
        let said = feed_of(settings).unwrap_err();
        assert!(said.contains(expected) && !said.contains("secret"), "{settings}: {said}");
    }
}
