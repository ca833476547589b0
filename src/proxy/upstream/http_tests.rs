//! Which headers pass from one hop to the next.

use http::Response;

use super::*;

fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn names(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn credentials_and_what_concerns_one_hop_stay_here() {
    let client = map(&[
        ("authorization", "Bearer secret"),
        ("dpop", "secret"),
        ("cedarpost-actor-token", "secret"),
        ("proxy-authorization", "Basic secret"),
        ("cookie", "session=secret"),
        ("connection", "close, X-Hop ,upgrade"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-checksum"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("host", "sidecar"),
        ("content-length", "7"),
        ("expect", "100-continue"),
        ("accept-encoding", "gzip, br"),
    ]);
    let sent = request_headers(&client);
    assert_eq!(names(&sent), ["accept-encoding"]);
    assert_eq!(sent.get_all("accept-encoding").iter().collect::<Vec<_>>(), ["identity"]);
}

#[test]
fn everything_else_reaches_the_server_even_twice() {
    let mut client = map(&[("mcp-session-id", "s"), ("mcp-param-x", "1"), ("accept", "text/event-stream"), ("x-own", "a")]);
    client.append("x-own", HeaderValue::from_static("b"));
    let sent = request_headers(&client);
    assert_eq!(names(&sent), ["accept", "accept-encoding", "mcp-param-x", "mcp-session-id", "x-own"]);
    assert_eq!(sent.get_all("x-own").iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn every_connection_header_counts() {
    let mut client = map(&[("connection", "x-one"), ("x-one", "1"), ("x-two", "2"), ("x-three", "3")]);
    client.append("connection", HeaderValue::from_static("X-Two"));
    assert_eq!(names(&request_headers(&client)), ["accept-encoding", "x-three"]);
}

#[test]
fn that_a_server_does_not_let_us_in_is_not_the_doing_of_the_client() {
    for (status, told) in [(401, 502), (407, 502), (403, 403), (404, 404), (200, 200), (500, 500)] {
        assert_eq!(status_for_client(StatusCode::from_u16(status).unwrap()).as_u16(), told, "{status}");
    }
    assert!(response_headers(&map(&[("www-authenticate", "Bearer resource_metadata=\"https://elsewhere\"")])).is_empty());
}

#[test]
fn a_server_cannot_send_its_client_somewhere_else() {
    let server = map(&[
        ("content-type", "application/json"),
        ("mcp-session-id", "s"),
        ("cache-control", "no-store"),
        ("retry-after", "3"),
        ("location", "http://elsewhere.example/mcp"),
        ("content-location", "/elsewhere"),
        ("refresh", "0; url=http://elsewhere.example"),
        ("alt-svc", "h2=\"elsewhere.example:443\""),
        ("set-cookie", "a=b"),
        ("content-length", "10"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ]);
    assert_eq!(names(&response_headers(&server)), ["cache-control", "content-type", "mcp-session-id", "retry-after"]);
}

#[test]
fn an_event_stream_has_exactly_one_type() {
    for (types, expected) in [
        (&["text/event-stream"][..], true),
        (&["Text/Event-Stream; charset=utf-8"], true),
        (&["application/json"], false),
        (&["text/event-streams"], false),
        (&["text/event-stream", "application/json"], false),
        (&[], false),
    ] {
        let headers = types.iter().map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind))).collect();
        assert_eq!(is_event_stream(&headers), expected, "{types:?}");
    }
}

#[test]
fn compressed_answers_and_redirections_are_not_plain() {
    for (status, encoding, expected) in [
        (200, None, true),
        (200, Some("identity"), true),
        (404, None, true),
        (502, None, true),
        (200, Some("gzip"), false),
        (200, Some(""), false),
        (307, None, false),
        (304, None, false),
        (101, None, false),
    ] {
        let mut response = Response::builder().status(status);
        if let Some(encoding) = encoding {
            response = response.header(header::CONTENT_ENCODING, encoding);
        }
        assert_eq!(is_plain(&response.body(()).unwrap().into_parts().0), expected, "{status} {encoding:?}");
    }
}
