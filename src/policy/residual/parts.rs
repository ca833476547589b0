//! One policy, taken apart: which pieces of its conditions are known without the context, and how the rest hangs together.

use std::sync::Arc;

use cedar_policy::pst::{self, BinaryOp, Clause, Expr, Literal, StaticPolicy, Template, UnaryOp, Var};
use cedar_policy::{Effect, Policy};

use super::needs::Needs;
use crate::policy::reads::Reads;
use crate::policy::syntax;

/// How deep the logic of a condition is followed. What is deeper counts as one piece.
const MAX_DEPTH: u32 = 64;

/// A policy as far as the context matters to it.
#[derive(Debug)]
pub(in crate::policy) enum Parts {
    /// It reads nothing of the context.
    Closed,
    /// It reads some of it.
    Open(Box<Open>),
    /// It cannot be taken apart, and is evaluated as it is.
    Whole(Needs),
}

/// A policy that reads the context.
#[derive(Debug)]
pub(in crate::policy) struct Open {
    effect: pst::Effect,
    clauses: Vec<(Keyword, Piece)>,
    /// The pieces that do not read the context.
    known: Vec<Arc<Expr>>,
    /// Permits with the scope of the policy: one without conditions, then one for each known piece.
    probes: Vec<Policy>,
}

#[derive(Debug, Clone, Copy)]
enum Keyword {
    When,
    Unless,
}

/// A condition: its logic, and between it what is known without the context and what is not.
#[derive(Debug)]
enum Piece {
    Known(usize),
    Unknown(Arc<Expr>),
    And(Box<[Piece; 2]>),
    Or(Box<[Piece; 2]>),
    Not(Box<Piece>),
    If(Box<[Piece; 3]>),
}

/// What becomes of a policy when its known pieces are.
#[derive(Debug)]
pub(super) enum Rest {
    /// It applies whatever the context is.
    Always,
    /// It does not apply whatever the context is.
    Never,
    /// It applies when all of these do, which depends on the context.
    Conditions(Vec<Clause>, Needs),
}

impl Parts {
    pub(in crate::policy) fn of(policy: &Policy) -> Self {
        let body = match syntax::read(policy) {
            Ok(Some(body)) => body,
            Ok(None) => return Self::Closed,
            Err(_) => return Self::Whole(Needs::EVERYTHING),
        };
        match Needs::of(&Reads::in_clauses(body.clauses())) {
            Needs::NOTHING => Self::Closed,
            needs => Open::new(&body).map_or(Self::Whole(needs), |open| Self::Open(Box::new(open))),
        }
    }
}

impl Open {
    fn new(body: &Template) -> Option<Self> {
        let mut known = Vec::new();
        let clauses = body.clauses().iter().map(|clause| match clause {
            Clause::When(condition) => (Keyword::When, Piece::of(condition, MAX_DEPTH, &mut known)),
            Clause::Unless(condition) => (Keyword::Unless, Piece::of(condition, MAX_DEPTH, &mut known)),
        });
        let clauses = clauses.collect();
        let probe = |number: usize, conditions: Vec<Clause>| {
            // Numbered after the policy, so that those of several policies can be in one set.
            let id = format!("{number} {}", body.id);
            let (principal, action, resource) = (body.principal.clone(), body.action.clone(), body.resource.clone());
            assemble(Template::new(id.as_str(), pst::Effect::Permit, principal, action, resource), conditions)
        };
        let pieces = known.iter().zip(1..).map(|(piece, number)| probe(number, vec![Clause::When(Arc::clone(piece))]));
        let probes = std::iter::once(probe(0, Vec::new())).chain(pieces).collect::<Option<Vec<_>>>()?;
        Some(Self { effect: body.effect, clauses, known, probes })
    }

    /// Permits that show what is known: the first applies when the scope of the policy holds, the others when it does and a piece
    /// is true.
    pub(super) fn probes(&self) -> &[Policy] {
        &self.probes
    }

    /// What is left, given for each known piece whether it is true; `None` for a piece that fails or is no truth value.
    pub(super) fn rest(&self, values: &[Option<bool>]) -> Rest {
        let mut left = Vec::new();
        for (keyword, piece) in &self.clauses {
            let condition = piece.fold(&self.known, values);
            match (keyword, constant(&condition)) {
                (Keyword::When, Some(true)) | (Keyword::Unless, Some(false)) => {}
                (Keyword::When, Some(false)) | (Keyword::Unless, Some(true)) if left.is_empty() => return Rest::Never,
                (Keyword::When, _) => left.push(Clause::When(condition)),
                (Keyword::Unless, _) => left.push(Clause::Unless(condition)),
            }
        }
        if left.is_empty() {
            return Rest::Always;
        }
        let mut needs = Needs::NOTHING;
        for Clause::When(condition) | Clause::Unless(condition) in &left {
            needs = needs.and(Needs::of(&Reads::in_condition(condition)));
        }
        Rest::Conditions(left, needs)
    }

    pub(super) const fn effect(&self) -> Effect {
        match self.effect {
            pst::Effect::Permit => Effect::Permit,
            pst::Effect::Forbid => Effect::Forbid,
        }
    }
}

/// A policy with these conditions; `None` when Cedar does not take it.
pub(super) fn assemble(template: Template, clauses: Vec<Clause>) -> Option<Policy> {
    let template = template.try_with_clauses(clauses).ok()?;
    Policy::from_pst(StaticPolicy::try_from(template).ok()?.into()).ok()
}

