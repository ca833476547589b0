//! Who is denied has nothing under way any more, and everybody else has.

use super::*;
use crate::domain::{Actor, AgentId, Caller};

fn who(agent: &str) -> Identified {
    Identified {
        caller: Caller::new(AgentId::new(agent), Actor::Unattended),
        lasts: None,
        actor_token: None,
        shown: crate::identity::Shown::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_the_denied_have_under_way_ends() {
    let lives = Lives::default();
    let [mut mallory, mut alice] = ["mallory", "alice"].map(|agent| lives.begin(who(agent)));
    assert_eq!(lives.end(|who| who.caller.agent.as_str() == "mallory"), 1);
    mallory.ended().await;
    assert!(tokio::time::timeout(Duration::from_secs(60), alice.ended()).await.is_err());
    drop((mallory, alice));
    assert_eq!(lives.end(|_| true), 0, "what has ended is not remembered");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_credentials_it_was_opened_with() {
    let mut life = Lives::default().begin(who("alice")).for_at_most(Duration::from_secs(5));
    assert!(tokio::time::timeout(Duration::from_secs(4), life.ended()).await.is_err());
    tokio::time::timeout(Duration::from_secs(2), life.ended()).await.unwrap();
}
