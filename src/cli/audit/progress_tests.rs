//! What is shown when, with a clock that the test sets.

use super::*;

fn shown(shown: Shown, at: &[(u64, u64, Option<u64>)]) -> Vec<Option<String>> {
    let began = Instant::now();
    let mut progress = Progress::new(shown, began);
    at.iter().map(|(millis, done, of)| progress.at(began + Duration::from_millis(*millis), *done, *of)).collect()
}

#[test]
fn a_terminal_has_one_line_with_a_bar_that_is_drawn_ten_times_a_second() {
    let seen =
        shown(Shown::Drawn, &[(50, 10, Some(1000)), (100, 250, Some(1000)), (150, 300, Some(1000)), (1000, 500, Some(1000))]);
    let expected = [
        None,
        Some("\r██████░░░░░░░░░░░░░░░░░░ 250 records of 1000 (25 %), 2500/s, 0 s left\u{1b}[K".to_owned()),
        None,
        Some("\r████████████░░░░░░░░░░░░ 500 records of 1000 (50 %), 500/s, 1 s left\u{1b}[K".to_owned()),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn elsewhere_there_is_a_plain_line_every_ten_seconds() {
    let seen = shown(
        Shown::Plain,
        &[(9_999, 10, None), (10_000, 2_000_000, None), (19_999, 3, None), (20_000, 4_000_000, Some(5_000_000))],
    );
    let expected = [
        None,
        Some("2000000 records, 200000/s\n".to_owned()),
        None,
        Some("4000000 records of 5000000 (80 %), 200000/s, 5 s left\n".to_owned()),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn nothing_is_shown_when_that_is_wanted_and_odd_numbers_break_nothing() {
    assert_eq!(shown(Shown::Nowhere, &[(60_000, 1, Some(2))]), [None]);
    let odd = shown(Shown::Drawn, &[(100, 0, Some(0)), (200, 0, Some(9)), (300, 12, Some(9)), (400, u64::MAX, Some(u64::MAX))]);
    assert!(odd.iter().all(Option::is_some), "{odd:?}");
    assert_eq!(Progress::new(Shown::Drawn, Instant::now()).end(), "");
}
