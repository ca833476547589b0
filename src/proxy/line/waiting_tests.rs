//! What a form shows of a call.

use super::*;

#[test]
fn everything_that_is_in_a_text_can_be_seen_in_it_or_it_says_that_it_is_cut() {
    assert_eq!(shown("a\u{202e}b\n"), r"a\u{202e}b\n");
    let long = "x".repeat(SHOWN);
    assert_eq!(shown(&long), long);
    assert!(shown(&format!("{long}y")).ends_with("x… (cut: the console shows all of it)"));
}
