//! Whose a task is.

use super::*;
use crate::domain::{Actor, AgentId};

fn caller(agent: &str) -> Caller {
    Caller::new(AgentId::new(agent), Actor::Unattended)
}

#[test]
fn a_task_is_its_makers_and_nobody_elses() {
    let owners = TaskOwners::default();
    owners.note("t", &caller("helper"));
    assert!(owners.owns(&caller("helper"), "t"));
    assert!(!owners.owns(&caller("other"), "t"));
    assert!(!owners.owns(&caller("helper"), "T"));
    assert!(!owners.owns(&caller("helper"), "never made"));
}

#[test]
fn a_server_that_names_a_task_again_does_not_give_it_away() {
    let owners = TaskOwners::default();
    owners.note("t", &caller("helper"));
    owners.note("t", &caller("other"));
    assert!(owners.owns(&caller("helper"), "t") && !owners.owns(&caller("other"), "t"));
}

#[test]
fn the_oldest_task_is_forgotten_first_and_is_nobodys_then() {
    let owners = TaskOwners::default();
    for number in 0..=MOST_TASKS {
        owners.note(&number.to_string(), &caller("helper"));
    }
    assert!(!owners.owns(&caller("helper"), "0"));
    assert!(owners.owns(&caller("helper"), "1"));
    assert!(owners.owns(&caller("helper"), &MOST_TASKS.to_string()));
    assert_eq!(owners.known.lock().owners.len(), MOST_TASKS);
}
