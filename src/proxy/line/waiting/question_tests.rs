//! What is shown of names that others chose.

use super::*;

#[test]
fn everything_that_is_in_a_name_can_be_seen_in_it_or_it_says_that_it_is_cut() {
    assert_eq!(shown("a\u{202e}b\n", NAME), r"a\u{202e}b\n");
    let long = "x".repeat(NAME);
    assert_eq!(shown(&long, NAME), long);
    assert_eq!(shown(&format!("{long}y"), NAME), format!("{long}…"));
}
