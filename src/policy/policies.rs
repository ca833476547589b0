//! Policy texts to one Cedar policy set, keeping for each policy where its author finds it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use cedar_policy::pst::{self, Expr, Literal};
use cedar_policy::{
    ActionConstraint, Policy, PolicyId, PolicySet, Schema, Template, ValidationMode, ValidationWarning, Validator,
};

use super::code::Code;
use super::load::SourceFile;
use super::report::{Lines, Problem, position};
use super::syntax::{self, Syntax};
use super::text::conditions;
use crate::domain::PolicyRef;

/// The group that contains every typed tool action; as an action it is only what untyped tools have.
const GROUP: &str = r#"Mcp::Action::"tools/call""#;

/// The policies of all files.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// All policies, linked ones among them as if somebody had written them out.
    pub(super) set: PolicySet,
    pub(super) syntax: Syntax,
    origins: HashMap<PolicyId, Origin>,
    /// What is known of templates.
    pub(super) templates: HashMap<PolicyId, Template>,
    /// Templates that no link uses.
    pub(super) unused: Vec<Problem>,
}

/// Where a policy comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) policy: PolicyRef,
    /// The file with its text, which for a linked policy is the text of the template.
    pub(super) file: SourceFile,
    pub(super) offset: usize,
    pub(super) length: usize,
    /// The link that fills in the template.
    pub(super) link: Option<Link>,
}

/// Where a link of a template stands.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) file: SourceFile,
    pub(super) offset: usize,
    /// The slots, in the order of the text.
    pub(super) filled: Vec<Filled>,
}

/// A slot of a template, and what stands in its place in the text of the linked policy.
#[derive(Debug, Clone)]
pub(super) struct Filled {
    pub(super) slot: Range<usize>,
    pub(super) text: Range<usize>,
}

impl Link {
    /// Where a place in the text of the linked policy is in the text of the template.
    fn back(&self, place: usize) -> usize {
        let before = self.filled.iter().rev().find(|filled| filled.text.start <= place);
        before.map_or(place, |Filled { slot, text }| if place < text.end { slot.start } else { place - text.end + slot.end })
    }
}

impl Origin {
    /// The text of the policy; of a linked one, that of its template.
    pub(super) fn text(&self) -> &str {
        self.file.text.get(self.offset..self.offset + self.length).unwrap_or_default()
    }

    /// The text of the policy from its first condition on.
    pub(super) fn conditions(&self) -> &str {
        let first = conditions(self.text()).first().map(|condition| condition.keyword);
        first.and_then(|keyword| self.text().get(keyword..)).unwrap_or_default()
    }

    /// A problem with the `length` bytes at `offset` of the policy's text. What is wrong with a linked policy also names the link.
    pub(super) fn problem(&self, offset: usize, length: usize, message: impl Into<String>) -> Problem {
        let problem = Problem::at(&self.file, self.offset + offset, length, message).with_policy(&self.policy.id);
        let help = self.link.as_ref().map(|link| {
            let (line, _) = position(&link.file.text, link.offset);
            format!("the template is filled in at {}:{line}", link.file.name)
        });
        problem.with_help(help)
    }
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

    /// The file that each policy stands in.
    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<str>> {
        self.origins.values().map(|origin| &origin.policy.file)
    }

