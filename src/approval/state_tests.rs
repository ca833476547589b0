//! Every state against every event, and what random histories can never lead to.

use proptest::prelude::*;

use super::*;
use crate::approval::fixture::{LIFE, at, once, ticket, vote};

const UNTIL: i64 = 600_000_000;

fn granted() -> Ticket {
    next(&ticket(1, "{}"), Event::Vote(vote("olga", Verdict::Approve, 1), Some(once(UNTIL))), at(1)).unwrap()
}

/// A ticket in each state.
fn each() -> Vec<Ticket> {
    let waiting = ticket(1, "{}");
    let end = |event, micros| next(&granted(), event, at(micros)).unwrap();
    vec![
        waiting.clone(),
        granted(),
        next(&waiting, Event::Vote(vote("olga", Verdict::Deny, 1), None), at(1)).unwrap(),
        next(&waiting, Event::Expire, at(LIFE)).unwrap(),
        end(Event::Use { keep: true }, 2),
        end(Event::Void, 2),
    ]
}

#[test]
fn every_event_leads_from_every_state_where_it_should() {
    use TicketState::{Expired, Granted, Rejected, Spent, Void, Waiting};
    let events = [
        ("approve, not enough", Event::Vote(vote("bea", Verdict::Approve, 3), None), [Some(Waiting), None]),
        ("approve, enough", Event::Vote(vote("bea", Verdict::Approve, 3), Some(once(UNTIL))), [Some(Granted), None]),
        ("deny", Event::Vote(vote("bea", Verdict::Deny, 3), None), [Some(Rejected), Some(Rejected)]),
        ("use", Event::Use { keep: false }, [None, Some(Spent)]),
        ("expire, in time", Event::Expire, [None, None]),
        ("void", Event::Void, [None, Some(Void)]),
    ];
    for before in each() {
        for (name, event, [from_waiting, from_granted]) in &events {
            let expected = match before.state {
                Waiting => *from_waiting,
                Granted => *from_granted,
                Rejected | Expired | Spent | Void => None,
            };
            let after = next(&before, event.clone(), at(3)).map(|after| after.state);
            match (after, expected) {
                (Ok(after), Some(expected)) => assert_eq!(after, expected, "{:?}, {name}", before.state),
                (Err(ChangeError::Stands(state)), None) => assert_eq!(state, before.state, "{name}"),
                (Err(ChangeError::NotYet), None) => assert_eq!(*name, "expire, in time"),
                other => panic!("{:?}, {name}: {other:?}", before.state),
            }
        }
    }
}

#[test]
fn nothing_but_the_end_happens_to_a_ticket_whose_time_is_over() {
    for (before, late) in [(ticket(1, "{}"), LIFE), (granted(), UNTIL)] {
        let approve = Event::Vote(vote("bea", Verdict::Approve, late), Some(once(late + 9)));
        for event in [approve, Event::Use { keep: false }, Event::Void, Event::Vote(vote("bea", Verdict::Deny, late), None)] {
            assert_eq!(next(&before, event, at(late)), Err(ChangeError::Stands(TicketState::Expired)));
        }
        assert_eq!(next(&before, Event::Expire, at(late - 1)), Err(ChangeError::NotYet));
        let over = next(&before, Event::Expire, at(late)).unwrap();
        assert_eq!((over.state, over.ended), (TicketState::Expired, Some(at(late))));
    }
}

#[test]
fn nobody_counts_twice() {
    let once_more = |ruler, grant| Event::Vote(vote(ruler, Verdict::Approve, 2), grant);
    let one = next(&ticket(1, "{}"), once_more("olga", None), at(2)).unwrap();
    assert_eq!(next(&one, once_more("olga", Some(once(UNTIL))), at(3)), Err(ChangeError::VotedAlready));
    let two = next(&one, once_more("bea", Some(once(UNTIL))), at(3)).unwrap();
    let approval = two.granted().unwrap();
    assert_eq!((approval.by.as_str(), approval.approvers.len()), ("bea", 2));
    // Whoever approved may still take it back.
    assert_eq!(next(&two, Event::Vote(vote("olga", Verdict::Deny, 4), None), at(4)).unwrap().state, TicketState::Rejected);
}

#[test]
fn arguments_are_kept_only_as_long_as_somebody_needs_them() {
    let kept = |ticket: &Ticket| ticket.bound.arguments.is_some();
    assert_eq!(each().iter().map(kept).collect::<Vec<_>>(), [true, true, false, false, true, false]);
    assert!(!kept(&next(&granted(), Event::Use { keep: false }, at(2)).unwrap()));
    assert!(each().iter().all(|one| one.digest == ticket(1, "{}").digest), "the digest stays");
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Approve(u8, bool),
    Deny(u8),
    Use,
    Expire,
    Void,
    Wait(i64),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        (0_u8..4, any::<bool>()).prop_map(|(who, enough)| Deed::Approve(who, enough)),
        (0_u8..4).prop_map(Deed::Deny),
        Just(Deed::Use),
        Just(Deed::Use),
        Just(Deed::Expire),
        Just(Deed::Void),
        (0..LIFE).prop_map(Deed::Wait),
    ];
    prop::collection::vec(deed, 1..40)
}

proptest! {
    #[test]
    fn no_history_uses_a_ticket_more_often_than_it_was_granted_or_without_a_grant(deeds in deeds(), uses in 1_u32..4) {
        let (mut ticket, mut now, mut used) = (ticket(1, "{}"), 0, 0);
        for deed in deeds {
            let who = |number: u8| format!("user{number}");
            let grant = Grant { uses: Some(uses), window: uses > 1, ..once(now + UNTIL) };
            let event = match deed {
                Deed::Approve(number, enough) => Event::Vote(vote(&who(number), Verdict::Approve, now), enough.then_some(grant)),
                Deed::Deny(number) => Event::Vote(vote(&who(number), Verdict::Deny, now), None),
                Deed::Use => Event::Use { keep: true },
                Deed::Expire => Event::Expire,
                Deed::Void => Event::Void,
                Deed::Wait(micros) => {
                    now += micros;
                    continue;
                }
            };
            let using = matches!(event, Event::Use { .. });
            let Ok(after) = next(&ticket, event, at(now)) else { continue };
            prop_assert!(!ticket.state.is_over(), "nothing happens after the end");
            if using {
                used += 1;
                prop_assert_eq!(ticket.state, TicketState::Granted);
                prop_assert!(at(now) < ticket.grant.unwrap().until);
            }
            if after.state == TicketState::Granted {
                prop_assert!(after.votes.iter().any(|vote| vote.verdict == Verdict::Approve));
                prop_assert!(after.votes.iter().all(|vote| vote.verdict == Verdict::Approve));
            }
            prop_assert_eq!(after.state.is_over(), after.ended.is_some());
            prop_assert_eq!(after.state.is_over(), after.ends().is_none());
            ticket = after;
        }
        prop_assert!(used <= uses);
        prop_assert_eq!(ticket.used, used);
    }
}
