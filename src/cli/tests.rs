//! Tests of what operators and scripts see.

use super::*;
use crate::config::{Config, Sources};

#[test]
fn the_exit_codes_are_the_documented_ones() {
    let exits = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Invalid, Exit::Config, Exit::Interrupted, Exit::Server(42)];
    assert_eq!(exits.map(Exit::code), [0, 1, 2, 3, 78, 130, 42]);
}

#[test]
fn an_error_is_told_with_its_causes() {
    let error = anyhow::anyhow!("disk full").context("failed to write").context("failed to open the log");
    let (text, exit) = report(&error, false, false);
    assert_eq!(text, "cedarpost: failed to open the log\n  because failed to write\n  because disk full\n");
    assert_eq!(exit, Exit::Failed);
}

#[test]
fn problems_of_the_configuration_are_drawn_on_a_terminal_with_colour_only_when_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cedarpost.toml");
    std::fs::write(&path, "[listen]\nadress = 1\n[[server]]\nenv = { KEY = \"hunter2\" }\n").unwrap();
    let sources = Sources { file: Some(&path), ..Sources::default() };
    let error = anyhow::Error::new(Config::for_serve(&sources).unwrap_err());
    let (drawn, exit) = report(&error, true, false);
    assert_eq!(exit, Exit::Config);
    assert!(drawn.contains("unknown key `listen.adress`") && drawn.contains("did you mean `listen.address`?"), "{drawn}");
    assert!(drawn.contains("2 │ adress\n") && !drawn.contains("hunter2"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'), "{drawn}");
    assert!(report(&error, true, true).0.contains('\u{1b}'));
}
