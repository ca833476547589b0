//! Conditions that are evaluated together: what is left of policies, each different condition once, whoever asks.
//!
//! For every policy that it evaluates Cedar puts scope and conditions together anew, and files what came out under the name of the policy.
//! That takes several times as long as the comparison or two that most conditions consist of. So conditions are joined by `||`: when the
//! whole comes to false, each of them did and none failed, because `||` looks at its right side when the left one is false, fails
//! when the side that it looks at fails or is no truth value, and comes to false only when both sides do. When the whole comes to anything else,
//! Cedar is asked about each of the conditions.
//!
//! Of what is left of the policies, agent and actor mostly share all that does not speak of the principal. The action, the resource, the
//! context and the entities are the same for both, and so is what such conditions come to: it is found out once (see [`Found`]).

use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher as _};
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy::pst::{self, BinaryOp, Clause, Expr, Template, UnaryOp, Var};
use cedar_policy::{AuthorizationError, Authorizer, Effect, Entities, Policy, PolicyId, PolicySet, Request, Response};

use super::parts::assemble;
use crate::policy::recent::Recent;

/// How many conditions are joined at most.
const MAX_JOINED: usize = 64;
/// So many permits are worth joining: one of them usually holds, and then those it is joined with are looked at one by one.
const WORTH_JOINING: usize = 8;
/// How many lists of conditions are kept for others of which the same is left.
const MAX_KEPT: usize = 1024;

/// Some conditions, named by their numbers.
#[derive(Debug)]
pub(super) struct Conditions {
    /// The policies that they are of.
    effect: Effect,
    /// The clauses of each.
    clauses: Vec<Vec<Clause>>,
    /// A permit for each part, named by its number: it applies when some condition of the part holds.
    any: PolicySet,
    parts: Vec<Part>,
    /// Whether some of them speak of the principal.
    reads_principal: bool,
}

/// Conditions that are joined.
#[derive(Debug)]
enum Part {
    /// One, by its number, which needs no joining.
    One(usize),
    /// Several: a permit for each, named by its number.
    Several(Box<PolicySet>),
}

/// What conditions come to. Those that are not mentioned are false.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) holds: Vec<usize>,
    /// With what they fail.
    pub(super) fails: Vec<(usize, String)>,
}

impl Conditions {
    /// `None` when Cedar does not take one.
    fn new(effect: Effect, clauses: Vec<Vec<Clause>>) -> Option<Self> {
        let size = match effect {
            Effect::Forbid => MAX_JOINED,
            Effect::Permit if clauses.len() < WORTH_JOINING => 1,
            Effect::Permit => clauses.len().isqrt().min(MAX_JOINED),
        };
        let (mut any, mut parts) = (PolicySet::new(), Vec::new());
        let all: Vec<(usize, Arc<Expr>)> = clauses.iter().map(|clauses| condition(clauses)).enumerate().collect();
        for (number, some) in all.chunks(size).enumerate() {
            let joined = join(BinaryOp::Or, some.iter().map(|(_, condition)| Arc::clone(condition)).collect())?;
            any.add(permit(number, joined)?).ok()?;
            parts.push(match some {
                [(only, _)] => Part::One(*only),
                several => {
                    let each = several.iter().map(|(number, condition)| permit(*number, Arc::clone(condition)));
                    Part::Several(Box::new(PolicySet::from_policies(each.collect::<Option<Vec<_>>>()?).ok()?))
                }
            });
        }
        let reads_principal = all.iter().any(|(_, condition)| reads_principal(condition));
        Some(Self { effect, clauses, any, parts, reads_principal })
    }

    /// What they come to; `None` when Cedar speaks of a condition that there is not.
    fn evaluate(&self, request: &Request, entities: &Entities) -> Option<Truth> {
        let mut truth = Truth::default();
        let ask = |set| Authorizer::new().is_authorized(request, set, entities);
        let joined = Truth::of(&ask(&self.any))?;
        let open = joined.holds.iter().map(|number| (*number, None));
        for (number, failure) in open.chain(joined.fails.into_iter().map(|(number, failure)| (number, Some(failure)))) {
            match (self.parts.get(number)?, failure) {
                (Part::One(only), None) => truth.holds.push(*only),
                (Part::One(only), Some(failure)) => truth.fails.push((*only, failure)),
                (Part::Several(each), _) => {
                    let Truth { holds, fails } = Truth::of(&ask(each))?;
                    truth.holds.extend(holds);
                    truth.fails.extend(fails);
                }
            }
        }
        Some(truth)
    }
}

