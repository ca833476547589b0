//! From a policy set, another one that answers "could it be allowed?" while parts of the context are unknown.
//!
//! Every condition of a permit is weakened and every condition of a forbid strengthened as far as the unknown parts reach: a
//! part of a condition that reads something unknown becomes `true` where that makes the policy set more lenient, `false` where the
//! opposite would. Evaluated in the ordinary way, the derived set allows whatever the original could allow for some value of the
//! unknown parts. It may allow more (conditions that contradict each other about one value), never less; the tests compare it
//! with trying all values.

use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, Clause, Effect, Expr, Literal, StaticPolicy, Template, UnaryOp, Var};
use cedar_policy::{Policy, PolicySet};

use super::syntax::Syntax;

/// What is not known of the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Discovery: neither the arguments nor whether there is an approval.
    InputAndApproval,
    /// There is an approval, but its contents are not known.
    ApprovalContents,
}

/// What a condition that reads something unknown comes to.
enum Leaf {
    Unknown,
    True,
}

impl Unknown {
    fn covers(self, attribute: &str) -> bool {
        match self {
            Self::InputAndApproval => matches!(attribute, "input" | "approval"),
            Self::ApprovalContents => attribute == "approval",
        }
    }

    /// Whether an expression reads anything unknown. Reading the context as a whole does.
    fn reaches(self, expr: &Expr) -> bool {
        let known = |expr: &Expr| match expr {
            Expr::GetAttr { expr, attr } if is_context(expr) => Some(self.covers(attr)),
            Expr::HasAttr { expr, attrs } if is_context(expr) => Some(self.covers(attrs.first())),
            Expr::Var(Var::Context) | Expr::Unknown { .. } | Expr::Slot(_) => Some(true),
            _ => None,
        };
        expr.reduce(&known, &|a, b| a || b, false)
    }

    fn leaf(self, expr: &Expr) -> Leaf {
        match expr {
            Expr::HasAttr { expr, attrs } if self == Self::ApprovalContents && is_context(expr) && attrs.len() == 1 => Leaf::True,
            _ => Leaf::Unknown,
        }
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(Var::Context))
}

/// The derived set; `None` when nothing in the set reads anything unknown, so that it would be the same set.
///
/// # Errors
///
/// A sentence when Cedar does not take a policy back, which would be a defect of this module.
pub(super) fn derive(set: &PolicySet, syntax: &Syntax, unknown: Unknown) -> Result<Option<PolicySet>, String> {
    if !syntax.conditions().any(|condition| unknown.reaches(condition)) {
        return Ok(None);
    }
    let mut derived = PolicySet::new();
    for policy in set.policies() {
        let abstracted = syntax.of(policy.id()).map(|body| abstract_policy(body, unknown)).transpose()?.flatten();
        derived.add(abstracted.unwrap_or_else(|| policy.clone())).map_err(|error| error.to_string())?;
    }
    Ok(Some(derived))
}

fn abstract_policy(body: &Template, unknown: Unknown) -> Result<Option<Policy>, String> {
    let reads = body.clauses().iter().any(|clause| match clause {
        Clause::When(condition) | Clause::Unless(condition) => unknown.reaches(condition),
    });
    if !reads {
        return Ok(None);
    }
    let lenient = body.effect == Effect::Permit;
    let clauses = body.clauses().iter().map(|clause| match clause {
        Clause::When(condition) => Clause::When(approximate(condition, lenient, unknown)),
        Clause::Unless(condition) => Clause::Unless(approximate(condition, !lenient, unknown)),
    });
    let template =
        Template::new(body.id.clone(), body.effect, body.principal.clone(), body.action.clone(), body.resource.clone());
    let template = template.try_with_clauses(clauses.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
    let fixed = StaticPolicy::try_from(template).map_err(|error| error.to_string())?;
    Policy::from_pst(fixed.into()).map(Some).map_err(|error| error.to_string())
}

/// An expression without anything unknown: with `may` it is true whenever the original could be, without it it is true only when
/// the original must be (or fails).
fn approximate(expr: &Arc<Expr>, may: bool, unknown: Unknown) -> Arc<Expr> {
    if !unknown.reaches(expr) {
        return Arc::clone(expr);
    }
    match &**expr {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            and(approximate(left, may, unknown), approximate(right, may, unknown))
        }
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => or(approximate(left, may, unknown), approximate(right, may, unknown)),
        Expr::BinaryOp { op: op @ (BinaryOp::Eq | BinaryOp::NotEq), left, right } if is_boolean(left) && is_boolean(right) => {
            let holds = |side| approximate(side, may, unknown);
            let fails = |side| not(approximate(side, !may, unknown));
            match op {
                BinaryOp::Eq => or(and(holds(left), holds(right)), and(fails(left), fails(right))),
                _ => or(and(holds(left), fails(right)), and(fails(left), holds(right))),
            }
        }
        Expr::UnaryOp { op: UnaryOp::Not, expr } => not(approximate(expr, !may, unknown)),
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            let (then_expr, else_expr) = (approximate(then_expr, may, unknown), approximate(else_expr, may, unknown));
            if !unknown.reaches(cond) {
                return Arc::new(Expr::IfThenElse { cond: Arc::clone(cond), then_expr, else_expr });
            }
            let (holds, fails) = (approximate(cond, may, unknown), not(approximate(cond, !may, unknown)));
            or(and(holds, then_expr), and(fails, else_expr))
        }
        leaf => literal(match unknown.leaf(leaf) {
            Leaf::Unknown => may,
            Leaf::True => true,
        }),
    }
}

/// Whether an expression can only be true or false, or fail.
fn is_boolean(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(Literal::Bool(_)) | Expr::HasAttr { .. } | Expr::Like { .. } | Expr::Is { .. } => true,
        Expr::UnaryOp { op, .. } => matches!(op, UnaryOp::Not | UnaryOp::IsEmpty),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Eq
                | BinaryOp::NotEq
                | BinaryOp::Less
                | BinaryOp::LessEq
                | BinaryOp::Greater
                | BinaryOp::GreaterEq
                | BinaryOp::In
                | BinaryOp::Contains
                | BinaryOp::ContainsAll
                | BinaryOp::ContainsAny
                | BinaryOp::HasTag
                | BinaryOp::IsInRange
        ),
        Expr::IfThenElse { then_expr, else_expr, .. } => is_boolean(then_expr) && is_boolean(else_expr),
        _ => false,
    }
}

fn literal(value: bool) -> Arc<Expr> {
    Arc::new(Expr::Literal(Literal::Bool(value)))
}

fn constant(expr: &Expr) -> Option<bool> {
    if let Expr::Literal(Literal::Bool(value)) = expr { Some(*value) } else { None }
}

// Folding keeps Cedar's order of evaluation: only a constant on the left decides, because what stands on the right of an
// expression that fails is never reached.

fn and(left: Arc<Expr>, right: Arc<Expr>) -> Arc<Expr> {
    match constant(&left) {
        Some(true) => right,
        Some(false) => left,
        None => Arc::new(Expr::BinaryOp { op: BinaryOp::And, left, right }),
    }
}

fn or(left: Arc<Expr>, right: Arc<Expr>) -> Arc<Expr> {
    match constant(&left) {
        Some(true) => left,
        Some(false) => right,
        None => Arc::new(Expr::BinaryOp { op: BinaryOp::Or, left, right }),
    }
}

fn not(expr: Arc<Expr>) -> Arc<Expr> {
    match constant(&expr) {
        Some(value) => literal(!value),
        None => Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr }),
    }
}

#[cfg(test)]
#[path = "derive_tests.rs"]
mod tests;
