//! Expected and got: whether a case passed, and if not, in one line why.
//!
//! A deny that nobody meant is the trap of every policy test: a misspelt tool is denied as well. So a deny for want of understanding
//! (an unknown tool, arguments that do not fit, a policy that fails) only passes where the case names that cause.

use std::sync::Arc;

use super::set::Got;
use crate::config::cases::{Case, Expected, Question};
use crate::domain::{Cause, Decision, Judgement, PolicyRef, Principal, Target};
use crate::policy::Listed;

/// Why a case failed; `None` when it passed.
pub(super) fn failure(case: &Case, got: &Got, policies: &[Listed]) -> Option<String> {
    match (&case.question, got) {
        (Question::Decide { expected, .. }, Got::Decision(decision)) => of_decision(case, expected, decision, policies),
        (Question::List { visible, hidden }, Got::Visible(seen)) => of_list(visible.as_deref(), hidden, seen),
        (Question::Decide { .. }, Got::Visible(_)) | (Question::List { .. }, Got::Decision(_)) => {
            Some("the answer is not about the question".to_owned())
        }
    }
}

fn of_decision(case: &Case, expected: &Expected, decision: &Decision, policies: &[Listed]) -> Option<String> {
    let Some(judgement) = decision.grounds().deciding() else { return Some("nobody decided".to_owned()) };
    let unmeant = expected.cause.is_none() && is_doubt(&judgement.cause);
    let got = got(case, decision, judgement);
    if expected.answer == decision.name() && unmeant {
        let hint = format!("write `cause = \"{}\"` if that is what the case is about", judgement.cause.name());
        return Some(format!("expected {}, got {got} ({hint})", wanted(expected)));
    }
    let as_expected = expected.answer == decision.name()
        && expected.cause.as_deref().is_none_or(|cause| cause == judgement.cause.name())
        && expected.decided_by.is_none_or(|principal| principal == judgement.principal)
        && expected.grounds.as_ref().is_none_or(|grounds| *grounds == ids(&judgement.policies));
    if as_expected {
        return None;
    }
    let missing = expected.grounds.iter().flatten().filter(|id| !policies.iter().any(|listed| &*listed.policy.id == id.as_str()));
    let missing: String = missing.map(|id| format!("; there is no policy `{id}`")).collect();
    Some(format!("expected {}, got {got}{missing}", wanted(expected)))
}

/// Whether the policies were not asked, or could not answer.
const fn is_doubt(cause: &Cause) -> bool {
    match cause {
        Cause::Permitted | Cause::NoPermit | Cause::Forbidden | Cause::ApprovalMissing => false,
        Cause::NotEvaluable
        | Cause::NotRepresentable(_)
        | Cause::UnknownTool
        | Cause::Drifted
        | Cause::UnknownPrincipal
        | Cause::InvalidRequest(_)
        | Cause::NoPoliciesInForce => true,
    }
}

/// The ids of policies, sorted.
pub(super) fn ids(policies: &[PolicyRef]) -> Vec<String> {
    let mut ids: Vec<String> = policies.iter().map(|policy| policy.id.to_string()).collect();
    ids.sort();
    ids
}

/// What was expected, in words.
pub(super) fn wanted(expected: &Expected) -> String {
    let mut text = expected.answer.clone();
    if let Some(grounds) = &expected.grounds {
        text += &if grounds.is_empty() { " by no policy".to_owned() } else { format!(" by {}", quoted(grounds)) };
    }
    if let Some(cause) = &expected.cause {
        text += &format!(" for `{cause}`");
    }
    if let Some(principal) = expected.decided_by {
        text += &format!(" decided by the {}", principal.name());
    }
    text
}

/// What was answered, and why, in words.
fn got(case: &Case, decision: &Decision, judgement: &Judgement) -> String {
    let who = match judgement.principal {
        Principal::Agent => format!("the agent `{}`", case.agent.id),
        Principal::Actor => format!("the actor `{}`", case.actor.as_ref().map_or("", |actor| actor.id.as_str())),
        Principal::Subject => "the subject".to_owned(),
    };
    let policies = places(&judgement.policies);
    let why = match &judgement.cause {
        Cause::Permitted => format!("{policies} permits it"),
        Cause::NoPermit => format!("no permit matches for {who}"),
        Cause::Forbidden => format!("{policies} forbids it to {who}"),
        Cause::ApprovalMissing => format!("{policies} asks for an approval for {who}"),
        Cause::NotEvaluable => {
            let failed = judgement.faults.iter().map(|fault| format!("{} fails ({})", place(&fault.policy), fault.message));
            format!("for {who} {}", failed.collect::<Vec<_>>().join(", "))
        }
        Cause::NotRepresentable(why) => format!("the arguments cannot be shown to policies: {why}"),
        Cause::UnknownTool => format!("server `{}` has no tool `{}`", case.server, tool(case)),
        Cause::Drifted => format!("tool `{}` is not as it was reviewed", tool(case)),
        Cause::UnknownPrincipal => format!("{who} is not declared, by a file or by roles in the test"),
        Cause::InvalidRequest(why) => format!("the request is invalid: {why}"),
        Cause::NoPoliciesInForce => "no policies are in force".to_owned(),
    };
    format!("{}: {why}", decision.name())
}

fn tool(case: &Case) -> &str {
    match &case.question {
        Question::Decide { target: Target::Tool(name), .. } => name,
        Question::Decide { .. } | Question::List { .. } => "",
    }
}

fn places(policies: &[PolicyRef]) -> String {
    policies.iter().map(place).collect::<Vec<_>>().join(" and ")
}

/// A policy and where it stands.
pub(super) fn place(policy: &PolicyRef) -> String {
    format!("`{}` ({}:{})", policy.id, policy.file, policy.line)
}

fn of_list(visible: Option<&[String]>, hidden: &[String], seen: &[Arc<str>]) -> Option<String> {
    let sees = |name: &String| seen.iter().any(|tool| **tool == **name);
    let missing: Vec<&String> = visible.unwrap_or_default().iter().filter(|name| !sees(name)).collect();
    let unwanted = seen
        .iter()
        .map(|tool| tool.to_string())
        .filter(|tool| hidden.contains(tool) || visible.is_some_and(|visible| !visible.contains(tool)));
    let unwanted: Vec<String> = unwanted.collect();
    let part = |list: String, what: &str| (!list.is_empty()).then(|| format!("{what} {list}"));
    let parts = [part(quoted(&missing), "does not see"), part(quoted(&unwanted), "sees")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("the caller {}", parts.join(" and ")))
}

fn quoted<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}
