//! Which request a line belongs to.

use super::*;

fn key(json: &str) -> Key {
    Key::parse(json.as_bytes()).unwrap()
}

#[test]
fn keys_are_equal_whenever_some_server_could_mix_them_up() {
    let same = [
        ("1", "1.0"),
        ("1", "\"1\""),
        ("0", "-0"),
        ("100", "1e2"),
        ("\"a\"", "\"\\u0061\""),
        ("9007199254740993", "9007199254740992"),
        (" 7", "7 "),
    ];
    for (one, other) in same {
        assert_eq!(key(one), key(other), "{one} and {other}");
    }
    for (one, other) in [("1", "2"), ("\"a\"", "\"A\""), ("1", "\"1.0\""), ("\"\"", "0")] {
        assert_ne!(key(one), key(other), "{one} and {other}");
    }
}

#[test]
fn only_strings_and_numbers_are_keys() {
    for json in ["null", "true", "[1]", "{}", "", "1 2", "1e999", "\"open", "\u{feff}1"] {
        assert_eq!(Key::parse(json.as_bytes()), None, "{json}");
    }
    assert!(Key::parse(format!("{:?}", "x".repeat(MAX_KEY_BYTES - 2)).as_bytes()).is_some());
    assert_eq!(Key::parse(format!("{:?}", "x".repeat(MAX_KEY_BYTES - 1)).as_bytes()), None, "too long to be remembered");
}

#[test]
fn a_line_is_known_by_its_kind_and_by_what_it_is_about() {
    let subscription = r#""_meta":{"io.modelcontextprotocol/subscriptionId":"s"}"#;
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"result":{"id":2,"method":"x"}}"#.to_owned(), Some(Peek::Response(Some(key("1"))))),
        (r#"{"result":{},"id":"a\u0062"}"#.to_owned(), Some(Peek::Response(Some(key("\"ab\""))))),
        (r#"{"id":null,"error":{}}"#.to_owned(), Some(Peek::Response(None))),
        (r#"{"id":7,"method":"ping","params":{"progressToken":1}}"#.to_owned(), Some(Peek::Request(key("7")))),
        (
            r#"{"method":"notifications/progress","params":{"progressToken":"t","progress":1}}"#.to_owned(),
            Some(Peek::Notification(About::Progress(key("\"t\"")))),
        ),
        (
            r#"{"m\u0065thod":"notifications/progr\u0065ss","params":{"progressToken":5}}"#.to_owned(),
            Some(Peek::Notification(About::Progress(key("5")))),
        ),
        (r#"{"method":"other","params":{"progressToken":5}}"#.to_owned(), Some(Peek::Notification(About::Nothing))),
        (
            format!(r#"{{"method":"any","params":{{{subscription}}}}}"#),
            Some(Peek::Notification(About::Subscription(key("\"s\"")))),
        ),
        (r#"{"method":"any","params":[1,2]}"#.to_owned(), Some(Peek::Notification(About::Nothing))),
        (r#"{"method":"any"}"#.to_owned(), Some(Peek::Notification(About::Nothing))),
        ("Server listening on stdio".to_owned(), None),
        (r#"[{"id":1,"result":{}}]"#.to_owned(), None),
        (r#"{"id":1,"id":2,"result":{}}"#.to_owned(), None),
        (r#"{"id":{},"method":"x"}"#.to_owned(), None),
        (r#"{"id":1,"result":{}} {}"#.to_owned(), None),
    ];
    for (line, expected) in cases {
        assert_eq!(peek(line.as_bytes()), expected, "{line}");
    }
    let not_utf8 = peek(b"{\"id\":1,\"result\":\"\xff\"}");
    assert_eq!(not_utf8, Some(Peek::Response(Some(key("1")))), "it gets to its request, where it is refused with a reason");
}

#[test]
fn what_is_said_to_the_server_carries_the_id_as_it_came() {
    for json in ["1", "9007199254740993", r#""a\"b\u0063""#] {
        let cancelled = cancelled(&key(json));
        assert!(String::from_utf8_lossy(&cancelled).contains(&format!(r#""requestId":{json}"#)));
        assert_eq!(peek(&cancelled), Some(Peek::Notification(About::Nothing)));
        assert_eq!(peek(&declined(&key(json))), Some(Peek::Response(Some(key(json)))));
    }
}