    /// Validates some of the policies strictly.
    pub(super) fn validate(&self, some: &PolicySet, schema: &Schema) -> Findings {
        let result = Validator::new(schema.clone()).validate(some, ValidationMode::Strict);
        let mut findings = Findings::default();
        for error in result.validation_errors() {
            findings.errors.push((error.policy_id().clone(), self.error(error)));
        }
        for warning in result.validation_warnings() {
            let problem = self.warning(warning);
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
            Some(origin) => origin.problem(0, 0, message),
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

    /// Every policy with where it comes from, in the order of the files.
    pub(super) fn each(&self) -> Vec<(&Policy, &Origin)> {
        let mut all: Vec<_> = self.set.policies().filter_map(|policy| Some((policy, self.origins.get(policy.id())?))).collect();
        all.sort_by(|(_, a), (_, b)| (&a.file.name, a.offset, &a.policy.id).cmp(&(&b.file.name, b.offset, &b.policy.id)));
        all
    }

    /// Where a policy or template comes from.
    pub(super) fn origin(&self, id: &PolicyId) -> Option<&Origin> {
        self.origins.get(id)
    }

    fn add_file(&mut self, file: &SourceFile, set: &PolicySet, problems: &mut Vec<Problem>) {
        let lines = Lines::of(&file.text);
        let mut searched = 0;
        for template in set.templates() {
            let offset = find(file, &template.to_string(), &mut searched);
            let named = annotation(template.annotations(), "id").map(str::to_owned);
            let reason = annotation(template.annotations(), "reason");
            let place = Place { file, lines: &lines, offset, length: searched - offset };
            let origin = place.origin(named.clone().unwrap_or_default(), reason);
            if named.is_none() {
                let help = "links name the template they fill in: `@id(\"team-reads\")`".to_owned();
                problems.push(origin.problem(0, 0, "a template needs an `@id`").with_code(Code::EmptyId).with_help(help));
            } else if let Some(key) = self.claim(origin, problems) {
                self.templates.insert(key.clone(), template.new_id(key));
            }
        }
        let mut searched = 0;
        for policy in set.policies() {
            let offset = find(file, &policy.to_string(), &mut searched);
            let named = annotation(policy.annotations(), "id");
            let id = named.map_or_else(|| format!("{}#{}", file.name, policy.id()), str::to_owned);
            let place = Place { file, lines: &lines, offset, length: searched - offset };
            self.add(policy, place.origin(id, annotation(policy.annotations(), "reason")), problems);
        }
    }

    /// Takes in a policy under the name that its origin gives it.
    pub(super) fn add(&mut self, policy: &Policy, origin: Origin, problems: &mut Vec<Problem>) {
        let body = match syntax::read(policy) {
            Ok(body) => body,
            Err(message) => return problems.push(origin.problem(0, 0, message)),
        };
        if names_the_group(policy, body.as_ref()) {
            let message = format!(
                "policy `{}` compares an action with the group `tools/call`, which leaves out every tool with a typed action",
                origin.policy.id
            );
            let help = "write `action in Mcp::Action::\"tools/call\"`".to_owned();
            problems.push(origin.problem(0, 0, message).with_code(Code::ActionGroup).with_help(help));
        }
        let Some(key) = self.claim(origin, problems) else { return };
        body.into_iter().for_each(|body| self.syntax.keep(key.clone(), body));
        if let Err(error) = self.set.add(policy.new_id(key)) {
            problems.push(Problem::nowhere("", error.to_string()));
        }
    }

    /// Keeps where a policy or template comes from, unless its name is empty or taken.
    fn claim(&mut self, origin: Origin, problems: &mut Vec<Problem>) -> Option<PolicyId> {
        let id = &origin.policy.id;
        if id.is_empty() {
            let help = "give the policy a name: `@id(\"no-exfiltration\")`".to_owned();
            problems.push(origin.problem(0, 0, "`@id` is empty").with_code(Code::EmptyId).with_help(help));
            return None;
        }
        let key = PolicyId::new(id);
        if let Some(first) = self.origins.get(&key) {
            problems.push(twice(first, &origin));
            return None;
        }
        self.origins.insert(key.clone(), origin);
        Some(key)
    }

    pub(super) fn problem(&self, id: &PolicyId, diagnostic: &dyn miette::Diagnostic) -> Problem {
        let Some(origin) = self.origins.get(id) else { return Problem::nowhere("", diagnostic.to_string()) };
        let mut problem = Problem::from_diagnostic(&origin.file, diagnostic);
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let whole = |problem: Problem, at: usize, length: usize| {
            let placed = origin.problem(at, length, problem.message);
            if problem.help.is_some() { placed.with_help(problem.help) } else { placed }
        };
        problem = match (&origin.link, label) {
            (Some(link), Some(label)) => whole(problem, link.back(label.offset()), label.len()),
            (_, None) => whole(problem, 0, 0),
            (None, Some(_)) => problem.with_policy(&origin.policy.id),
        };
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

impl Findings {
    /// Adds what is said about other policies.
    pub(super) fn merge(&mut self, others: Self) {
        let Self { errors, warnings, impossible } = others;
        self.errors.extend(errors);
        self.warnings.extend(warnings);
        self.impossible.extend(impossible);
    }
}

/// Finds the text of the next policy in a file, and moves on to where it ends.
fn find(file: &SourceFile, text: &str, searched: &mut usize) -> usize {
    let offset = file.text.get(*searched..).and_then(|rest| rest.find(text)).map_or(*searched, |at| at + *searched);
    *searched = offset + text.len();
    offset
}

/// The value of an annotation. Cedar's own look-up parses the name first, which takes as long as parsing a small policy.
pub(super) fn annotation<'a>(mut all: impl Iterator<Item = (&'a str, &'a str)>, name: &str) -> Option<&'a str> {
    all.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Where a policy or template stands in a file.
struct Place<'a> {
    file: &'a SourceFile,
    lines: &'a Lines,
    offset: usize,
    length: usize,
}

impl Place<'_> {
    fn origin(self, id: String, reason: Option<&str>) -> Origin {
        let Self { file, lines, offset, length } = self;
        let reason = reason.filter(|reason| !reason.is_empty()).map(Arc::from);
        let policy = PolicyRef { id: id.into(), file: Arc::clone(&file.name), line: lines.line(offset), reason };
        Origin { policy, file: file.clone(), offset, length, link: None }
    }
}

/// Says that a name is taken, and where each of the two stands.
fn twice(first: &Origin, second: &Origin) -> Problem {
    let place = match &first.link {
        Some(link) => format!("{}:{}", link.file.name, position(&link.file.text, link.offset).0),
        None => format!("{}:{}", first.policy.file, first.policy.line),
    };
    let message = format!("policy `{}` is already declared at {place}", second.policy.id);
    let problem = match &second.link {
        Some(link) => Problem::at(&link.file, link.offset, 0, message),
        None => second.problem(0, 0, message),
    };
    problem.with_code(Code::DuplicateId).with_help("give each policy an `@id` of its own".to_owned())
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
fn names_the_group(policy: &Policy, body: Option<&pst::Template>) -> bool {
    if let ActionConstraint::Eq(action) = policy.action_constraint() {
        return action.to_string() == GROUP;
    }
    body.into_iter().flat_map(pst::Template::clauses).any(|clause| match clause {
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
