//! Characters that nobody sees, or that make a text read differently than it compares. Cedar's validator looks into strings and names;
//! here the whole text counts, with comments and annotations.

use std::collections::BTreeMap;

use super::super::code::Code;
use super::super::load::SourceFile;
use super::super::report::Problem;
use super::Subject;

/// Leaves out what `found` says already.
pub(super) fn lint(subjects: &[Subject<'_>], found: &[Problem]) -> Vec<Problem> {
    let mut files: BTreeMap<&str, (&SourceFile, Vec<&Subject<'_>>)> = BTreeMap::new();
    for subject in subjects.iter().filter(|subject| subject.origin.link.is_none()) {
        files.entry(&subject.origin.file.name).or_insert((&subject.origin.file, Vec::new())).1.push(subject);
    }
    let known = |problem: &Problem| {
        found.iter().any(|other| other.code == problem.code && other.file == problem.file && other.line == problem.line)
    };
    let texts = files.into_values().filter(|(file, _)| !file.text.is_ascii());
    texts.flat_map(|(file, inside)| in_file(file, &inside)).filter(|problem| !known(problem)).collect()
}

fn in_file(file: &SourceFile, inside: &[&Subject<'_>]) -> Vec<Problem> {
    let hidden = file.text.char_indices().filter_map(|(at, letter)| Some((at, letter, what(letter)?)));
    let remark = |(at, letter, what): (usize, char, &str)| {
        let message = format!("U+{:04X} {what}", u32::from(letter));
        let problem = Problem::at(file, at, letter.len_utf8(), message).with_code(Code::ConfusableText);
        let help = "write the text without it".to_owned();
        let own = inside.iter().map(|subject| subject.origin).find(|own| (own.offset..own.offset + own.length).contains(&at));
        own.map_or(problem.clone(), |own| problem.with_policy(&own.policy.id)).with_help(help)
    };
    hidden.map(remark).collect()
}

/// What a character does that should not be in a policy; `None` for all others.
const fn what(letter: char) -> Option<&'static str> {
    match letter {
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            Some("changes the direction of text: a policy may not say what it seems to say")
        }
        '\u{00AD}' | '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}' => {
            Some("is invisible: two names that look the same may differ")
        }
        _ => None,
    }
}
