//! Who is denied, and how fast.

use std::fs;

use super::*;
use crate::domain::{Actor, AgentId, Token, UserId};

fn caller(agent: &str, user: &str, token: &str) -> Caller {
    let token = Token { issuer: "i".into(), id: Some(token.into()), chain: vec![], scopes: [].into(), attributes: [].into() };
    Caller::new(AgentId::new(agent), Actor::Person(UserId::new(user))).with_token(token)
}

#[test]
fn a_line_denies_an_agent_a_person_or_a_token() {
    let text = "# Since Monday\nagent  mallory\n\nuser eve   # left\ntoken t-9\r\n\tagent https://app.example/#x\nuser a b\n";
    let (list, bad) = DenyList::parse(text);
    assert_eq!((list.len(), bad), (5, None));
    for (agent, user, token, denied) in [
        ("mallory", "alice", "t-1", true),
        ("helper", "eve", "t-1", true),
        ("helper", "alice", "t-9", true),
        ("https://app.example/#x", "alice", "t-1", true),
        ("helper", "a b", "t-1", true),
        ("eve", "mallory", "mallory", false),
        ("helper", "alice", "t-1", false),
    ] {
        assert_eq!(list.denies(&caller(agent, user, token)), denied, "{agent} {user} {token}");
    }
}

#[test]
fn a_line_that_cannot_be_understood_takes_nothing_away_from_the_others() {
    let (list, bad) = DenyList::parse("agnet mallory\nuser eve\nagent\ntoken ");
    assert_eq!(list.len(), 1);
    assert_eq!(bad, Some(BadLines(vec![1, 3, 4])));
    assert_eq!(bad.unwrap().to_string(), "line 1, 3, 4 of the deny list is not `agent ID`, `user ID` or `token ID`");
}

#[tokio::test]
async fn a_change_of_the_file_is_in_force_within_a_second_and_a_lost_file_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deny");
    assert!(
        DenyWatch::open(path.clone(), Denied::nobody(), Metrics::default()).is_err(),
        "a list that is asked for must be there"
    );
    fs::write(&path, "").unwrap();
    let denied = Denied::nobody();
    let watch = DenyWatch::open(path.clone(), denied.clone(), Metrics::default()).unwrap();
    let (stop, mut changes) = (Stop::new(), denied.changes());
    let running = tokio::spawn(watch.run(stop.clone()));
    let mallory = caller("mallory", "alice", "t");
    assert!(!denied.list().denies(&mallory));

    // In place, and by a file that takes the other's place, as volumes of Kubernetes do it.
    fs::write(&path, "agent mallory\n").unwrap();
    tokio::time::timeout(Duration::from_secs(1), changes.changed()).await.unwrap().unwrap();
    assert!(denied.list().denies(&mallory));
    fs::write(directory.path().join("new"), "agent other\n").unwrap();
    fs::rename(directory.path().join("new"), &path).unwrap();
    tokio::time::timeout(Duration::from_secs(1), changes.changed()).await.unwrap().unwrap();
    assert!(!denied.list().denies(&mallory));

    fs::write(&path, "agent mallory").unwrap();
    tokio::time::timeout(Duration::from_secs(1), changes.changed()).await.unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(600), changes.changed()).await.is_err());
    assert!(denied.list().denies(&mallory));
    stop.request();
    running.await.unwrap();
}
