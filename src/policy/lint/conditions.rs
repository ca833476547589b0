//! Conditions that are always true or never, whatever is asked.
//!
//! Cedar's strict validator says of a whole policy that it cannot match. To learn which condition is to blame, and whether one does
//! nothing at all, policies are made up of the parts: what must hold before, with the condition, and with its opposite. What the
//! validator finds impossible among those is as certain as what it says about policies themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use cedar_policy::pst::{
    BinaryOp, Clause, EntityOrSlot, Expr, Literal, PolicyID, PrincipalConstraint, ResourceConstraint, StaticPolicy, Template,
    UnaryOp, Var,
};
use cedar_policy::{Policy, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};

use super::super::code::Code;
use super::super::report::Problem;
use super::super::snapshot::PolicySnapshot;
use super::super::text;
use super::Subject;

/// Tools times made-up policies that are still quick to check; larger servers are not looked at.
const WORTH_IT: usize = 200_000;
/// The longest condition that a sentence repeats, in bytes.
const SHORT: usize = 60;

/// Finds the conditions that never hold, that always hold, and the `unless` that takes nothing back.
pub(super) fn lint(snapshot: &PolicySnapshot, subjects: &[Subject<'_>]) -> Vec<Problem> {
    let mut questions = Questions::default();
    let asked: Vec<(usize, Vec<Step>)> = subjects
        .iter()
        .enumerate()
        .filter_map(|(number, subject)| {
            let judges = judges(snapshot, subject);
            let steps = steps(subject, &judges, &mut questions);
            (!steps.is_empty()).then_some((number, steps))
        })
        .collect();
    let answers = questions.answer(snapshot);
    let subject = |(number, steps): (usize, Vec<Step>)| Some((subjects.get(number)?, steps));
    asked.into_iter().filter_map(subject).flat_map(|(subject, steps)| verdicts(subject, &steps, &answers)).collect()
}

/// Which schema judges: that of the files, or that of a server's tools.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Judge {
    Files,
    Server(crate::domain::ServerName),
}

/// A policy that depends on what servers list is judged by those it was checked against, any other one by the files.
fn judges(snapshot: &PolicySnapshot, subject: &Subject<'_>) -> Vec<Judge> {
    let id = cedar_policy::PolicyId::new(&subject.origin.policy.id);
    if !snapshot.core.dependences.policies.contains_key(&id) {
        return vec![Judge::Files];
    }
    let looked = snapshot.shards.iter().filter(|(_, shard)| shard.fit.checked.contains(&id));
    looked.map(|(server, _)| Judge::Server(server.clone())).collect()
}

/// What is asked about one part of a policy.
struct Step {
    part: Part,
    /// Which condition, and which of the expressions in it.
    place: (usize, usize),
    never: Option<Question>,
    always: Option<Question>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    When,
    /// One expression of an `unless`.
    InUnless,
    /// An `unless` as a whole.
    Unless,
}

/// Whether a made-up policy is impossible: its number, for each judge.
type Question = Vec<(Judge, usize)>;

/// Takes a policy apart, in the order in which Cedar evaluates it.
fn steps(subject: &Subject<'_>, judges: &[Judge], questions: &mut Questions) -> Vec<Step> {
    let mut steps = Vec::new();
    if judges.is_empty() || !subject.conditions().any(|condition| decidable(condition)) {
        return steps;
    }
    let mut ask = |before: &[Arc<Expr>], expr: Arc<Expr>| questions.ask(subject, before, expr, judges);
    let mut before: Vec<Arc<Expr>> = Vec::new();
    for (number, clause) in subject.body.clauses().iter().enumerate() {
        let (condition, part) = match clause {
            Clause::When(condition) => (condition, Part::When),
            Clause::Unless(condition) => (condition, Part::InUnless),
        };
        let mut inside = before.clone();
        for (index, expr) in conjuncts(condition).into_iter().enumerate() {
            if decidable(&expr) {
                let always = (part == Part::When).then(|| ask(&inside, not(&expr)));
                steps.push(Step {
                    part,
                    place: (number, index),
                    never: ask(&inside, Arc::clone(&expr)),
                    always: always.flatten(),
                });
            }
            inside.push(expr);
        }
        if part == Part::When {
            before = inside;
        } else if decidable(condition) {
            let always = ask(&before, not(condition));
            steps.push(Step { part: Part::Unless, place: (number, 0), never: None, always });
            before.push(not(condition));
        }
    }
    steps
}

