//! The report for people: a line for each case that failed, and a summary for each set.

use std::fmt::Write as _;

use super::coverage::{Coverage, lacks};
use super::set::{TestedFile, TestedSet};
use super::verdict::place;

/// All sets, one after the other.
pub(super) fn report(sets: &[TestedSet], least: Option<u8>) -> String {
    let mut text = String::new();
    for set in sets {
        write_set(&mut text, set, least);
    }
    text
}

fn write_set(text: &mut String, set: &TestedSet, least: Option<u8>) {
    for file in &set.files {
        write_failures(text, file);
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}: {}", set.name, summary(set));
    if let Some(coverage) = &set.coverage {
        write_coverage(text, coverage, least);
    }
}

fn write_failures(text: &mut String, file: &TestedFile) {
    for tested in &file.cases {
        if let Some(failure) = &tested.failure {
            let _ = writeln!(text, "{}:{}: {}: {failure}", file.path, tested.case.place.line, tested.case.name);
        }
    }
}

fn summary(set: &TestedSet) -> String {
    let problems = set.problem_lines().len();
    let cases = set.cases().count();
    if !set.policy_problems.is_empty() {
        return format!("no case was asked: {}", counted(problems, "problem"));
    }
    let unreadable = if problems > 0 { format!(", {} in tests", counted(problems, "problem")) } else { String::new() };
    match (cases, set.failed()) {
        (0, _) if problems == 0 => "there are no tests, in files that end in `.test.toml` or for this filter".to_owned(),
        (_, 0) => format!("{} passed{unreadable}", counted(cases, "case")),
        (_, failed) => format!("{failed} of {} failed{unreadable}", counted(cases, "case")),
    }
}

fn write_coverage(text: &mut String, coverage: &Coverage, least: Option<u8>) {
    let (covered, all) = (coverage.covered(), coverage.policies);
    let _ = write!(text, "  {covered} of {} covered ({:.1} %)", counted_policies(all), coverage.percent());
    match least.filter(|least| !coverage.reaches(*least)) {
        Some(least) => drop(writeln!(text, ", less than the {least} % asked for")),
        None => text.push('\n'),
    }
    for listed in &coverage.missing {
        let _ = writeln!(text, "  {}: {}", place(&listed.policy), lacks(listed.effect));
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn counted_policies(count: usize) -> String {
    if count == 1 { "1 policy".to_owned() } else { format!("{count} policies") }
}