impl Piece {
    fn of(expr: &Arc<Expr>, depth: u32, known: &mut Vec<Arc<Expr>>) -> Self {
        if !reads_context(expr) {
            known.push(Arc::clone(expr));
            return Self::Known(known.len() - 1);
        }
        let Some(depth) = depth.checked_sub(1) else { return Self::Unknown(Arc::clone(expr)) };
        let mut of = |expr| Self::of(expr, depth, known);
        match &**expr {
            Expr::BinaryOp { op: BinaryOp::And, left, right } => Self::And(Box::new([of(left), of(right)])),
            Expr::BinaryOp { op: BinaryOp::Or, left, right } => Self::Or(Box::new([of(left), of(right)])),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => Self::Not(Box::new(of(expr))),
            Expr::IfThenElse { cond, then_expr, else_expr } => Self::If(Box::new([of(cond), of(then_expr), of(else_expr)])),
            _ => Self::Unknown(Arc::clone(expr)),
        }
    }

    /// An expression that comes to the same as the condition in every context, or fails where it does and in the same way.
    fn fold(&self, known: &[Arc<Expr>], values: &[Option<bool>]) -> Arc<Expr> {
        let fold = |piece: &Self| piece.fold(known, values);
        match self {
            Self::Known(number) => match (values.get(*number).copied().flatten(), known.get(*number)) {
                (Some(value), _) => literal(value),
                (None, Some(piece)) => Arc::clone(piece),
                // There is a piece for every number. If there were none, what is no boolean fails, and a failure denies.
                (None, None) => Arc::new(Expr::Literal(Literal::Long(0))),
            },
            Self::Unknown(expr) => Arc::clone(expr),
            Self::And(sides) => {
                let [left, right] = sides.each_ref().map(fold);
                and(left, right)
            }
            Self::Or(sides) => {
                let [left, right] = sides.each_ref().map(fold);
                or(left, right)
            }
            Self::Not(piece) => not(fold(piece)),
            Self::If(pieces) => {
                let [cond, then_expr, else_expr] = pieces.each_ref().map(fold);
                match constant(&cond) {
                    Some(true) => then_expr,
                    Some(false) => else_expr,
                    None => Arc::new(Expr::IfThenElse { cond, then_expr, else_expr }),
                }
            }
        }
    }
}

fn reads_context(expr: &Expr) -> bool {
    // What cannot stand in a policy counts as reading it, and so is left as it is.
    let unknown = |expr: &Expr| match expr {
        Expr::Var(Var::Context) | Expr::Unknown { .. } | Expr::Slot(_) => Some(true),
        _ => None,
    };
    expr.reduce(&unknown, &|a, b| a || b, false)
}

fn literal(value: bool) -> Arc<Expr> {
    Arc::new(Expr::Literal(Literal::Bool(value)))
}

fn constant(expr: &Expr) -> Option<bool> {
    if let Expr::Literal(Literal::Bool(value)) = expr { Some(*value) } else { None }
}

// A side that is known may go only where that changes neither the value nor a failure: Cedar looks at the right side when the left
// one leaves the matter open, and fails when it is no truth value. What the left side fails with is what the whole fails with.

fn and(left: Arc<Expr>, right: Arc<Expr>) -> Arc<Expr> {
    match (constant(&left), constant(&right)) {
        (Some(false), _) => left,
        (Some(true), _) if is_truth_value(&right) => right,
        (_, Some(true)) if is_truth_value(&left) => left,
        _ => Arc::new(Expr::BinaryOp { op: BinaryOp::And, left, right }),
    }
}

fn or(left: Arc<Expr>, right: Arc<Expr>) -> Arc<Expr> {
    match (constant(&left), constant(&right)) {
        (Some(true), _) => left,
        (Some(false), _) if is_truth_value(&right) => right,
        (_, Some(false)) if is_truth_value(&left) => left,
        _ => Arc::new(Expr::BinaryOp { op: BinaryOp::Or, left, right }),
    }
}

fn not(expr: Arc<Expr>) -> Arc<Expr> {
    match constant(&expr) {
        Some(value) => literal(!value),
        None => Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr }),
    }
}

/// Whether an expression comes to true or false if it comes to anything, by its form alone.
fn is_truth_value(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(Literal::Bool(_)) | Expr::HasAttr { .. } | Expr::Like { .. } | Expr::Is { .. } => true,
        Expr::UnaryOp { op, .. } => matches!(
            op,
            UnaryOp::Not | UnaryOp::IsEmpty | UnaryOp::IsIPv4 | UnaryOp::IsIPV6 | UnaryOp::IsLoopback | UnaryOp::IsMulticast
        ),
        Expr::BinaryOp { op, .. } => match op {
            BinaryOp::Eq | BinaryOp::NotEq | BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq => true,
            BinaryOp::And | BinaryOp::Or | BinaryOp::In | BinaryOp::HasTag | BinaryOp::IsInRange => true,
            BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny => true,
            BinaryOp::DecimalLessThan | BinaryOp::DecimalLessEq => true,
            BinaryOp::DecimalGreater | BinaryOp::DecimalGreaterEq => true,
            // Whatever else there is, now or later: perhaps not.
            _ => false,
        },
        Expr::IfThenElse { then_expr, else_expr, .. } => is_truth_value(then_expr) && is_truth_value(else_expr),
        _ => false,
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
