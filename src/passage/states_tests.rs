//! Whose a state is, and for how long.

use super::*;
use crate::domain::{Actor, AgentId, Timestamp, UserId};

fn caller(agent: &str, user: Option<&str>) -> Caller {
    Caller::new(AgentId::new(agent), user.map_or(Actor::Unattended, |user| Actor::Person(UserId::new(user))))
}

#[test]
fn a_state_is_for_whom_it_was_given_to_and_nobody_else() {
    let states = States::new(Clock::manual(Timestamp::from_micros(1_000)));
    let alice = caller("helper", Some("alice"));
    let sealed = states.seal("leg 2 of ä", &alice).unwrap();
    assert!(!sealed.contains("leg"), "{sealed}");
    assert_eq!(states.open(&sealed, &alice).as_deref(), Some("leg 2 of ä"));
    assert_eq!(states.open(&sealed, &alice).as_deref(), Some("leg 2 of ä"), "a retry is no theft");
    let others = [
        caller("helper", Some("bob")),
        caller("helper", None),
        caller("other", Some("alice")),
        caller("helperalice", None),
        caller("", Some("helperalice")),
    ];
    for other in others {
        assert_eq!(states.open(&sealed, &other), None, "{other:?}");
    }
    assert_ne!(states.seal("leg 2 of ä", &alice).unwrap(), sealed, "two states never look alike");
    assert_eq!(States::new(Clock::System).open(&sealed, &alice), None, "another server's, or of before a restart");
}

#[test]
fn what_was_changed_made_up_or_kept_too_long_is_no_state() {
    let clock = Clock::manual(Timestamp::from_micros(1_000));
    let states = States::new(clock.clone());
    let alice = caller("helper", Some("alice"));
    let sealed = states.seal("s", &alice).unwrap();
    for at in PREFIX.len()..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(states.open(std::str::from_utf8(&changed).unwrap(), &alice), None, "{at}");
    }
    let (headless, tailless) = (sealed.split_at(1).1, sealed.split_at(sealed.len() - 1).0);
    for made_up in ["", "s", PREFIX, "cedarpost1.AAAA", "cedarpost1.=", headless, tailless] {
        assert_eq!(states.open(made_up, &alice), None, "{made_up}");
    }
    clock.set(Timestamp::from_micros(1_000 + 3_600_000_000));
    assert_eq!(states.open(&sealed, &alice).as_deref(), Some("s"));
    clock.set(Timestamp::from_micros(1_001 + 3_600_000_000));
    assert_eq!(states.open(&sealed, &alice), None);
}

#[test]
fn a_state_of_ours_is_no_state_of_a_server_and_is_for_whom_it_was_given_to() {
    let states = States::new(Clock::manual(Timestamp::from_micros(1_000)));
    let alice = caller("helper", Some("alice"));
    let (ours, theirs) = (states.seal_ours("s", &alice).unwrap(), states.seal("s", &alice).unwrap());
    assert_eq!(states.open_ours(&ours, &alice).as_deref(), Some("s"));
    assert!(States::claims_to_be_ours(&ours) && !States::claims_to_be_ours(&theirs));
    assert_eq!(states.open_ours(&ours, &caller("helper", Some("bob"))), None);
    assert_eq!((states.open(&ours, &alice), states.open_ours(&theirs, &alice)), (None, None));
    // Nor does another name make one of the other.
    let (mut renamed, body) = (OURS.to_owned(), theirs.strip_prefix(PREFIX).unwrap());
    renamed.push_str(body);
    assert_eq!(states.open_ours(&renamed, &alice), None);
    assert_eq!(states.open(&format!("{PREFIX}{}", ours.strip_prefix(OURS).unwrap()), &alice), None);
}
