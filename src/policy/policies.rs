//! Policy texts to one Cedar policy set, keeping for each policy where its author finds it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cedar_policy::pst::{self, Expr, Literal};
use cedar_policy::{ActionConstraint, Policy, PolicyId, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};

use super::load::SourceFile;
use super::report::{Problem, position};
use crate::domain::PolicyRef;

/// The group that contains every typed tool action; as an action it is only what untyped tools have.
const GROUP: &str = r#"Mcp::Action::"tools/call""#;

/// The policies of all files.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub(super) set: PolicySet,
    origins: HashMap<PolicyId, Origin>,
}

/// Where a policy comes from.
#[derive(Debug)]
struct Origin {
    policy: PolicyRef,
    file: SourceFile,
    offset: usize,
}

impl Policies {
    /// Parses all files. Every problem is added to `problems`; the policies without problems are kept, so that they can be checked
    /// further in the same run.
    pub(super) fn parse(files: &[SourceFile], problems: &mut Vec<Problem>) -> Self {
        let mut policies = Self::default();
        for file in files {
            match file.text.parse::<PolicySet>() {
                Ok(set) => policies.add_file(file, &set, problems),
                Err(errors) => problems.extend(errors.iter().map(|error| Problem::from_diagnostic(file, error))),
            }
        }
        policies
    }

    /// Validates some of the policies strictly.
    pub(super) fn validate(&self, some: &PolicySet, schema: &Schema) -> Findings {
        let result = Validator::new(schema.clone()).validate(some, ValidationMode::Strict);
        let mut findings = Findings::default();
        for error in result.validation_errors() {
            findings.errors.push((error.policy_id().clone(), self.problem(error.policy_id(), error)));
        }
        for warning in result.validation_warnings() {
            let problem = self.problem(warning.policy_id(), warning);
            match warning {
                ValidationWarning::ImpossiblePolicy(_) => drop(findings.impossible.insert(warning.policy_id().clone(), problem)),
                _ => findings.warnings.push(problem),
            }
        }
        findings
    }

    /// These policies, as a set of their own.
    pub(super) fn subset<'a>(&self, ids: impl Iterator<Item = &'a PolicyId>) -> PolicySet {
        // Policies of one set have ids of their own, so they make another set.
        PolicySet::from_policies(ids.filter_map(|id| self.set.policy(id)).cloned()).unwrap_or_default()
    }

    /// A problem with a policy as a whole.
    pub(super) fn remark(&self, id: &PolicyId, message: impl Into<String>) -> Problem {
        match self.origins.get(id) {
            Some(origin) => Problem::at(&origin.file, origin.offset, 0, message),
            None => Problem::nowhere("", message),
        }
    }

    /// Where a policy stands. A policy that no file has cannot be in the set, so there is always an answer in practice.
    pub(super) fn reference(&self, id: &PolicyId) -> PolicyRef {
        self.origins.get(id).map_or_else(
            || PolicyRef { id: id.to_string().into(), file: "".into(), line: 0, reason: None },
            |origin| origin.policy.clone(),
        )
    }

    fn add_file(&mut self, file: &SourceFile, set: &PolicySet, problems: &mut Vec<Problem>) {
        for template in set.templates() {
            let offset = file.text.find('?').unwrap_or(0);
            problems.push(
                Problem::at(file, offset, 1, format!("`{}` is a template", template.annotation("id").unwrap_or("policy")))
                    .with_help("write the entity instead of the slot: there is nothing that would link a template".to_owned()),
            );
        }
        let mut searched = 0;
        for policy in set.policies() {
            let text = policy.to_string();
            let offset = file.text.get(searched..).and_then(|rest| rest.find(&text)).map_or(searched, |at| at + searched);
            searched = offset + text.len();
            self.add(file, offset, policy, problems);
        }
    }

    fn add(&mut self, file: &SourceFile, offset: usize, policy: &Policy, problems: &mut Vec<Problem>) {
        let id = match policy.annotation("id") {
            Some(id) => id.to_owned(),
            None => format!("{}#{}", file.name, policy.id()),
        };
        let problem = |message: String, help: &str| Problem::at(file, offset, 0, message).with_help(help.to_owned());
        if id.is_empty() {
            problems.push(problem("`@id` is empty".to_owned(), "give the policy a name: `@id(\"no-exfiltration\")`"));
            return;
        }
        let key = PolicyId::new(&id);
        if let Some(first) = self.origins.get(&key) {
            let place = format!("{}:{}", first.policy.file, first.policy.line);
            problems
                .push(problem(format!("policy `{id}` is already declared at {place}"), "give each policy an `@id` of its own"));
            return;
        }
        if names_the_group(policy) {
            problems.push(problem(
                format!("policy `{id}` compares an action with the group `tools/call`, which leaves out every tool with a typed action"),
                "write `action in Mcp::Action::\"tools/call\"`",
            ));
        }
        let (line, _) = position(&file.text, offset);
        let reason = policy.annotation("reason").filter(|reason| !reason.is_empty()).map(Arc::from);
        let reference = PolicyRef { id: id.into(), file: Arc::clone(&file.name), line, reason };
        if let Err(error) = self.set.add(policy.new_id(key.clone())) {
            problems.push(problem(error.to_string(), "give each policy an `@id` of its own"));
            return;
        }
        self.origins.insert(key, Origin { policy: reference, file: file.clone(), offset });
    }

    fn problem(&self, id: &PolicyId, diagnostic: &dyn miette::Diagnostic) -> Problem {
        let Some(origin) = self.origins.get(id) else { return Problem::nowhere("", diagnostic.to_string()) };
        let mut problem = Problem::from_diagnostic(&origin.file, diagnostic);
        if diagnostic.labels().is_none() {
            problem = Problem::at(&origin.file, origin.offset, 0, problem.message).with_help(problem.help);
        }
        // The place says which policy it is; the sentence need not repeat it.
        if let Some((_, rest)) = problem.message.split_once("`, ").filter(|(start, _)| start.starts_with("for policy `")) {
            problem.message = rest.to_owned();
        }
        problem
    }
}

