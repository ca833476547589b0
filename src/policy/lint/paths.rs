//! Patterns for paths and URIs that `..` gets around.
//!
//! `like` compares text and does not know what a path is: `/srv/../etc/passwd` is like `"/srv/*"`. Whoever writes such a pattern
//! should also say what becomes of `..`.

use cedar_policy::pst::{Expr, PatternElem};

use super::super::code::Code;
use super::super::report::Problem;
use super::Subject;

pub(super) fn lint(subjects: &[Subject<'_>]) -> Vec<Problem> {
    subjects.iter().flat_map(of).collect()
}

fn of(subject: &Subject<'_>) -> Vec<Problem> {
    let patterns: Vec<(&Expr, &[PatternElem])> = subject.conditions().flat_map(patterns).collect();
    let guarded = |of: &Expr| patterns.iter().any(|(expr, pattern)| *expr == of && looks_for_dots(pattern));
    let open = patterns.iter().filter(|(expr, pattern)| is_path(pattern) && !guarded(expr));
    let remark = |(_, pattern): &(&Expr, &[PatternElem])| {
        let written = written(pattern);
        let help = "a pattern compares text and knows no directories: add `&& !(… like \"*..*\")`, or say the same in a forbid's `when` with `||`";
        let message = format!("the pattern {written} also fits paths that lead elsewhere by `..`");
        subject.at_word(&written, message).with_code(Code::PathPattern).with_help(help.to_owned())
    };
    open.map(remark).collect()
}

fn patterns(condition: &Expr) -> Vec<(&Expr, &[PatternElem])> {
    let mut found = Vec::new();
    let mut open = vec![condition];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Like { expr, pattern } => found.push((&**expr, &**pattern)),
            Expr::UnaryOp { expr, .. } | Expr::Is { expr, .. } => open.push(expr),
            Expr::BinaryOp { left, right, .. } => open.extend([&**right, &**left]),
            Expr::IfThenElse { cond, then_expr, else_expr } => open.extend([&**else_expr, &**then_expr, &**cond]),
            _ => {}
        }
    }
    found
}

/// Whether a pattern is for everything below a place: it names the root of a path or a URI, and ends in `*`.
fn is_path(pattern: &[PatternElem]) -> bool {
    let literal: String =
        pattern.iter().map_while(|part| if let PatternElem::Char(letter) = part { Some(*letter) } else { None }).collect();
    let rooted = literal.starts_with('/') || literal.starts_with("~/") || literal.starts_with("./") || literal.contains("://");
    rooted && pattern.len() > literal.chars().count()
}

fn looks_for_dots(pattern: &[PatternElem]) -> bool {
    pattern.windows(2).any(|pair| pair == [PatternElem::Char('.'), PatternElem::Char('.')])
}

/// The pattern as it stands in the text, if nothing in it was escaped.
fn written(pattern: &[PatternElem]) -> String {
    let part = |part: &PatternElem| match part {
        PatternElem::Char('*') => "\\*".to_owned(),
        PatternElem::Char(letter) => letter.to_string(),
        PatternElem::Wildcard => "*".to_owned(),
    };
    format!("\"{}\"", pattern.iter().map(part).collect::<String>())
}
