//! What is a JSON pointer, and where it leads: the examples of RFC 6901, section 5, among them.

use super::JsonPointer;

#[test]
fn the_steps_of_a_pointer_are_its_unescaped_parts() {
    for (text, steps) in [
        ("", &[][..]),
        ("/", &[""]),
        ("/foo/0", &["foo", "0"]),
        ("/a~1b", &["a/b"]),
        ("/m~0n", &["m~n"]),
        ("/~01", &["~1"]),
        ("/ /k\"l", &[" ", "k\"l"]),
        ("//", &["", ""]),
    ] {
        let pointer: JsonPointer = text.parse().unwrap();
        assert_eq!(pointer.steps().collect::<Vec<_>>(), steps, "{text}");
        assert_eq!(pointer.to_string(), text);
    }
}

#[test]
fn a_pointer_can_be_made_of_names() {
    assert_eq!(JsonPointer::of_member("a/b").then("~").to_string(), "/a~1b/~0");
}

#[test]
fn what_is_not_of_the_form_is_no_pointer() {
    for text in ["a", "a/b", "#/a", "/~", "/~2", "/a~", "/ä~é"] {
        assert!(text.parse::<JsonPointer>().is_err(), "{text}");
    }
}
