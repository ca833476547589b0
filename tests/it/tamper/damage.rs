//! Each kind of file broken in each simple way: both verifiers find it, and call it the same.

use super::super::support::tiles::{Files, Log};
use super::python::Script;
use super::{Asked, Case, VERIFIED, ours, write_cases};

/// One file of each kind, and another of its kind, if there is one.
const KINDS: [(&str, Option<&str>); 7] = [
    ("checkpoint", None),
    ("tile/entries/000", Some("tile/entries/001")),
    ("tile/entries/002.p/188", None),
    ("tile/0/001", Some("tile/0/000")),
    ("tile/0/002.p/188", None),
    ("tile/1/000.p/2", None),
    ("tile/entries/001", Some("tile/0/001")),
];

/// What happens to a file: its bytes afterwards, and whether the file is there.
type Damage = (&'static str, fn(Vec<u8>) -> Option<Vec<u8>>);

const DAMAGES: [Damage; 12] = [
    ("deleted", |_| None),
    ("emptied", |_| Some(Vec::new())),
    ("without its last byte", |bytes| Some(bytes[..bytes.len() - 1].to_vec())),
    ("without its first byte", |bytes| Some(bytes[1..].to_vec())),
    ("cut to a half", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
    ("with a byte more", |bytes| Some([bytes.as_slice(), b"\0"].concat())),
    ("twice", |bytes| Some([bytes.as_slice(), &bytes].concat())),
    ("with zeros at its start", |bytes| Some(zeroed(bytes, 0))),
    ("with zeros in its middle", |mut bytes| Some(zeroed(std::mem::take(&mut bytes), usize::MAX))),
    ("all zeros", |bytes| Some(vec![0; bytes.len()])),
    ("backwards", |bytes| Some(bytes.into_iter().rev().collect())),
    ("with its halves swapped", |bytes| Some([&bytes[bytes.len() / 2..], &bytes[..bytes.len() / 2]].concat())),
];

/// 32 bytes from here on made zero; from the middle on for a place that is not there.
fn zeroed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let at = if at < bytes.len() { at } else { bytes.len() / 2 };
    bytes.iter_mut().skip(at).take(32).for_each(|byte| *byte = 0);
    bytes
}

fn cases() -> Vec<Case> {
    let files = Log::of(700).files();
    let case = |name: String, files: Files| Case { name, files, asked: Asked::default() };
    let mut cases = Vec::new();
    for (name, other) in KINDS {
        for (what, damage) in DAMAGES {
            let mut files = files.clone();
            let bytes = files.remove(name).unwrap();
            if let Some(damaged) = damage(bytes) {
                files.insert(name.to_owned(), damaged);
            }
            cases.push(case(format!("{name} {what}"), files));
        }
        let Some(other) = other else { continue };
        let (mut copied, mut swapped) = (files.clone(), files.clone());
        copied.insert(name.to_owned(), files[other].clone());
        swapped.extend([(name.to_owned(), files[other].clone()), (other.to_owned(), files[name].clone())]);
        cases.extend([case(format!("{name} a copy of {other}"), copied), case(format!("{name} swapped with {other}"), swapped)]);
    }
    cases
}

#[test]
fn both_verifiers_find_each_broken_file_and_call_it_the_same() {
    let (root, cases, mut script) = (tempfile::tempdir().unwrap(), cases(), Script::start());
    let arguments = write_cases(root.path(), &cases);
    let mut wrong = Vec::new();
    for (number, (case, arguments)) in cases.iter().zip(arguments).enumerate() {
        let found = ours(&root.path().join(number.to_string()).join("log"), &case.asked);
        let by_script = script.as_mut().map(|script| script.run(&arguments).0);
        // The script has no word of its own for a checkpoint that is not there.
        let same =
            by_script.as_ref().is_none_or(|word| *word == found || (found == "checkpoint_missing" && word == "unreadable"));
        if found == VERIFIED || !same {
            wrong.push(format!("{}: {found}, {by_script:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
