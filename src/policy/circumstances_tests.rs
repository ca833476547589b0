//! Circumstances that were kept are the ones that would be made anew.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{Kept, MAX_KEPT, Occasion};
use crate::domain::{Actor, AgentId, Caller, Source, Timestamp, Transport, UserId};
use crate::policy::entities::Names;

fn caller(agent: &str, user: Option<&str>) -> Caller {
    let actor = user.map_or(Actor::Unattended, |user| Actor::Person(UserId::new(user)));
    Caller::new(AgentId::new(agent), actor)
}

fn source(ip: Option<&str>, session: Option<&str>) -> Source {
    Source { transport: Transport::Http, ip: ip.map(|ip| ip.parse().unwrap()), session: session.map(Into::into) }
}

#[test]
fn whoever_differs_in_anything_gets_circumstances_of_their_own() {
    let (names, kept) = (Names::new().unwrap(), Kept::default());
    let everybody = [
        (caller("a", None), source(None, None), 0),
        (caller("a", Some("u")), source(None, None), 0),
        (caller("b", Some("u")), source(None, None), 0),
        (caller("a", Some("u")), source(Some("10.0.0.1"), None), 0),
        (caller("a", Some("u")), source(Some("10.0.0.2"), None), 0),
        (caller("a", Some("u")), source(None, Some("s1")), 0),
        (caller("a", Some("u")), source(None, Some("s2")), 0),
        (caller("a", None), source(None, None), 1_000_000),
        (caller("a", None), source(None, None), -1),
    ];
    for round in 0..2 {
        for (caller, source, micros) in &everybody {
            let now = Timestamp::from_micros(*micros);
            let occasion = Occasion { names: &names, zone: &TimeZone::UTC, caller, source, now };
            let seen = kept.of(&occasion).unwrap();
            let anew = Kept::default().of(&occasion).unwrap();
            assert_eq!(seen.context, anew.context, "round {round}: {caller:?} {source:?} {micros}");
        }
    }
}

#[test]
fn calls_within_a_second_share_them_and_later_ones_do_not() {
    let (names, kept) = (Names::new().unwrap(), Kept::default());
    let (caller, source) = (caller("a", Some("u")), source(None, None));
    let at = |micros| {
        let now = Timestamp::from_micros(micros);
        kept.of(&Occasion { names: &names, zone: &TimeZone::UTC, caller: &caller, source: &source, now }).unwrap()
    };
    let first = at(5_000_000);
    assert!(Arc::ptr_eq(&first, &at(5_999_999)));
    assert!(!Arc::ptr_eq(&first, &at(6_000_000)));
}

#[test]
fn they_do_not_grow_without_bound() {
    let (names, kept) = (Names::new().unwrap(), Kept::default());
    for number in 0..2 * MAX_KEPT {
        let caller = caller(&format!("agent-{number}"), None);
        let (source, now) = (source(None, None), Timestamp::from_micros(0));
        kept.of(&Occasion { names: &names, zone: &TimeZone::UTC, caller: &caller, source: &source, now }).unwrap();
        assert!(kept.0.lock().known.len() <= MAX_KEPT);
    }
}
