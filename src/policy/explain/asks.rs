//! What an expression asks about, and where the values stand that it reads.

use std::cell::RefCell;
use std::str::FromStr;

use cedar_policy::pst::{BinaryOp, Expr, Var};
use cedar_policy::{Entities, EntityUid, EvalResult, Expression, Request, eval_expression};

use super::model::{About, Read};

/// The most values that are shown of one part.
const MAX_READ: usize = 8;
/// The longest text of a value, in characters.
const MAX_VALUE: usize = 200;
/// The most ancestors that are named of an entity.
const MAX_ANCESTORS: usize = 8;
/// Words that cannot stand after a dot.
const RESERVED: [&str; 9] = ["true", "false", "if", "then", "else", "in", "is", "like", "has"];

/// What kind of thing an expression asks about: the most particular of all that it reads.
pub(super) fn about(expr: &Expr) -> About {
    let visit = |expr: &Expr| match expr {
        Expr::GetAttr { .. } => path(expr).map(|(var, attributes)| of_path(var, attributes.first().copied())),
        Expr::HasAttr { expr, attrs } => {
            path(expr).map(|(var, attributes)| of_path(var, attributes.first().copied().or_else(|| Some(attrs.first()))))
        }
        Expr::BinaryOp { op: BinaryOp::In, left, right } => match **left {
            Expr::Var(Var::Principal) => Some(About::Role.min(about(right))),
            Expr::Var(Var::Resource) => Some(About::Group.min(about(right))),
            _ => None,
        },
        Expr::Var(var) => Some(of_path(var, None)),
        _ => None,
    };
    expr.reduce(&visit, &Ord::min, About::Other)
}

fn of_path(var: &Var, attribute: Option<&str>) -> About {
    match (var, attribute) {
        (Var::Context, Some("approval")) => About::Approval,
        (Var::Context, Some("input")) => About::Argument,
        (Var::Context, Some("actor")) => About::Person,
        (Var::Context, Some("time")) => About::Time,
        (Var::Context, Some("source" | "session")) => About::Source,
        (Var::Context, Some("agent" | "token")) | (Var::Principal, _) => About::Principal,
        (Var::Context, Some("method")) | (Var::Action, _) => About::Action,
        (Var::Resource, _) => About::Resource,
        _ => About::Other,
    }
}

/// The values that an expression reads, each once, in the order they are written. An expression that asks nothing but whether
/// something is there reads no value.
pub(super) fn reads(expr: &Expr, request: &Request, entities: &Entities) -> Vec<Read> {
    let found: RefCell<Vec<Read>> = RefCell::new(Vec::new());
    let add = |text: String, ancestors: bool| {
        let mut found = found.borrow_mut();
        if found.len() < MAX_READ && found.iter().all(|read| read.expression != text) {
            let value = value(&text, request, entities, ancestors);
            found.push(Read { expression: text, value });
        }
    };
    let is_whole = |part: &Expr| std::ptr::eq(part, expr);
    let visit = |part: &Expr| {
        match part {
            // Whose ancestors count is told with them.
            Expr::BinaryOp { op: BinaryOp::In, left, right } => {
                add(path_text(left)?, true);
                add_paths(right, &add);
            }
            Expr::Is { expr, in_expr, .. } => add(path_text(expr)?, in_expr.is_some()),
            Expr::HasAttr { .. } if is_whole(part) => {}
            Expr::HasAttr { expr, attrs } => {
                let names: Vec<&str> = attrs.iter().map(|attr| attr.as_str()).collect();
                let names = if names.iter().all(|name| is_identifier(name)) { names.join(".") } else { quoted(attrs.first()) };
                add(format!("{} has {names}", path_text(expr)?), false);
            }
            Expr::GetAttr { .. } | Expr::Var(Var::Principal | Var::Resource | Var::Action) => add(path_text(part)?, false),
            _ => return None,
        }
        Some(())
    };
    expr.reduce(&visit, &|(), ()| (), ());
    found.into_inner()
}

/// Adds the values that the right side of an `in` reads; mostly it is an entity, and reads none.
fn add_paths(expr: &Expr, add: &dyn Fn(String, bool)) {
    let visit = |part: &Expr| path_text(part).map(|text| add(text, false));
    expr.reduce(&visit, &|(), ()| (), ());
}

/// The variable and the attributes that lead from it to an expression; `None` when it does not start at a variable.
fn path(expr: &Expr) -> Option<(&Var, Vec<&str>)> {
    match expr {
        Expr::Var(var) => Some((var, Vec::new())),
        Expr::GetAttr { expr, attr } => {
            let (var, mut attributes) = path(expr)?;
            attributes.push(attr);
            Some((var, attributes))
        }
        _ => None,
    }
}

/// A path as an author writes it: `context.input["foo-bar"]`.
fn path_text(expr: &Expr) -> Option<String> {
    let (var, attributes) = path(expr)?;
    let mut text = match var {
        Var::Principal => "principal",
        Var::Action => "action",
        Var::Resource => "resource",
        Var::Context => "context",
    }
    .to_owned();
    for attribute in attributes {
        if is_identifier(attribute) {
            text.push('.');
            text.push_str(attribute);
        } else {
            text.push_str(&format!("[{}]", quoted(attribute)));
        }
    }
    Some(text)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first == '_' || first.is_ascii_alphabetic())
        && letters.all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
        && !RESERVED.contains(&name)
}

/// What stands at a path, as Cedar writes it; `None` when nothing does.
fn value(text: &str, request: &Request, entities: &Entities, ancestors: bool) -> Option<String> {
    let expression = Expression::from_str(text).ok()?;
    let value = eval_expression(request, entities, &expression).ok()?;
    Some(match &value {
        EvalResult::EntityUid(uid) if ancestors => described(uid, entities),
        other => cut(&other.to_string()),
    })
}

/// An entity with what it is in.
pub(super) fn described(uid: &EntityUid, entities: &Entities) -> String {
    let ancestors = ancestors(uid, entities);
    if ancestors.is_empty() {
        return format!("{uid}, which is in nothing");
    }
    let more = ancestors.len().saturating_sub(MAX_ANCESTORS);
    let named: Vec<&str> = ancestors.iter().take(MAX_ANCESTORS).map(String::as_str).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{uid}, which is in {}{more}", named.join(", "))
}

/// What an entity is in, as Cedar writes it, sorted.
pub(super) fn ancestors(uid: &EntityUid, entities: &Entities) -> Vec<String> {
    let mut ancestors: Vec<String> = entities.ancestors(uid).into_iter().flatten().map(ToString::to_string).collect();
    ancestors.sort();
    ancestors
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
