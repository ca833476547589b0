//! `cedarpost audit verify SOURCE`: what it prints, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::super::support::tiles::{Files, Log, write};

fn verify(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedarpost"));
    command.env_clear().args(["audit", "verify"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json_of(arguments: &[&str]) -> (i32, Value) {
    let output = verify(&[arguments, &["--json"]].concat());
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}")))
}

/// A log in a directory, as files beside its keys or in the folder where a sidecar keeps them.
fn place(files: &Files, inside: bool) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let mut files = files.clone();
    if inside {
        let trust = files.remove("trust").unwrap();
        write(&home.path().join("tiles"), &files);
        std::fs::write(home.path().join("trust"), trust).unwrap();
    } else {
        write(home.path(), &files);
    }
    home
}

fn str_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_log_that_is_as_it_was_signed_is_said_to_be() {
    let log = Log::of(300);
    for inside in [false, true] {
        let home = place(&log.files(), inside);
        let source = str_of(home.path());
        let output = verify(&[source]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        let said = text(&output.stdout);
        let first = format!("verified: 300 records in `{source}`, from 2026-11-22T10:15:14Z to 2026-11-22T10:15:14.000299Z\n");
        assert!(said.starts_with(&first), "{said}");
        assert!(said.contains(&format!("\ntree head: {}\n", log.head(300))), "{said}");
        assert!(said.contains("keys come from the log's own directory"), "{said}");
        let (code, said) = json_of(&[source, "--key", &log.vkey(), "--threads", "1"]);
        let seen = [&said["verified"], &said["records"], &said["keys"]["from"], &said["rest"], &said["faults"], &said["error"]];
        assert_eq!((code, seen), (0, [&json!(true), &json!(300), &json!("given"), &json!("signed"), &json!([]), &Value::Null]));
        assert_eq!((said["source"].as_str(), said["tree_head"].as_str()), (Some(source), Some(log.head(300).as_str())));
    }
}

#[test]
fn a_log_that_is_not_is_said_where_and_why_with_exit_code_3() {
    let log = Log::of(300);
    let mut files = log.files();
    let entries = files.get_mut("tile/entries/000").unwrap();
    let at = entries.windows(7).position(|window| window == b"planner").unwrap();
    entries[at] = b'P';
    let home = place(&files, false);
    let output = verify(&[str_of(home.path())]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), String::new()));
    let said = text(&output.stderr);
    let first = format!(
        "the log in `{}` does not verify: record 1: its content does not match its leaf hash\n  \
         the hash tiles are those that the checkpoint is about: the records named here were changed or are missing, and no others\n",
        str_of(home.path())
    );
    assert!(said.starts_with(&first), "{said}");
    let (code, said) = json_of(&[str_of(home.path())]);
    let fault = json!({
        "code": "record_content", "text": "record 1: its content does not match its leaf hash", "record": 1, "file": "tile/entries/000",
    });
    assert_eq!((code, &said["verified"], &said["faults"]), (3, &json!(false), &json!([fault])));
    assert_eq!((&said["counts"], &said["rest"]), (&json!({"record_content": 1}), &json!("only_named")));
}

#[test]
fn older_heads_tell_what_the_log_itself_cannot() {
    let log = Log::of(300);
    let mut short = log.clone();
    short.entries.truncate(200);
    let home = place(&short.files(), false);
    let older = home.path().join("older");
    let source = str_of(home.path());
    assert_eq!(verify(&[source]).status.code(), Some(0));
    let (code, said) = json_of(&[source, "--kept", &log.head(100), "--kept", &log.head(250)]);
    assert_eq!((code, &said["faults"][0]["code"]), (3, &json!("rollback")));
    let held: Vec<&Value> = said["anchors"].as_array().unwrap().iter().map(|anchor| &anchor["holds"]).collect();
    assert_eq!(held, [&json!(true), &json!(false)]);
    std::fs::write(&older, log.checkpoint(300)).unwrap();
    let output = verify(&[source, "--checkpoint", str_of(&older)]);
    assert_eq!(output.status.code(), Some(3));
    let expected = format!("ROLLBACK: `{}` is of 300 records, and the log has only 200", older.display());
    assert!(text(&output.stderr).contains(&expected), "{}", text(&output.stderr));
    let other = Log::of(99).head(99).replacen("99", "100", 1);
    let (code, said) = json_of(&[source, "--kept", &other]);
    assert_eq!((code, &said["faults"][0]["code"]), (3, &json!("fork")));
}

#[test]
fn what_cannot_be_checked_is_no_verdict() {
    let log = Log::of(10);
    let mut files = log.files();
    files.remove("trust");
    let home = place(&files, false);
    let source = str_of(home.path());
    let nowhere = home.path().join("nowhere");
    let broken = home.path().join("broken");
    std::fs::write(&broken, "0 - key\n").unwrap();
    let empty = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32, &str); 8] = [
        (&[source], 1, "no key is known to check the log"),
        (&[source, "--trust", str_of(&nowhere)], 1, "failed to read"),
        (&[source, "--trust", str_of(&broken)], 1, "does not list the keys of a log"),
        (&[source, "--key", &log.vkey(), "--checkpoint", str_of(&nowhere)], 1, "failed to read the older checkpoint"),
        (&[str_of(&nowhere), "--key", &log.vkey()], 1, "there is no log"),
        (&[str_of(empty.path()), "--key", &log.vkey()], 1, "there is no log"),
        (&[source, "--key", "nonsense"], 2, "--key"),
        (&[source, "--key", &log.vkey(), "--kept", "10"], 2, "--kept"),
    ];
    for (arguments, code, expected) in cases {
        let output = verify(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
