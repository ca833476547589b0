//! The table: who does what to a log, and what each verifier says. Where nothing can be found, the table says so.
//!
//! Everything starts from a directory with a whole log and its private key ([`genuine`]); any other log of at least 600 records that has
//! had one key does as well.

mod checkpoints;
mod disk;
mod heads;
mod keys;
mod records;

use std::fs;
use std::path::Path;

use super::super::support::tiles::{Files, Log, pkcs8, read, write};
use super::python::Script;
use super::{Asked, Case, VERIFIED, ours, write_cases};

/// One row.
struct Attack {
    case: Case,
    /// What our verifier says.
    ours: &'static str,
    /// What the script says, which has fewer words.
    script: &'static str,
}

fn row(name: impl Into<String>, files: Files, asked: &Asked, said: &'static str) -> Attack {
    let script = match said {
        "checkpoint_unsigned" => "checkpoint_key",
        "checkpoint_missing" => "unreadable",
        "anchor" => "checkpoint_signature",
        other => other,
    };
    Attack { case: Case { name: name.into(), files, asked: asked.clone() }, ours: said, script }
}

/// A row about something that the script does not look at.
fn only_ours(name: impl Into<String>, files: Files, asked: &Asked, said: &'static str) -> Attack {
    Attack { script: VERIFIED, ..row(name, files, asked, said) }
}

/// The files after something was done to them.
fn with(mut files: Files, change: impl FnOnce(&mut Files)) -> Files {
    change(&mut files);
    files
}

/// The log after something was done to it.
fn other(log: &Log, change: impl FnOnce(&mut Log)) -> Log {
    let mut log = log.clone();
    change(&mut log);
    log
}

/// The log when it had only so many records.
fn short(log: &Log, size: u64) -> Log {
    other(log, |log| log.entries.truncate(usize::try_from(size).unwrap()))
}

/// Writes a record's text anew, as somebody would who has something to hide.
fn forge(log: &mut Log, seq: u64) {
    log.entries[usize::try_from(seq).unwrap()].members.insert("agent".to_owned(), "mallory".into());
}

/// The directory of a log that nobody has done anything to, and its private key.
fn genuine(home: &Path) -> Vec<u8> {
    write(home, &Log::of(700).files());
    pkcs8(1)
}

fn attacks(log: &Log) -> Vec<Attack> {
    assert!(log.size() >= 600, "too short for the table");
    let groups = [disk::attacks, heads::attacks, checkpoints::attacks, keys::attacks, keys::prunings, records::attacks];
    groups.iter().flat_map(|group| group(log)).collect()
}

#[test]
fn both_verifiers_find_what_can_be_found() {
    let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = genuine(home.path());
    let files = read(home.path());
    let log = Log::read(&files, key);
    assert_eq!(log.files(), files, "what is written again is the same");
    let (cases, expected): (Vec<Case>, Vec<_>) =
        attacks(&log).into_iter().map(|attack| (attack.case, (attack.ours, attack.script))).unzip();
    let (arguments, mut script, mut wrong) = (write_cases(root.path(), &cases), Script::start(), Vec::new());
    for (number, ((case, arguments), (by_us, by_script))) in cases.iter().zip(arguments).zip(expected).enumerate() {
        let directory = root.path().join(number.to_string()).join("log");
        let found = ours(&directory, &case.asked);
        if found != by_us {
            wrong.push(format!("{}: ours says {found} instead of {by_us}", case.name));
        }
        let Some((found, text)) = script.as_mut().map(|script| script.run(&arguments)) else { continue };
        if found != by_script {
            wrong.push(format!("{}: the script says {found} instead of {by_script}: {text}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(cases.len() > 80, "{}", cases.len());
    fs::remove_dir_all(root.path()).unwrap();
}
