//! Whatever the texts are, both can be read off their difference.

use super::{Side, WIDTH, diff, lines};

fn drawn(old: &str, new: &str) -> String {
    let sign = |side| match side {
        Side::Both => ' ',
        Side::Old => '-',
        Side::New => '+',
    };
    diff(old, new).into_iter().map(|(side, line)| format!("{}{line}\n", sign(side))).collect()
}

#[test]
fn what_went_and_what_came_is_found() {
    let cases = [
        ("a", "a", " a\n"),
        ("a", "b", "-a\n+b\n"),
        ("a\nb\nc", "a\nx\nc", " a\n-b\n+x\n c\n"),
        ("a\nb\nc", "b\nc\nd", "-a\n b\n c\n+d\n"),
        ("a\nb", "a\nnew\nb", " a\n+new\n b\n"),
        ("a\na\na", "a\na", " a\n a\n-a\n"),
        ("", "a", "-\n+a\n"),
        ("one\ntwo\nthree\nfour", "two\none\nfour\nthree", "-one\n two\n-three\n+one\n four\n+three\n"),
    ];
    for (old, new, expected) in cases {
        assert_eq!(drawn(old, new), expected, "{old:?} {new:?}");
    }
}

#[test]
fn both_texts_can_be_read_off_the_difference() {
    let long = "word ".repeat(100);
    let many: String = (0..3_000).map(|number| format!("{number}\n")).collect();
    let other: String = (0..3_000).map(|number| format!("{}\n", number * 7 % 3_000)).collect();
    let cases = [("", ""), (long.as_str(), "word"), (&many, &other), ("é".repeat(250).leak(), "é"), ("a\n\nb", "a\nb\n")];
    for (old, new) in cases {
        let seen = diff(old, new);
        let read = |side: Side| {
            seen.iter().filter(|(of, _)| *of == Side::Both || *of == side).map(|(_, line)| *line).collect::<Vec<_>>()
        };
        assert_eq!(read(Side::Old), lines(old));
        assert_eq!(read(Side::New), lines(new));
    }
}

#[test]
fn a_long_line_is_broken_between_words_and_loses_nothing() {
    let text = "some words and a veryverylongone ".repeat(20);
    let pieces = lines(&text);
    assert!(pieces.iter().all(|piece| piece.chars().count() <= WIDTH) && pieces.len() > 5);
    assert_eq!(pieces.concat(), text);
}