/// What the validator says about policies and a schema.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Policies that do not fit, each with a reason; a policy may have several.
    pub(super) errors: Vec<(PolicyId, Problem)>,
    pub(super) warnings: Vec<Problem>,
    /// Policies that cannot match anything in this schema.
    pub(super) impossible: BTreeMap<PolicyId, Problem>,
}

/// Sorts problems as an author reads: by file, then by place.
pub(super) fn in_order(problems: &mut [Problem]) {
    problems.sort_by(|a, b| (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message)));
}

/// Where Cedar puts the action into its sentences.
const FOR_ACTION: &str = " in context for ";

/// Cedar reports a mistake once for each action the policy is about; an author made it once.
pub(super) fn once_a_place(sorted: Vec<Problem>) -> Vec<Problem> {
    let mut kept: Vec<(Problem, u32)> = Vec::new();
    for problem in sorted {
        let what = |problem: &Problem| problem.message.split(FOR_ACTION).next().map(str::to_owned);
        match kept.last_mut() {
            Some((first, others))
                if (&first.file, first.line, first.column) == (&problem.file, problem.line, problem.column)
                    && what(first) == what(&problem) =>
            {
                *others += 1;
            }
            _ => kept.push((problem, 0)),
        }
    }
    let count = |(mut problem, others): (Problem, u32)| {
        if others > 0 {
            problem.message = format!("{} (and for {others} more)", problem.message);
        }
        problem
    };
    kept.into_iter().map(count).collect()
}

/// Says what Cedar cannot know: why a tool has no arguments to look at.
pub(super) fn explain(problem: Problem) -> Problem {
    if !problem.message.starts_with("attribute `input`") {
        return problem;
    }
    problem.with_help(
        "not every tool has arguments that policies can see: name the tool with `action == Mcp::Action::\"server/tool\"`, or ask first \
         with `context has input && …`"
            .to_owned(),
    )
}

/// Whether a policy says `action == Mcp::Action::"tools/call"`, in its scope or in a condition.
fn names_the_group(policy: &Policy) -> bool {
    if let ActionConstraint::Eq(action) = policy.action_constraint() {
        return action.to_string() == GROUP;
    }
    let Ok(parsed) = policy.to_pst() else { return false };
    parsed.body().clauses().iter().any(|clause| match clause {
        pst::Clause::When(condition) | pst::Clause::Unless(condition) => {
            condition.reduce(&compares_the_group, &|a, b| a || b, false)
        }
    })
}

fn compares_the_group(expr: &Expr) -> Option<bool> {
    let is_group = |side: &Expr| matches!(side, Expr::Literal(Literal::EntityUID(uid)) if uid.to_string() == GROUP);
    match expr {
        Expr::BinaryOp { op: pst::BinaryOp::Eq | pst::BinaryOp::NotEq, left, right } if is_group(left) || is_group(right) => {
            Some(true)
        }
        _ => None,
    }
}
