//! Outcomes near and far from their decisions, twice, of nothing, and of decisions that had to be forgotten.

use super::*;

fn id(number: u64) -> DecisionId {
    DecisionId::from_parts(1, u128::from(number))
}

fn allowed(number: u64) -> Body<'static> {
    Body::Decision { id: id(number), allows: true }
}

fn outcome(number: u64, of: u64) -> Body<'static> {
    Body::Outcome { id: id(number), of }
}

/// Passes bodies from a number on; which of them are outcomes of nothing.
fn pass(first: u64, bodies: &[Body<'_>]) -> (SpanPairs, Vec<u64>) {
    let mut span = SpanPairs::new(first);
    let wrong = (first..).zip(bodies).filter(|(seq, body)| !span.pass(*seq, body)).map(|(seq, _)| seq).collect();
    (span, wrong)
}

#[test]
fn outcomes_in_the_span_of_their_decision_are_settled_there() {
    let denied = Body::Decision { id: id(9), allows: false };
    let bodies = [
        allowed(1),
        outcome(1, 100),
        outcome(1, 100),
        outcome(2, 100),
        outcome(1, 105),
        denied,
        outcome(9, 105),
        outcome(9, 101),
        outcome(1, u64::MAX),
        allowed(3),
    ];
    let (span, wrong) = pass(100, &bodies);
    assert_eq!(wrong, [103, 104, 107, 108], "another name, something later, no decision, nothing");
    let mut pairs = Pairs::default();
    pairs.add(&span);
    assert_eq!((pairs.open(), Pairs::far(&span)), (1, &[][..]));
}

#[test]
fn outcomes_of_an_earlier_span_meet_what_is_open() {
    let mut pairs = Pairs::default();
    let (mut before, _) = pass(0, &[allowed(1), allowed(2)]);
    before.pass_doubtful(1);
    pairs.add(&before);
    let (span, wrong) = pass(10, &[outcome(1, 0), outcome(7, 1), outcome(8, 2)]);
    assert!(wrong.is_empty());
    let settled: Vec<bool> = Pairs::far(&span).iter().map(|far| pairs.settle(far)).collect();
    assert_eq!(settled, [true, false, true], "open, another name, nobody knows");
    assert_eq!(pairs.open(), 1);
}

fn leaf(members: &str) -> Vec<u8> {
    let prev = "L0y2kW+kIAVmDTY7XaEj9q/abmTwKXRiweYTUiFdWsk=";
    format!("{{{members},\"ts\":\"2026-11-22T10:15:14.000012Z\",\"v\":1}}").replace("PREV", prev).into_bytes()
}

#[test]
fn an_outcome_that_meets_nothing_is_looked_up() {
    let decision = |word: &str| {
        let members = format!("\"decision\":\"{word}\",\"id\":\"{}\",\"prev\":\"PREV\",\"seq\":0,\"t\":\"decision\"", id(1));
        leaf(&members)
    };
    let far = |id| Far { seq: 10, id, of: 0 };
    let mut pairs = Pairs::remembering(1);
    pairs.add(&pass(0, &[allowed(1), allowed(2), allowed(3)]).0);
    assert_eq!(pairs.open(), 3, "two are only counted");
    assert!(!pairs.settle(&far(id(1))));
    assert!(!pairs.settle_with(&far(id(2)), Some(&decision("allow"))), "another name");
    assert!(!pairs.settle_with(&far(id(1)), Some(&leaf("\"prev\":\"PREV\",\"seq\":0,\"t\":\"stop\""))), "no decision");
    assert_eq!(pairs.open(), 3);
    assert!(pairs.settle_with(&far(id(1)), Some(&decision("allow"))));
    assert_eq!(pairs.open(), 2);
    assert!(pairs.settle_with(&far(id(1)), Some(&decision("deny"))));
    assert!(pairs.settle_with(&far(id(1)), None), "what is gone is told elsewhere");
    assert!(pairs.settle_with(&far(id(1)), Some(b"{")), "and so is what is damaged");
    assert_eq!(pairs.open(), 2);
}
