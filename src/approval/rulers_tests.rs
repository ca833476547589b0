//! How people rule, counted.

use super::*;
use crate::approval::fixture::{ticket, vote};

#[test]
fn rulings_are_counted_by_person_with_the_median_of_their_time() {
    let ruled = |votes| Ticket { votes, ..ticket(1, "{}") };
    let second = 1_000_000;
    let tickets = [
        ruled(vec![vote("olga", Verdict::Approve, second)]),
        ruled(vec![vote("olga", Verdict::Approve, 3 * second), vote("bea", Verdict::Deny, 40 * second)]),
        ruled(vec![vote("olga", Verdict::Deny, 5 * second)]),
        ruled(vec![]),
    ];
    let all: Vec<_> = stats(tickets.iter())
        .into_iter()
        .map(|one| (one.ruler.to_string(), one.approved, one.denied, one.median.as_secs()))
        .collect();
    assert_eq!(all, [("olga".to_owned(), 2, 1, 3), ("bea".to_owned(), 0, 1, 40)]);
}