/// What the answers come to for one policy. The first condition that is never true explains everything after it.
fn verdicts(subject: &Subject<'_>, steps: &[Step], answers: &Answers) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut idle = None;
    for step in steps {
        let (never, always) = (answers.hold(step.never.as_ref()), answers.hold(step.always.as_ref()));
        let (range, words) = place(subject, step);
        let problem = |message: String| subject.origin.problem(range.start, range.len(), message);
        match step.part {
            Part::When if never && always => return Vec::new(),
            Part::When if never => {
                let help = "by the schema it is false for every request that the policy is about".to_owned();
                let message = format!("{words} is never true, so this policy matches no request");
                return vec![problem(message).with_code(Code::DeadPolicy).with_help(help)];
            }
            Part::When if always => {
                let help =
                    "by the schema it is true for every request that the policy is about: leave it out, or say what was meant";
                found.push(problem(format!("{words} is always true")).with_code(Code::AlwaysTrue).with_help(help.to_owned()));
            }
            Part::InUnless if never && idle != Some(step.place.0) => {
                idle = Some(step.place.0);
                let help = "the policy is as strict as without this `unless`: change it, or leave it out".to_owned();
                let message = format!("{words} is never true, so this `unless` never holds");
                found.push(problem(message).with_code(Code::IdleUnless).with_help(help));
            }
            Part::Unless if always && idle != Some(step.place.0) => {
                let message = "this `unless` always holds, so the policy matches no request".to_owned();
                return vec![problem(message).with_code(Code::DeadPolicy)];
            }
            Part::When | Part::InUnless | Part::Unless => {}
        }
    }
    found
}

/// Where a part stands in the policy's text, and how a sentence names it.
fn place(subject: &Subject<'_>, step: &Step) -> (Range<usize>, String) {
    let text = subject.text();
    let conditions = text::conditions(text);
    let parsed = subject.body.clauses().get(step.place.0).map_or(0, |clause| {
        let (Clause::When(condition) | Clause::Unless(condition)) = clause;
        conjuncts(condition).len()
    });
    let Some(condition) = conditions.get(step.place.0) else { return (0..0, "a condition".to_owned()) };
    let exact =
        condition.conjuncts.get(step.place.1).filter(|_| step.part != Part::Unless && condition.conjuncts.len() == parsed);
    let Some(range) = exact.cloned() else {
        let end = condition.conjuncts.last().map_or(condition.keyword, |last| last.end);
        return (condition.keyword..end, "a part of this condition".to_owned());
    };
    let words = match text.get(range.clone()).filter(|words| words.len() <= SHORT && !words.contains('\n')) {
        Some(words) => format!("`{words}`"),
        None => "this condition".to_owned(),
    };
    (range, words)
}

/// The expressions that all have to hold.
fn conjuncts(expr: &Arc<Expr>) -> Vec<Arc<Expr>> {
    match &**expr {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => [conjuncts(left), conjuncts(right)].concat(),
        _ => vec![Arc::clone(expr)],
    }
}

fn not(expr: &Arc<Expr>) -> Arc<Expr> {
    Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr: Arc::clone(expr) })
}

/// Whether an expression has anything in it that the validator can know the value of from the types alone.
fn decidable(expr: &Expr) -> bool {
    let is_entity = |side: &Expr| {
        matches!(side, Expr::Literal(Literal::EntityUID(_)) | Expr::Var(Var::Principal | Var::Action | Var::Resource))
    };
    let decides = |expr: &Expr| match expr {
        Expr::HasAttr { .. } | Expr::Is { .. } | Expr::Literal(Literal::Bool(_)) => Some(true),
        Expr::BinaryOp { op: BinaryOp::In, .. } => Some(true),
        Expr::BinaryOp { op: BinaryOp::Eq | BinaryOp::NotEq, left, right } if is_entity(left) || is_entity(right) => Some(true),
        _ => None,
    };
    expr.reduce(&decides, &|a, b| a || b, false)
}

/// Made-up policies, each only once however many policies lead to it.
#[derive(Default)]
struct Questions {
    known: HashMap<String, usize>,
    policies: Vec<Policy>,
    judged: BTreeMap<Judge, BTreeSet<usize>>,
}

