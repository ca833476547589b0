//! Who waits for what at one child.

use std::time::Duration;

use super::super::mailbox::{Mailbox, mailbox};
use super::super::wire::peek;
use super::*;
use crate::domain::{Actor, AgentId};

fn key(json: &str) -> Key {
    Key::parse(json.as_bytes()).unwrap()
}

fn caller(agent: &str) -> Caller {
    Caller::new(AgentId::new(agent), Actor::Unattended)
}

fn claim(agent: &str, id: &str, token: Option<&str>) -> Claim {
    Claim { id: key(id), progress_token: token.map(key), caller: caller(agent) }
}

fn enter(table: &mut Table, claim: Claim) -> Option<(Stay, Mailbox)> {
    let (post, letters) = mailbox(100, Duration::ZERO);
    table.enter(claim, post).map(|stay| (stay, letters))
}

fn destination(table: &mut Table, line: &str) -> &'static str {
    match table.destination(&peek(line.as_bytes()).unwrap()) {
        Destination::Answer(_) => "answer",
        Destination::Exchange(..) => "exchange",
        Destination::Abandoned => "abandoned",
        Destination::Stranger => "stranger",
        Destination::Unaddressed => "unaddressed",
    }
}

#[test]
fn no_two_live_requests_share_an_id_or_a_progress_token() {
    let mut table = Table::new(10);
    let _one = enter(&mut table, claim("a", "1", Some("\"t\""))).unwrap();
    for conflicting in
        [claim("a", "1", None), claim("b", "\"1\"", None), claim("a", "2", Some("\"t\"")), claim("b", "1.0", Some("9"))]
    {
        assert!(enter(&mut table, conflicting.clone()).is_none(), "{conflicting:?}");
    }
    assert!(enter(&mut table, claim("b", "\"t\"", Some("1"))).is_some(), "ids and tokens are different things");
}

#[test]
fn a_table_takes_so_many_requests_and_no_more() {
    let mut table = Table::new(1);
    let (stay, _letters) = enter(&mut table, claim("a", "1", None)).unwrap();
    assert!(enter(&mut table, claim("a", "2", None)).is_none());
    table.withdraw(&stay);
    assert!(enter(&mut table, claim("a", "2", None)).is_some());
}

#[test]
fn messages_go_to_their_request_until_the_answer_and_no_further() {
    let mut table = Table::new(10);
    let _one = enter(&mut table, claim("a", "1", Some("5"))).unwrap();
    let _two = enter(&mut table, claim("a", "2", None)).unwrap();
    let progress = r#"{"method":"notifications/progress","params":{"progressToken":5}}"#;
    let event = r#"{"method":"x","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}"#;
    let steps = [
        (progress, "exchange"),
        (event, "exchange"),
        (r#"{"method":"notifications/message"}"#, "unaddressed"),
        (r#"{"id":1,"method":"sampling/createMessage"}"#, "unaddressed"),
        (r#"{"id":1,"result":{}}"#, "answer"),
        (r#"{"id":1,"result":{}}"#, "stranger"),
        (progress, "stranger"),
        (r#"{"id":2,"error":{}}"#, "answer"),
        (event, "stranger"),
    ];
    for (line, expected) in steps {
        assert_eq!(destination(&mut table, line), expected, "{line}");
    }
}

#[test]
fn an_abandoned_request_keeps_its_id_until_the_child_answers() {
    let mut table = Table::new(10);
    let (stay, _letters) = enter(&mut table, claim("a", "1", Some("1"))).unwrap();
    let mut answered = table.abandon(&stay).unwrap();
    assert!(table.abandon(&stay).is_none(), "once is enough");
    assert!(enter(&mut table, claim("a", "1", None)).is_none());
    assert!(answered.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    assert_eq!(destination(&mut table, r#"{"id":1,"result":{}}"#), "abandoned");
    assert!(answered.try_recv() == Err(oneshot::error::TryRecvError::Closed));
    assert!(enter(&mut table, claim("b", "1", Some("1"))).is_some(), "answered is done, for everybody");
}

#[test]
fn an_id_whose_answer_may_still_come_is_never_given_to_another_caller() {
    let mut table = Table::new(10);
    let (stay, _letters) = enter(&mut table, claim("a", "1", Some("7"))).unwrap();
    let _answered = table.abandon(&stay).unwrap();
    table.give_up(&stay);
    assert!(!table.fits(&claim("b", "1", None)));
    assert!(!table.fits(&claim("b", "2", Some("7"))));
    assert!(table.fits(&claim("b", "2", Some("8"))));
    assert!(table.fits(&claim("a", "1", Some("7"))));
}

#[test]
fn a_late_hand_does_not_touch_a_newer_request_with_the_same_id() {
    let mut table = Table::new(10);
    let (old, _letters) = enter(&mut table, claim("a", "1", None)).unwrap();
    assert_eq!(destination(&mut table, r#"{"id":1,"result":{}}"#), "answer");
    let _new = enter(&mut table, claim("b", "1", None)).unwrap();
    assert!(table.abandon(&old).is_none());
    table.withdraw(&old);
    table.give_up(&old);
    assert_eq!(destination(&mut table, r#"{"id":1,"result":{}}"#), "answer");
}

#[test]
fn an_unaddressed_message_is_given_only_where_it_can_be_meant_for_nobody_else() {
    let mut table = Table::new(10);
    assert!(table.only_exchange().is_none());
    let (first, _letters) = enter(&mut table, claim("a", "1", None)).unwrap();
    assert!(table.only_exchange().is_some());
    let (second, _letters) = enter(&mut table, claim("a", "2", None)).unwrap();
    assert!(table.only_exchange().is_none(), "two could be meant");
    table.withdraw(&second);
    assert!(table.only_exchange().is_some());
    table.withdraw(&first);
    let _other = enter(&mut table, claim("b", "1", None)).unwrap();
    assert!(table.only_exchange().is_none(), "it may be a late word about the work for another caller");
}

#[test]
fn a_child_with_too_many_unanswered_ids_takes_no_more() {
    let mut table = Table::new(10);
    for id in 0..MAX_SPENT {
        let (stay, _letters) = enter(&mut table, claim("a", &id.to_string(), None)).unwrap();
        let _answered = table.abandon(&stay).unwrap();
        table.give_up(&stay);
    }
    assert!(enter(&mut table, claim("a", "\"new\"", None)).is_none());
}

#[test]
fn only_the_caller_who_made_a_request_is_known_for_it() {
    let mut table = Table::new(10);
    let _one = enter(&mut table, claim("a", "1", None)).unwrap();
    assert!(table.is_from(&key("1"), &caller("a")));
    assert!(!table.is_from(&key("1"), &caller("b")));
    assert!(!table.is_from(&key("2"), &caller("a")));
}
