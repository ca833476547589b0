//! Every answer means one thing, and only a collector's own yes means yes.

use http::HeaderValue;

use super::*;

/// Sunday, 6 November 1994, 08:49:37 UTC.
const NOW: Timestamp = Timestamp::from_micros(784_111_777_000_000);

fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &'static [u8]) -> Answer {
    let mut answer = Response::new(Bytes::from_static(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        answer.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    judge(&answer, 10, NOW)
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[test]
fn a_yes_is_a_yes_only_in_the_form_of_a_collector() {
    let cases: [(_, &'static [u8], _); 14] = [
        (Some(PROTOBUF), b"", "taken"),
        (Some(JSON), b"{}", "taken"),
        (Some(JSON), b"", "taken"),
        (None, b"", "taken"),
        (Some(JSON), br#"{"partialSuccess":{}}"#, "taken"),
        (Some(JSON), br#"{"partialSuccess":null}"#, "taken"),
        (Some(JSON), br#"{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"old\nkey"}}"#, "warned: old key"),
        (Some(PROTOBUF), &[10, 2, 8, 3], "3 of 10 records were rejected: "),
        (Some(JSON), br#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"no"}}"#, "3 of 10 records were rejected: no"),
        (Some(JSON), br#"{"partialSuccess":{"rejectedLogRecords":-1}}"#, "1 of 10 records were rejected: "),
        (Some(JSON), br#"{"partialSuccess":{"rejectedLogRecords":"many"}}"#, "wrong"),
        (Some(JSON), b"[]", "wrong"),
        (Some(("content-type", "text/html")), b"<html>", "wrong"),
        (None, b"ok", "wrong"),
    ];
    for (kind, body, expected) in cases {
        let seen = match judged(200, kind.as_slice(), body) {
            Answer::Taken(None) => "taken".to_owned(),
            Answer::Taken(Some(warning)) => format!("warned: {warning}"),
            Answer::Refused { why, .. } => why,
            Answer::Busy { why, .. } => format!("busy: {why}"),
            Answer::Wrong(_) => "wrong".to_owned(),
        };
        assert_eq!(seen, expected, "{:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_no_says_whose_turn_it_is() {
    let kind = |status| match judged(status, &[], b"") {
        Answer::Taken(_) => "taken",
        Answer::Refused { records: 10, .. } => "these",
        Answer::Refused { .. } => "some",
        Answer::Busy { .. } => "busy",
        Answer::Wrong(_) => "wrong",
    };
    let cases = [(429, "busy"), (502, "busy"), (503, "busy"), (504, "busy"), (400, "these"), (413, "these"), (422, "these")];
    let more = [
        (500, "these"),
        (501, "these"),
        (301, "wrong"),
        (307, "wrong"),
        (401, "wrong"),
        (403, "wrong"),
        (404, "wrong"),
        (415, "wrong"),
    ];
    for (status, expected) in cases.into_iter().chain(more) {
        assert_eq!(kind(status), expected, "{status}");
    }
    let told = judged(403, &[JSON], b"{\"code\":7,\"message\":\"no \\u0000 such key\"}");
    assert_eq!(told, Answer::Wrong("it answered 403 Forbidden: no   such key".to_owned()));
    assert_eq!(judged(403, &[], b"<html>"), Answer::Wrong("it answered 403 Forbidden".to_owned()));
}

#[test]
fn a_wait_is_read_in_seconds_or_as_a_time_and_is_bounded() {
    let cases = [
        ("0", Some(0)),
        ("7", Some(7)),
        ("999999999", Some(3_600)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
        ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
        ("Sun, 06 Nov 2094 08:49:07 GMT", Some(3_600)),
        ("-1", None),
        ("soon", None),
        ("", None),
    ];
    for (text, expected) in cases {
        let Answer::Busy { wait, .. } = judged(503, &[("retry-after", text)], b"") else { panic!("{text}") };
        assert_eq!(wait, expected.map(Duration::from_secs), "{text}");
    }
}
