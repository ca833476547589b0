//! What servers ask clients, and what a conversation knows of itself.

use super::*;
use crate::domain::{Actor, AgentId};

fn id(text: &str) -> RawId {
    RawId::from_text(text)
}

#[test]
fn a_question_is_answered_once_and_only_if_it_was_asked() {
    let questions = Questions::default();
    questions.ask(id("q"), None).unwrap();
    assert!(questions.answered(&id("other")).is_none());
    assert!(questions.answered(&id("q")).is_some());
    assert!(questions.answered(&id("q")).is_none(), "a second answer is to no question");
}

#[test]
fn questions_are_bounded_and_never_share_an_id() {
    let questions = Questions::default();
    for number in 0..MOST_QUESTIONS {
        questions.ask(id(&number.to_string()), None).unwrap();
    }
    assert!(questions.ask(id("one more"), None).is_err());
    questions.answered(&id("0"));
    assert!(questions.ask(id("1"), None).is_err(), "the id is in use");
    assert!(questions.ask(id("one more"), None).is_ok());
}

#[test]
fn a_question_that_is_withdrawn_makes_room_and_cannot_be_answered() {
    let questions = Questions::default();
    for number in 0..MOST_QUESTIONS {
        questions.ask(id(&number.to_string()), None).unwrap();
    }
    questions.withdrawn(&id("7"));
    questions.withdrawn(&id("never asked"));
    assert!(questions.answered(&id("7")).is_none());
    assert!(questions.ask(id("next"), None).is_ok());
}

#[test]
fn a_conversation_keeps_the_first_session_it_is_told() {
    let caller = Caller::new(AgentId::new("helper"), Actor::Unattended);
    let conversation = Conversation::new(
        Identified { caller, lasts: None, actor_token: None, shown: crate::identity::Shown::default() },
        Transport::Http,
        None,
        1,
    );
    assert_eq!(conversation.source().session, None);
    conversation.belongs_to(&"one".into());
    conversation.belongs_to(&"two".into());
    assert_eq!(conversation.source().session.as_deref(), Some("one"));
}
