//! Logs that somebody has changed, cut, swapped, forged or rolled back, before two verifiers that share no code: ours and
//! `tools/verify_log.py`. Both must say the same of each, also where nothing can be found.
//!
//! [`attacks`] is the table; [`damage`] breaks each kind of file in each simple way; [`flips`] changes every byte of a small log;
//! [`receipts`] does the same to the proof of one record; [`command`] is `cedarpost audit verify` as people and programs use it.

mod attacks;
mod command;
mod damage;
mod flips;
mod python;
mod receipts;

use std::path::Path;

use cedarpost::audit::TreeHead;
use cedarpost::audit::check::source::Directory;
use cedarpost::audit::check::{Fault, Question, Report, Trusted, check_files};

use super::support::tiles::{Files, write};

/// What both verifiers are asked about a log.
#[derive(Clone, Default)]
struct Asked {
    /// The list of keys; the log's own when there is none.
    trust: Option<String>,
    /// Only this key.
    key: Option<String>,
    /// An older checkpoint that was kept.
    checkpoint: Option<String>,
    /// An older head that was kept, which the script does not take.
    kept: Option<String>,
}

/// A log as somebody left it, and what is asked about it.
struct Case {
    name: String,
    files: Files,
    asked: Asked,
}

/// Whoever finds nothing says this.
const VERIFIED: &str = "verified";

/// The code of the first fault that our verifier finds.
fn ours(directory: &Path, asked: &Asked) -> String {
    let report = report(directory, asked);
    match report.faults.first() {
        None if report.verified() => VERIFIED.to_owned(),
        None => "unsigned".to_owned(),
        Some(fault) => {
            assert!(Fault::CODES.contains(&fault.code()), "{}", fault.code());
            fault.code().to_owned()
        }
    }
}

fn report(directory: &Path, asked: &Asked) -> Report {
    let trusted = match &asked.key {
        Some(key) => Trusted::key(key.parse().unwrap()).unwrap(),
        None => {
            let beside = || std::fs::read_to_string(directory.join("trust")).unwrap();
            Trusted::schedule(asked.trust.clone().unwrap_or_else(beside).parse().unwrap())
        }
    };
    let mut question = Question::new(trusted);
    question.threads = 1;
    if let Some(checkpoint) = &asked.checkpoint {
        question.add_checkpoint("the older checkpoint", checkpoint.as_bytes());
    }
    if let Some(kept) = &asked.kept {
        question.add_head(kept.parse::<TreeHead>().unwrap());
    }
    check_files(&Directory::new(directory.to_owned()), &question, &mut |_, _| {}).unwrap()
}

#[test]
fn the_documentation_lists_every_code_and_no_other() {
    let text = include_str!("../../docs/audit-verify.md");
    let table = text.split("| code ").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let mut listed: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let mut codes = Fault::CODES.to_vec();
    listed.sort_unstable();
    codes.sort_unstable();
    assert_eq!(listed, codes);
}

/// Writes each case into a directory of its own, and what is asked beside it; hands back the script's arguments for each.
fn write_cases(root: &Path, cases: &[Case]) -> Vec<Vec<String>> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let write_case = |(number, case): (usize, &Case)| {
        let (home, log) = (root.join(number.to_string()), root.join(number.to_string()).join("log"));
        write(&log, &case.files);
        let mut arguments = vec![path(&log)];
        match (&case.asked.key, &case.asked.trust) {
            (Some(key), _) => arguments.extend(["--key".to_owned(), key.clone()]),
            (None, trust) => {
                let list = home.join("trust");
                std::fs::write(&list, trust.as_ref().map_or(case.files["trust"].as_slice(), |trust| trust.as_bytes())).unwrap();
                arguments.extend(["--trust".to_owned(), path(&list)]);
            }
        }
        if let Some(checkpoint) = &case.asked.checkpoint {
            let older = home.join("older");
            std::fs::write(&older, checkpoint).unwrap();
            arguments.extend(["--checkpoint".to_owned(), path(&older)]);
        }
        arguments
    };
    cases.iter().enumerate().map(write_case).collect()
}
