//! Where tickets are found, and which are forgotten.

use super::*;
use crate::approval::fixture::{LIFE, at, bound, once, ticket, vote};
use crate::approval::state::{Event, next};
use crate::approval::ticket::{Asker, Grant};
use crate::domain::{AgentId, Verdict};

fn put(table: &mut Table, ticket: &Ticket) {
    assert_eq!(table.put(Arc::new(ticket.clone())), []);
}

#[test]
fn an_open_ticket_is_found_by_what_it_is_for_and_one_that_is_over_is_not() {
    let mut table = Table::default();
    let waiting = ticket(1, "{}");
    put(&mut table, &waiting);
    assert_eq!(table.open(&waiting.digest).map(|ticket| ticket.id), Some(waiting.id));
    assert_eq!(table.next_end(), Some(at(LIFE)));
    let granted = next(&waiting, Event::Vote(vote("olga", Verdict::Approve, 1), Some(once(50))), at(1)).unwrap();
    put(&mut table, &granted);
    assert_eq!((table.next_end(), table.waiting().count(), table.all().count()), (Some(at(50)), 0, 1));
    assert_eq!((table.late(at(49)), table.late(at(50))), (vec![], vec![granted.id]));
    let spent = next(&granted, Event::Use { keep: true }, at(2)).unwrap();
    put(&mut table, &spent);
    assert_eq!((table.open(&waiting.digest), table.next_end()), (None, None));
    assert_eq!(table.get(waiting.id).map(|ticket| ticket.state), Some(TicketState::Spent));
    // The next ticket for the same call is another one.
    put(&mut table, &ticket(2, "{}"));
    assert_eq!(table.open(&waiting.digest).map(|ticket| ticket.seq), Some(2));
}

#[test]
fn a_grant_for_any_arguments_is_found_for_the_same_caller_and_tool_only() {
    let mut table = Table::default();
    let grant = |any_arguments| Grant { any_arguments, uses: None, window: true, ..once(99) };
    let approve = |any_arguments| Event::Vote(vote("olga", Verdict::Approve, 1), Some(grant(any_arguments)));
    put(&mut table, &next(&ticket(1, "{}"), approve(false), at(1)).unwrap());
    assert!(table.for_any_arguments(&bound("[1]")).is_none());
    put(&mut table, &next(&ticket(2, r#"{"a":1}"#), approve(true), at(1)).unwrap());
    assert_eq!(table.for_any_arguments(&bound("[1]")).map(|ticket| ticket.seq), Some(2));
    let others = [
        Bound { asker: Asker { agent: AgentId::new("bot2"), ..bound("{}").asker }, ..bound("{}") },
        Bound { asker: Asker { actor: None, ..bound("{}").asker }, ..bound("{}") },
        Bound { target: crate::domain::Target::Tool("drop".into()), ..bound("{}") },
        Bound { via: Some("call_tool".into()), ..bound("{}") },
        Bound { definition: Some(crate::domain::Fingerprint::new([1; 32])), ..bound("{}") },
    ];
    assert!(others.iter().all(|other| table.for_any_arguments(other).is_none()));
}

#[test]
fn those_that_have_been_over_for_longest_are_forgotten_first() {
    let mut table = Table::default();
    let over = |number: u64| {
        let end = Event::Vote(vote("olga", Verdict::Deny, number as i64), None);
        next(&ticket(number, "{}"), end, at(number as i64)).unwrap()
    };
    put(&mut table, &ticket(0, "[0]"));
    (1..=MOST_OVER as u64).for_each(|number| put(&mut table, &over(number)));
    assert_eq!(table.put(Arc::new(over(1_001))), [over(1).id]);
    assert_eq!(table.all().count(), MOST_OVER + 1);
    assert!(table.get(ticket(0, "[0]").id).is_some(), "one that is open is never forgotten");
}
