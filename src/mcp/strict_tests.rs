//! What is refused of JSON that does not come in a message.

use super::*;

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    let limits = Limits { max_bytes: 64, max_depth: 3 };
    for (text, expected) in [
        (r#"{"a": [1, {"b": null}]}"#, Ok(())),
        ("7", Ok(())),
        (" null\n", Ok(())),
        ("", Err(NotStrict::Syntax)),
        ("{} {}", Err(NotStrict::Syntax)),
        (r#"1, "agent": "root""#, Err(NotStrict::Syntax)),
        (r#""\ud800""#, Err(NotStrict::Syntax)),
        (r#"{"a": 1, "a": 2}"#, Err(NotStrict::DuplicateKey)),
        (r#"{"a": {"b": 1, "\u0062": 2}}"#, Err(NotStrict::DuplicateKey)),
        ("[[[[1]]]]", Err(NotStrict::Deep(3))),
        (&"1".repeat(65), Err(NotStrict::Long(64))),
    ] {
        assert_eq!(check_json(text.as_bytes(), limits), expected, "{text}");
    }
    assert_eq!(check_json(b"\"\xff\"", limits), Err(NotStrict::Syntax));
}
