//! Where a server may want its messages.

use super::*;

#[test]
fn messages_go_to_the_origin_that_the_stream_came_from_or_nowhere() {
    let base: Uri = "http://127.0.0.1:8931/sse".parse().unwrap();
    for (reference, expected) in [
        ("/messages?sessionId=1", Some("http://127.0.0.1:8931/messages?sessionId=1")),
        ("http://127.0.0.1:8931/m", Some("http://127.0.0.1:8931/m")),
        ("//evil.example/m", Some("http://127.0.0.1:8931//evil.example/m")),
        ("http://127.0.0.1:8932/m", None),
        ("https://127.0.0.1:8931/m", None),
        ("http://localhost:8931/m", None),
        ("http://user@127.0.0.1:8931/m", None),
        ("http://127.0.0.1:8931@evil.example/m", None),
        ("evil.example", None),
        ("*", None),
        ("", None),
        ("/m\r\nx: y", None),
    ] {
        assert_eq!(resolve(&base, reference).map(|uri| uri.to_string()).as_deref(), expected, "{reference:?}");
    }
}
