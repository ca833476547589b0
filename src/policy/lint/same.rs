//! Policies that say exactly the same: one of them is in the way of whoever changes the other.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::super::code::Code;
use super::super::report::Problem;
use super::Subject;

pub(super) fn lint(subjects: &[Subject<'_>]) -> Vec<Problem> {
    let mut first: HashMap<String, &Subject<'_>> = HashMap::new();
    let mut found = Vec::new();
    for subject in subjects {
        let Some(twin) = first.get(&meaning(subject)) else {
            first.insert(meaning(subject), subject);
            continue;
        };
        let (twin, own) = (&twin.origin.policy, subject.origin);
        let message = format!("policy `{}` says the same as `{}` at {}:{}", own.policy.id, twin.id, twin.file, twin.line);
        let help = "remove one of them: a change of one would change nothing".to_owned();
        found.push(own.problem(0, 0, message).with_code(Code::SamePolicy).with_help(help));
    }
    found
}

/// Everything that a policy says besides its name and its annotations.
fn meaning(subject: &Subject<'_>) -> String {
    let body = &subject.body;
    let mut text = format!("{}|{}|{}|{}", body.effect, body.principal, body.action, body.resource);
    for clause in body.clauses() {
        // Writing into a string does not fail.
        let _ = write!(text, "|{clause}");
    }
    text
}
