//! Which types of body are JSON to everybody.

use http::HeaderValue;

use super::*;

fn headers(types: &[&str]) -> HeaderMap {
    types.iter().map(|kind| (header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())).collect()
}

#[test]
fn json_in_utf_8_is_json() {
    for kind in
        ["application/json", "Application/JSON", "application/json;charset=utf-8", "application/json ; Charset=\"UTF-8\" ;"]
    {
        assert!(is_json(&headers(&[kind])), "{kind}");
    }
}

#[test]
fn anything_that_some_parser_takes_for_something_else_is_not() {
    let strange = [
        "",
        "text/plain",
        "text/json",
        "application/json5",
        "application/problem+json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset",
        "application/json; boundary=x",
        "multipart/form-data; application/json",
        "application/json\u{e9}",
    ];
    for kind in strange {
        assert!(!is_json(&headers(&[kind])), "{kind}");
    }
    assert!(!is_json(&headers(&[])), "no type");
    assert!(!is_json(&headers(&["application/json", "application/json"])), "two types");
}
