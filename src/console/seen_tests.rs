//! Tests of how text of strangers is shown.

use super::{Piece, is_plain, is_plain_json, pieces, seen, seen_json};

/// The text with its marks in braces.
fn marked(text: &str) -> String {
    let mark = |piece: &Piece<'_>| match piece {
        Piece::Plain(text) => (*text).to_owned(),
        Piece::Hidden(letter) => format!("{{{:04x}}}", u32::from(*letter)),
        Piece::Alike(letter, alphabet) => format!("{{{letter} {alphabet}}}"),
    };
    pieces(text).iter().map(mark).collect()
}

#[test]
fn whatever_is_not_what_it_seems_is_marked() {
    let cases = [
        ("", ""),
        ("shop/refund", "shop/refund"),
        ("Grüße, naïve café", "Grüße, naïve café"),
        ("Привет мир", "Привет мир"),
        ("Ελλάδα", "Ελλάδα"),
        ("日本語 한국어 العربية", "日本語 한국어 العربية"),
        ("a\u{202e}gnp.exe", "a{202e}gnp.exe"),
        ("pay\u{200b}pal", "pay{200b}pal"),
        ("a\tb\nc\u{7}", "a{0009}b{000a}c{0007}"),
        ("1\u{a0}000", "1{00a0}000"),
        ("x\u{e0041}y", "x{e0041}y"),
        ("p\u{430}ypal", "p{а Cyrillic}ypal"),
        ("аре", "{а Cyrillic}{р Cyrillic}{е Cyrillic}"),
        ("g\u{3bf}\u{3bf}gle", "g{ο Greek}{ο Greek}gle"),
        ("ad\u{434}min", "ad{д Cyrillic}min"),
        ("ｐａｙ", "{ｐ wide or mathematical}{ａ wide or mathematical}{ｙ wide or mathematical}"),
        ("𝐛ank", "{𝐛 wide or mathematical}ank"),
        ("и", "и"),
    ];
    for (text, expected) in cases {
        assert_eq!(marked(text), expected, "{text:?}");
        assert_eq!(is_plain(text), marked(text) == text, "{text:?}");
    }
}

#[test]
fn no_letter_is_lost() {
    for text in ["a\u{202e}b p\u{430}y <b> \u{0}", "ｗide 日本 x\u{e0041}"] {
        let back: String = pieces(text)
            .iter()
            .map(|piece| match piece {
                Piece::Plain(text) => (*text).to_owned(),
                Piece::Hidden(letter) | Piece::Alike(letter, _) => letter.to_string(),
            })
            .collect();
        assert_eq!(back, text);
    }
}

#[test]
fn marks_say_what_they_stand_for_and_the_text_itself_is_inert() {
    let shown = seen("\u{202e}<img>").into_document();
    assert!(shown.contains("changes the direction of reading U+202E") && shown.contains("&lt;img&gt;"), "{shown}");
    assert!(!shown.contains('\u{202e}'), "{shown}");
}

#[test]
fn what_json_escapes_by_number_is_marked_as_it_is_written() {
    let cases = [
        (r#""a\u202eb""#, Some("changes the direction of reading U+202E")),
        (r#""a\\\u202eb""#, Some("U+202E")),
        (r#""a\\u202eb""#, None),
        (r#""\ud83d\ude00""#, Some("half of a letter")),
        (r#""a\n\"b\"ü""#, None),
        (r#""\u20"#, None),
        ("\"\\", None),
    ];
    for (text, mark) in cases {
        let shown = seen_json(text).into_document();
        assert_eq!(is_plain_json(text), mark.is_none(), "{text}: {shown}");
        assert!(mark.is_none_or(|mark| shown.contains(mark)), "{text}: {shown}");
    }
}