impl Truth {
    /// By what Cedar says of permits that are named by numbers, with no forbid among them: it names each that applies.
    fn of(response: &Response) -> Option<Self> {
        let number = |id: &PolicyId| AsRef::<str>::as_ref(id).parse().ok();
        let holds = response.diagnostics().reason().map(number).collect::<Option<_>>()?;
        let fails = response.diagnostics().errors().map(|AuthorizationError::PolicyEvaluationError(error)| {
            Some((number(error.policy_id())?, error.inner().to_string()))
        });
        Some(Self { holds, fails: fails.collect::<Option<_>>()? })
    }
}

/// The conditions of one policy as one.
fn condition(clauses: &[Clause]) -> Arc<Expr> {
    let all = clauses.iter().map(|clause| match clause {
        Clause::When(condition) => Arc::clone(condition),
        Clause::Unless(condition) => Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr: Arc::clone(condition) }),
    });
    // A policy without conditions applies.
    join(BinaryOp::And, all.collect()).unwrap_or_else(|| Arc::new(Expr::Literal(pst::Literal::Bool(true))))
}

/// All of these with `&&` or `||` between them, evaluated in this order; balanced, so that it is no deeper than it must be. `None` when
/// there are none.
fn join(op: BinaryOp, mut all: Vec<Arc<Expr>>) -> Option<Arc<Expr>> {
    if all.len() < 2 {
        return all.pop();
    }
    let rest = all.split_off(all.len() / 2);
    Some(Arc::new(Expr::BinaryOp { op, left: join(op, all)?, right: join(op, rest)? }))
}

fn permit(number: usize, condition: Arc<Expr>) -> Option<Policy> {
    let id = number.to_string();
    let (principal, resource) = (pst::PrincipalConstraint::Any, pst::ResourceConstraint::Any);
    let template = Template::new(id.as_str(), pst::Effect::Permit, principal, pst::ActionConstraint::Any, resource);
    assemble(template, vec![Clause::When(condition)])
}

pub(super) fn reads_principal(expr: &Expr) -> bool {
    // What cannot stand in a policy counts as reading it.
    let unknown = |expr: &Expr| match expr {
        Expr::Var(Var::Principal) | Expr::Unknown { .. } | Expr::Slot(_) => Some(true),
        _ => None,
    };
    expr.reduce(&unknown, &|a, b| a || b, false)
}

/// The conditions of one policy set, so that scopes of which the same is left share them. Forgetting them costs time and nothing else.
#[derive(Debug)]
pub(in crate::policy) struct Shelf(Recent<u64, Arc<Conditions>>);

impl Default for Shelf {
    fn default() -> Self {
        Self(Recent::with_room(MAX_KEPT))
    }
}

impl Shelf {
    /// These conditions of policies with this effect; `None` when Cedar does not take one.
    pub(super) fn conditions(&self, effect: Effect, clauses: Vec<Vec<Clause>>) -> Option<Arc<Conditions>> {
        let key = fingerprint(effect, &clauses);
        if let Some(known) = self.0.get(&key).filter(|known| known.effect == effect && known.clauses == clauses) {
            return Some(known);
        }
        let made = Arc::new(Conditions::new(effect, clauses)?);
        self.0.insert(key, Arc::clone(&made));
        Some(made)
    }
}

/// The same for the same conditions; for others most likely another one.
fn fingerprint(effect: Effect, clauses: &[Vec<Clause>]) -> u64 {
    struct Feed(DefaultHasher);
    impl fmt::Write for Feed {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut feed = Feed(DefaultHasher::new());
    // The hasher takes everything.
    let _ = write!(feed, "{effect:?}{clauses:?}");
    feed.0.finish()
}

/// What was found out so far about one request with one context, for those of its principals who come later.
#[derive(Debug, Default)]
pub(in crate::policy) struct Found(Vec<(Arc<Conditions>, Rc<Truth>)>);

impl Found {
    /// What conditions come to. All requests that one of these is asked about differ in nothing but the principal. `None` when there is no
    /// request, or Cedar speaks of a condition that there is not.
    pub(super) fn truth<'a>(
        &mut self,
        conditions: &Arc<Conditions>,
        request: impl FnOnce() -> Option<&'a Request>,
        entities: &Entities,
    ) -> Option<Rc<Truth>> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| Arc::ptr_eq(known, conditions)) {
            return Some(Rc::clone(known));
        }
        let truth = Rc::new(conditions.evaluate(request()?, entities)?);
        if !conditions.reads_principal {
            self.0.push((Arc::clone(conditions), Rc::clone(&truth)));
        }
        Some(truth)
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