impl Questions {
    /// Asks whether the scope of a policy, what holds before and an expression can hold together; `None` when Cedar does not take it.
    fn ask(&mut self, subject: &Subject<'_>, before: &[Arc<Expr>], expr: Arc<Expr>, judges: &[Judge]) -> Option<Question> {
        let body = &subject.body;
        let (principal, resource) = (any_principal(&body.principal), any_resource(&body.resource));
        let conditions: Vec<String> = before.iter().chain([&expr]).map(|condition| condition.to_string()).collect();
        let key = format!("{principal}|{}|{resource}|{}", body.action, conditions.join("|"));
        let next = self.policies.len();
        let number = match self.known.get(&key) {
            Some(number) => *number,
            None => {
                let template = Template::new(number_id(next), body.effect, principal, body.action.clone(), resource);
                let clauses = before.iter().cloned().chain([expr]).map(Clause::When);
                let fixed = StaticPolicy::try_from(template.try_with_clauses(clauses).ok()?).ok()?;
                self.policies.push(Policy::from_pst(fixed.into()).ok()?);
                self.known.insert(key, next);
                next
            }
        };
        let ask = |judge: &Judge| {
            self.judged.entry(judge.clone()).or_default().insert(number);
            (judge.clone(), number)
        };
        Some(judges.iter().map(ask).collect())
    }

    fn answer(self, snapshot: &PolicySnapshot) -> Answers {
        let mut answers = Answers::default();
        for (judge, numbers) in self.judged {
            let Some(schema) = schema(snapshot, &judge, numbers.len()) else { continue };
            let chosen = numbers.iter().filter_map(|number| self.policies.get(*number)).cloned();
            let Ok(set) = PolicySet::from_policies(chosen) else { continue };
            answers.impossible.insert(judge, impossible(schema, &set));
        }
        answers
    }
}

fn schema<'a>(snapshot: &'a PolicySnapshot, judge: &Judge, policies: usize) -> Option<&'a Schema> {
    match judge {
        Judge::Files => Some(&snapshot.core.vocabulary.schema),
        Judge::Server(server) => {
            let shard = snapshot.shards.get(server)?;
            (shard.actions().count() * policies <= WORTH_IT).then_some(&shard.schema)
        }
    }
}

/// The numbers of the policies that match nothing; one that is not valid by itself says nothing.
fn impossible(schema: &Schema, set: &PolicySet) -> BTreeSet<usize> {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    let number = |id: &cedar_policy::PolicyId| AsRef::<str>::as_ref(id).parse::<usize>().ok();
    let wrong: BTreeSet<usize> = result.validation_errors().filter_map(|error| number(error.policy_id())).collect();
    let impossible = result.validation_warnings().filter(|warning| {
        matches!(warning, ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_))
    });
    impossible.filter_map(|warning| number(warning.policy_id())).filter(|number| !wrong.contains(number)).collect()
}

fn number_id(number: usize) -> PolicyID {
    PolicyID(number.to_string().into())
}

/// What the judges found impossible.
#[derive(Default)]
struct Answers {
    impossible: BTreeMap<Judge, BTreeSet<usize>>,
}

impl Answers {
    /// Whether every judge says so.
    fn hold(&self, question: Option<&Question>) -> bool {
        let says = |(judge, number): &(Judge, usize)| self.impossible.get(judge).is_some_and(|found| found.contains(number));
        question.is_some_and(|asked| asked.iter().all(says))
    }
}

// The validator looks at the type of an entity in the scope and not at its id (types of the base vocabulary list no ids), so
// policies that differ in nothing else lead to the same question.

fn any_principal(constraint: &PrincipalConstraint) -> PrincipalConstraint {
    match constraint {
        PrincipalConstraint::Eq(entity) => PrincipalConstraint::Eq(any_entity(entity)),
        PrincipalConstraint::In(entity) => PrincipalConstraint::In(any_entity(entity)),
        PrincipalConstraint::IsIn(ty, entity) => PrincipalConstraint::IsIn(ty.clone(), any_entity(entity)),
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => constraint.clone(),
    }
}

fn any_resource(constraint: &ResourceConstraint) -> ResourceConstraint {
    match constraint {
        ResourceConstraint::Eq(entity) => ResourceConstraint::Eq(any_entity(entity)),
        ResourceConstraint::In(entity) => ResourceConstraint::In(any_entity(entity)),
        ResourceConstraint::IsIn(ty, entity) => ResourceConstraint::IsIn(ty.clone(), any_entity(entity)),
        ResourceConstraint::Any | ResourceConstraint::Is(_) => constraint.clone(),
    }
}

fn any_entity(entity: &EntityOrSlot) -> EntityOrSlot {
    match entity {
        EntityOrSlot::Entity(uid) if uid.ty.to_string().starts_with("Mcp::") => {
            let mut any = uid.clone();
            any.eid = "any".into();
            EntityOrSlot::Entity(any)
        }
        other => other.clone(),
    }
}
