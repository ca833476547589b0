//! Sessions as strangers, neighbours and their owners find them.

use super::*;
use crate::domain::{Actor, AgentId, Transport, UserId};

const IDLE: Duration = Duration::from_secs(60);

fn caller(agent: &str, user: &str) -> Caller {
    Caller::new(AgentId::new(agent), Actor::Person(UserId::new(user)))
}

fn session(id: &str, caller: &Caller) -> Arc<Session> {
    let conversation = Conversation::new(
        Identified { caller: caller.clone(), lasts: None, actor_token: None, shown: crate::identity::Shown::default() },
        Transport::Http,
        None,
        8,
    );
    Arc::new(Session::new(id.into(), Arc::new(conversation)))
}

#[tokio::test]
async fn a_session_exists_only_for_the_agent_and_actor_that_opened_it() {
    let sessions = Sessions::new(2, IDLE);
    let alice = caller("helper", "alice");
    sessions.open(session("s", &alice)).unwrap();
    assert!(sessions.find("s", &alice).is_some());
    let unattended = Caller { actor: Actor::Unattended, ..alice.clone() };
    for stranger in [caller("helper", "mallory"), caller("other", "alice"), unattended] {
        assert!(sessions.find("s", &stranger).is_none(), "{stranger:?}");
    }
    assert!(sessions.find("S", &alice).is_none(), "ids are compared as they are");
}

#[tokio::test]
async fn the_number_of_sessions_is_bounded() {
    let (sessions, alice) = (Sessions::new(1, IDLE), caller("helper", "alice"));
    assert!(sessions.has_room());
    sessions.open(session("one", &alice)).unwrap();
    assert!(!sessions.has_room());
    assert_eq!(sessions.open(session("two", &alice)), Err(Unopened::TooMany));
    sessions.close("one");
    assert_eq!(sessions.open(session("two", &alice)), Ok(()));
    assert_eq!(sessions.len(), 1);
}

#[tokio::test]
async fn an_id_that_a_server_gives_twice_never_takes_a_session_from_somebody_else() {
    let (sessions, alice) = (Sessions::new(1, IDLE), caller("helper", "alice"));
    let first = session("s", &alice);
    sessions.open(Arc::clone(&first)).unwrap();
    assert_eq!(sessions.open(session("s", &caller("helper", "mallory"))), Err(Unopened::Taken));
    assert!(!first.ended.is_cancelled() && sessions.find("s", &alice).is_some());

    let second = session("s", &alice);
    assert_eq!(sessions.open(Arc::clone(&second)), Ok(()), "the owner may, even when there is no room for another");
    assert!(first.ended.is_cancelled(), "the streams of the session before end");
    assert!(!second.ended.is_cancelled() && sessions.len() == 1);
}

#[tokio::test]
async fn closing_a_session_ends_its_streams() {
    let (sessions, alice) = (Sessions::new(1, IDLE), caller("helper", "alice"));
    let held = session("s", &alice);
    sessions.open(Arc::clone(&held)).unwrap();
    sessions.close("s");
    assert!(held.ended.is_cancelled());
    assert!(sessions.find("s", &alice).is_none());
    sessions.close("s");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_uses_ends_and_one_with_an_open_stream_stays() {
    let (sessions, alice) = (Sessions::new(3, IDLE), caller("helper", "alice"));
    let listened = session("listened", &alice);
    sessions.open(Arc::clone(&listened)).unwrap();
    sessions.open(session("used", &alice)).unwrap();
    let ended = {
        let forgotten = session("forgotten", &alice);
        sessions.open(Arc::clone(&forgotten)).unwrap();
        forgotten.ended.clone()
    };
    tokio::time::advance(IDLE / 2).await;
    drop(sessions.find("used", &alice));
    tokio::time::advance(IDLE / 2).await;
    sessions.sweep();
    assert!(ended.is_cancelled() && sessions.len() == 2);
    assert!(!listened.ended.is_cancelled());

    drop(listened);
    tokio::time::advance(IDLE).await;
    sessions.sweep();
    assert_eq!(sessions.len(), 0, "a stream that has ended keeps nothing");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_knows_the_id_does_not_keep_the_session_alive() {
    let sessions = Sessions::new(1, IDLE);
    sessions.open(session("s", &caller("helper", "alice"))).unwrap();
    tokio::time::advance(IDLE).await;
    assert!(sessions.find("s", &caller("helper", "mallory")).is_none());
    sessions.sweep();
    assert_eq!(sessions.len(), 0);
}
