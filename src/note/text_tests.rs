//! The pieces that all signed texts are made of.

use proptest::prelude::*;

use super::*;

#[test]
fn a_number_has_one_spelling() {
    assert_eq!(parse_decimal("0"), Some(0));
    assert_eq!(parse_decimal("18446744073709551615"), Some(u64::MAX));
    for wrong in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "0x1", "18446744073709551616", "\u{661}"] {
        assert_eq!(parse_decimal(wrong), None, "{wrong}");
    }
}

#[test]
fn base64_has_one_spelling() {
    assert_eq!(parse_base64("AAA="), Some(vec![0, 0]));
    for wrong in ["AAA", "AAB=", "AAA==", "AA-_", "AAA=\n", "A A="] {
        assert_eq!(parse_base64(wrong), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(text in "[0-9]{0,21}|[A-Za-z0-9+/]{0,12}={0,2}") {
        if let Some(number) = parse_decimal(&text) {
            prop_assert_eq!(number.to_string(), text.clone());
        }
        if let Some(bytes) = parse_base64(&text) {
            prop_assert_eq!(base64(&bytes), text);
        }
    }
}
