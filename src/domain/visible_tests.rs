//! What a reader would not see is written out, and nothing else is touched.

use super::visible;

#[test]
fn what_cannot_be_seen_is_written_out() {
    let cases = [
        ("plain, wörtlich, 文字, 🙂", "plain, wörtlich, 文字, 🙂"),
        ("a\u{202e}b", "a\\u{202e}b"),
        ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ("\u{e0041}\u{e0042}", "\\u{e0041}\\u{e0042}"),
        ("two\nlines\tand\r", "two\\nlines\\tand\\r"),
        ("\u{1b}[31mred\u{7}\u{9b}", "\\u{1b}[31mred\\u{7}\\u{9b}"),
        ("soft\u{ad}hyphen \u{2066}isolate\u{2069}", "soft\\u{ad}hyphen \\u{2066}isolate\\u{2069}"),
    ];
    for (text, expected) in cases {
        assert_eq!(visible(text), expected);
    }
}
