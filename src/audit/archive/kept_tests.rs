//! Tests of the file of kept bytes.

use super::*;

#[test]
fn what_was_kept_is_found_at_its_place() {
    let kept = [None, Some(&b"one"[..]), Some(b""), None, Some(b"four")];
    let file = encode(kept.into_iter()).unwrap();
    assert_eq!(file, b"\x01\x01\0\0\0\x03one\x02\0\0\0\0\x04\0\0\0\x04four");
    for (place, kept) in (0..=u8::MAX).zip(kept.into_iter().chain([None])) {
        assert_eq!(find(&file, place).unwrap().map(|range| &file[range]), kept, "{place}");
    }
    let all = vec![Some(&b"x"[..]); 256];
    assert_eq!(find(&encode(all.into_iter()).unwrap(), 255), Ok(Some(1 + 255 * 6 + 5..1 + 256 * 6)));
}

#[test]
fn there_is_no_file_when_nothing_was_kept() {
    assert_eq!(encode([None, None].into_iter()), None);
}

#[test]
fn a_file_that_is_cut_short_or_of_another_form_is_told() {
    let file = encode([Some(&b"one"[..]), Some(b"two")].into_iter()).unwrap();
    for end in (0..file.len()).filter(|end| ![1, 9].contains(end)) {
        assert_eq!(find(&file[..end], 1), Err(Damaged), "{end}");
    }
    assert_eq!(find(b"\x02\x01\0\0\0\x03one", 1), Err(Damaged));
    assert_eq!(find(b"\x01\x01\xff\xff\xff\xffone", 1), Err(Damaged));
}
