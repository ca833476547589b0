//! What gateways send and what it is read as: bodies that came whole or did not, headers, messages that are made of parts.

use bytes::Bytes;

use super::pb::envoy::config::core::v3::{HeaderMap as WireMap, HeaderValue as WireHeader};
use super::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use super::wire::{self, body_of, headers_of};
use crate::mcp::Limits;
use crate::passage::Unread;

fn read(headers: &[(&str, &str)], change: impl FnOnce(&mut HttpRequest)) -> Result<Bytes, Unread> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut http = HttpRequest { headers, size: -1, raw_body: b"{}".to_vec(), ..HttpRequest::default() };
    change(&mut http);
    let headers = headers_of(&http).unwrap();
    body_of(http, &headers, 4)
}

#[test]
fn only_a_body_that_came_whole_is_read() {
    let as_it_is = |_: &mut HttpRequest| {};
    let (whole, long): (&[_], &[_]) = (&[("content-length", "2")], &[("x-envoy-auth-partial-body", "false")]);
    for said in [whole, long, &[("content-length", "2"), ("x-envoy-auth-partial-body", "false")]] {
        assert_eq!(read(said, as_it_is).as_deref(), Ok(&b"{}"[..]), "{said:?}");
    }
    assert_eq!(read(whole, |http| (http.body, http.raw_body) = ("{}".to_owned(), vec![])).as_deref(), Ok(&b"{}"[..]));
    assert_eq!(read(whole, |http| http.body = "{}".to_owned()).as_deref(), Ok(&b"{}"[..]), "twice the same");
    let broken: [&[_]; 7] = [
        &[],
        &[("x-envoy-auth-partial-body", "true")],
        &[("x-envoy-auth-partial-body", "true"), ("content-length", "2")],
        &[("x-envoy-auth-partial-body", "false"), ("content-length", "3")],
        &[("content-length", "3")],
        &[("content-length", "+2")],
        &[("content-length", "2,2")],
    ];
    for said in broken {
        assert_eq!(read(said, as_it_is), Err(Unread::Broken), "{said:?}");
    }
    assert_eq!(read(whole, |http| http.body = "[]".to_owned()), Err(Unread::Broken), "two bodies");
    assert_eq!(read(long, |http| http.raw_body.clear()), Err(Unread::Broken), "none");
    assert_eq!(read(whole, |http| http.size = 3), Err(Unread::Broken), "more came");
    assert_eq!(read(long, |http| http.raw_body = b"{    }".to_vec()), Err(Unread::TooLarge));
}

#[test]
fn headers_are_read_in_both_forms_and_two_marks_of_a_cut_are_a_cut() {
    let listed = |headers: &[(&str, &[u8])]| WireMap {
        headers: headers
            .iter()
            .map(|(key, value)| WireHeader { key: (*key).to_owned(), raw_value: value.to_vec(), ..WireHeader::default() })
            .collect(),
    };
    let whole: (&str, &[u8]) = ("x-envoy-auth-partial-body", b"false");
    let map = listed(&[(":path", b"/"), ("A", b"1"), ("a", b"2"), whole]);
    let http = HttpRequest { header_map: Some(map), raw_body: b"{}".to_vec(), size: -1, ..HttpRequest::default() };
    let headers = headers_of(&http).unwrap();
    assert_eq!(headers.get_all("a").iter().count(), 2);
    assert_eq!(headers.len(), 3, "what begins with a colon is none");
    assert!(body_of(http.clone(), &headers, 4).is_ok());
    let forged = HttpRequest { header_map: Some(listed(&[whole, (whole.0, b"true")])), ..http.clone() };
    assert_eq!(body_of(forged.clone(), &headers_of(&forged).unwrap(), 4), Err(Unread::Broken));
    for bad in [("b c", &b"x"[..]), ("b", b"x\ny")] {
        assert!(headers_of(&HttpRequest { header_map: Some(listed(&[bad])), ..http.clone() }).is_err(), "{bad:?}");
    }
}

#[test]
fn a_message_is_made_of_one_method_and_one_object_and_nothing_slips_in_beside_them() {
    let limits = Limits { max_bytes: 64, max_depth: 8 };
    let message = |method: &str, params: Option<&str>| wire::message(method, params.map(str::as_bytes), &limits);
    let call = message("tools/call", Some(r#" {"name":"t","arguments":{"a":1}} "#)).unwrap();
    assert_eq!((call.name().map(|name| &**name), call.id().unwrap().as_str()), (Some("t"), Some(wire::ID)));
    assert!(message("tools/list", None).is_ok());
    assert!(message("notifications/initialized", None).unwrap().id().is_none());
    let strange = message("x\",\"method\":\"ping", None).unwrap();
    assert_eq!(strange.method().unwrap().name(), "x\",\"method\":\"ping", "a name that nobody knows");
    let refused = [
        r#"{},"method":"ping""#,
        r#"{}}"#,
        r#"{} {}"#,
        r#"[{"name":"t"}]"#,
        "null",
        "",
        r#"{"name":"t","name":"u"}"#,
        r#"{"name":"t","n\u0061me":"u"}"#,
        r#"{"name":"t","Name":"u"}"#,
        r#"{"name":"t","arguments":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{}}}}}}}}}"#,
        r#"{"name":"this is longer than a message may be, which is sixty-four bytes"}"#,
    ];
    for params in refused {
        assert!(message("tools/call", Some(params)).is_err(), "{params}");
    }
    assert!(wire::message("tools/call", Some(b"{\"name\":\"\xff\"}"), &limits).is_err());
}
