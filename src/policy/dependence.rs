//! Which policies can only be judged once it is known what tools the servers have.
//!
//! Most policies speak of roles, groups and circumstances: they fit the vocabulary of the files or they do not. A policy that names
//! the action of a tool, or reads the arguments of tools in general, depends on what servers list.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::pst::{Clause, Expr, Literal};
use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicyId};

use super::policies::Policies;
use super::reads::Reads;
use super::schema::Vocabulary;

/// What a policy needs to know of tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dependence {
    /// Ids of the tool actions it names that the files do not declare, as `server/tool`.
    pub(super) named: BTreeSet<String>,
    /// It reads arguments, and its scope does not say of which tools.
    pub(super) of_any_tool: bool,
}

/// What each policy needs to know of tools, and what of their arguments is read.
#[derive(Debug, Default)]
pub(super) struct Dependences {
    /// Only the policies that need to know anything.
    pub(super) policies: BTreeMap<PolicyId, Dependence>,
    /// What is read of `context.input`, by the action or group of the policy's scope.
    inputs: HashMap<EntityUid, Reads>,
    /// The same for policies about any action.
    any_input: Reads,
    reads_any: bool,
}

impl Dependences {
    pub(super) fn of(policies: &Policies, vocabulary: &Vocabulary) -> Self {
        let mut all = Self::default();
        for policy in policies.set.policies() {
            let clauses = policies.syntax.clauses(policy.id());
            let reads = Reads::in_clauses(clauses);
            let input = reads.part("input");
            let dependence = Dependence {
                named: named(policy, clauses).into_iter().filter(|id| !vocabulary.has_action(id)).collect(),
                of_any_tool: input.is_some() && is_general(policy, vocabulary),
            };
            if let Some(input) = input {
                all.add_input(policy, input);
            }
            if dependence != Dependence::default() {
                all.policies.insert(policy.id().clone(), dependence);
            }
        }
        all
    }

    /// What is read of the arguments in calls with this action, which is in these groups; `None` when nothing is.
    pub(super) fn input_of<'a>(&self, action: &'a EntityUid, groups: impl Iterator<Item = &'a EntityUid>) -> Option<Reads> {
        let general = self.reads_any.then_some(&self.any_input);
        let own = std::iter::once(action).chain(groups).filter_map(|uid| self.inputs.get(uid));
        let mut all = general.into_iter().chain(own);
        let mut reads = all.next()?.clone();
        all.for_each(|more| reads.merge(more));
        Some(reads)
    }

    fn add_input(&mut self, policy: &Policy, input: &Reads) {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => {
                self.reads_any = true;
                self.any_input.merge(input);
                return;
            }
            ActionConstraint::Eq(action) => vec![action],
            ActionConstraint::In(actions) => actions,
        };
        for action in actions {
            self.inputs.entry(action).or_default().merge(input);
        }
    }
}

/// The ids of all actions that a policy names, in its scope or in a condition, as far as they look like those of tools.
fn named(policy: &Policy, clauses: &[Clause]) -> BTreeSet<String> {
    let of_tool = |action: &EntityUid| tool_action(&action.type_name().to_string(), action.id().unescaped());
    let mut ids: BTreeSet<String> = match policy.action_constraint() {
        ActionConstraint::Any => BTreeSet::new(),
        ActionConstraint::Eq(action) => of_tool(&action).into_iter().collect(),
        ActionConstraint::In(actions) => actions.iter().filter_map(of_tool).collect(),
    };
    let in_literal = |expr: &Expr| match expr {
        Expr::Literal(Literal::EntityUID(uid)) => {
            Some(tool_action(&uid.ty.to_string(), &uid.eid).into_iter().collect::<Vec<_>>())
        }
        _ => None,
    };
    for Clause::When(condition) | Clause::Unless(condition) in clauses {
        ids.extend(condition.reduce(&in_literal, &|a, b| [a, b].concat(), Vec::new()));
    }
    ids
}

/// The id of an action that is named like that of a tool; others are none of a server's business.
fn tool_action(ty: &str, id: &str) -> Option<String> {
    (ty == "Mcp::Action" && id.contains('/')).then(|| id.to_owned())
}

/// Whether the scope leaves open which tools a policy is about.
fn is_general(policy: &Policy, vocabulary: &Vocabulary) -> bool {
    let group = |action: &EntityUid| vocabulary.is_tool_group(action.id().unescaped());
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(_) => false,
        ActionConstraint::In(actions) => actions.iter().any(group),
    }
}
