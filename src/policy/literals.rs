//! The entities that policies name where evaluation looks them up: `Mcp::User::"ann".clearance`, `Mcp::Role::"a" in Mcp::Role::"b"`.
//!
//! Most names in policies are only compared with (`principal == …`, `resource in …`), and what is compared with need not exist.

use std::collections::HashSet;

use cedar_policy::pst::{BinaryOp, EntityUID, Expr, Literal};
use cedar_policy::{EntityId, EntityUid};

use super::syntax::Syntax;

/// The entities that evaluating these policies may look up by their names.
///
/// # Errors
///
/// A sentence when a name in a policy is none, which would be a defect of Cedar.
pub(super) fn looked_up(syntax: &Syntax) -> Result<HashSet<EntityUid>, String> {
    let mut found = HashSet::new();
    syntax.conditions().for_each(|condition| collect(condition, Use::Compared, &mut found));
    found.iter().map(uid).collect()
}

/// What becomes of the value of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is compared, or is no entity at all.
    Compared,
    /// It is looked up, or an attribute of it may be.
    LookedUp,
}

fn collect(expr: &Expr, of: Use, found: &mut HashSet<EntityUID>) {
    match expr {
        Expr::Literal(Literal::EntityUID(uid)) if of == Use::LookedUp => drop(found.insert(uid.clone())),
        Expr::Literal(_) | Expr::Var(_) | Expr::Slot(_) | Expr::Unknown { .. } => {}
        Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. } => collect(expr, Use::LookedUp, found),
        Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => collect(expr, Use::Compared, found),
        Expr::BinaryOp { op, left, right } => {
            collect(left, of_left(*op), found);
            collect(right, Use::Compared, found);
        }
        Expr::Is { expr, in_expr, .. } => {
            collect(expr, if in_expr.is_some() { Use::LookedUp } else { Use::Compared }, found);
            in_expr.iter().for_each(|group| collect(group, Use::Compared, found));
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            collect(cond, Use::Compared, found);
            collect(then_expr, of, found);
            collect(else_expr, of, found);
        }
        // There is no way to get an element out of a set.
        Expr::Set(elements) => elements.iter().for_each(|element| collect(element, Use::Compared, found)),
        Expr::Record(fields) => fields.values().for_each(|field| collect(field, of, found)),
        _ => found.extend(all(expr)),
    }
}

fn all(expr: &Expr) -> Vec<EntityUID> {
    let literal = |expr: &Expr| match expr {
        Expr::Literal(Literal::EntityUID(uid)) => Some(vec![uid.clone()]),
        _ => None,
    };
    expr.reduce(&literal, &|one, other| [one, other].concat(), Vec::new())
}

const fn of_left(op: BinaryOp) -> Use {
    match op {
        BinaryOp::In | BinaryOp::GetTag | BinaryOp::HasTag => Use::LookedUp,
        _ => Use::Compared,
    }
}

fn uid(named: &EntityUID) -> Result<EntityUid, String> {
    let ty = named.ty.to_string().parse().map_err(|error| format!("{error}"))?;
    Ok(EntityUid::from_type_name_and_id(ty, EntityId::new(&named.eid)))
}

#[cfg(test)]
#[path = "literals_tests.rs"]
mod tests;
