//! The report as JSON, for programs. The members are told in `docs/policy-tests.md` and only ever added to.

use serde::Serialize;
use serde_json::{Value, json};

use super::coverage::Coverage;
use super::set::{Got, TestedCase, TestedFile, TestedSet};
use crate::config::cases::Question;
use crate::domain::{Judgement, PolicyRef};
use crate::policy::{Effect, Listed};

/// All sets as one document.
pub(super) fn report(sets: &[TestedSet]) -> String {
    let document = json!({ "sets": sets.iter().map(set).collect::<Vec<_>>() });
    format!("{document:#}\n")
}

#[derive(Serialize)]
struct Place<'a> {
    id: &'a str,
    file: &'a str,
    line: u32,
}

impl<'a> From<&'a PolicyRef> for Place<'a> {
    fn from(policy: &'a PolicyRef) -> Self {
        Self { id: &policy.id, file: &policy.file, line: policy.line }
    }
}

fn set(set: &TestedSet) -> Value {
    let cases: Vec<Value> = set.files.iter().flat_map(|file| file.cases.iter().map(|tested| case(file, tested))).collect();
    json!({
        "policies": set.name,
        "passed": set.cases().count() - set.failed(),
        "failed": set.failed(),
        "problems": set.problem_lines(),
        "cases": cases,
        "coverage": set.coverage.as_ref().map(coverage),
    })
}

fn case(file: &TestedFile, tested: &TestedCase) -> Value {
    json!({
        "name": tested.case.name,
        "file": file.path,
        "line": tested.case.place.line,
        "passed": tested.failure.is_none(),
        "failure": tested.failure,
        "expected": expected(&tested.case.question),
        "got": tested.got.as_ref().map(got),
    })
}

fn expected(question: &Question) -> Value {
    match question {
        Question::Decide { expected, .. } => json!({
            "answer": expected.answer,
            "grounds": expected.grounds,
            "cause": expected.cause,
            "decided_by": expected.decided_by.map(|principal| principal.name()),
        }),
        Question::List { visible, hidden } => json!({ "visible": visible, "hidden": hidden }),
    }
}

fn got(got: &Got) -> Value {
    match got {
        Got::Visible(tools) => json!({ "visible": tools }),
        Got::Decision(decision) => {
            let deciding = decision.grounds().deciding();
            json!({
                "answer": decision.name(),
                "decided_by": deciding.map(|judgement| judgement.principal.name()),
                "judgements": decision.grounds().judgements.iter().map(judgement).collect::<Vec<_>>(),
            })
        }
    }
}

fn judgement(judgement: &Judgement) -> Value {
    let faults = judgement.faults.iter().map(|fault| json!({ "policy": Place::from(&fault.policy), "message": fault.message }));
    json!({
        "principal": judgement.principal.name(),
        "cause": judgement.cause.name(),
        "grounds": judgement.policies.iter().map(Place::from).collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
    })
}

fn coverage(coverage: &Coverage) -> Value {
    let missing = |listed: &Listed| {
        let effect = match listed.effect {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        };
        json!({ "policy": Place::from(&listed.policy), "effect": effect })
    };
    json!({
        "policies": coverage.policies,
        "covered": coverage.covered(),
        "percent": coverage.percent(),
        "missing": coverage.missing.iter().map(missing).collect::<Vec<_>>(),
    })
}
