//! What policies read of the context.
//!
//! Only what some policy reads needs to be shown to Cedar: the rest of a call's arguments may be of any size and kind without
//! standing in anybody's way, and circumstances that nobody asks about need not be computed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cedar_policy::pst::{Clause, Expr, Var};

/// The parts of a value that are read: all of it, or only some of its attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    whole: bool,
    parts: BTreeMap<String, Reads>,
}

static WHOLE: Reads = Reads { whole: true, parts: BTreeMap::new() };

impl Reads {
    /// What a policy reads of `context`.
    #[cfg(test)]
    pub(super) fn of(policy: &cedar_policy::Policy) -> Result<Self, String> {
        let parsed = policy.to_pst().map_err(|error| error.to_string())?;
        Ok(Self::in_clauses(parsed.body().clauses()))
    }

    /// What the conditions of a policy read of `context`.
    pub(super) fn in_clauses(clauses: &[Clause]) -> Self {
        let mut reads = Self::default();
        for Clause::When(condition) | Clause::Unless(condition) in clauses {
            reads.merge(&Self::in_condition(condition));
        }
        reads
    }

    /// What an expression reads of `context`.
    pub(super) fn in_condition(expr: &Expr) -> Self {
        let reads = RefCell::new(Self::default());
        let visit = |expr: &Expr| {
            let (path, whole) = match expr {
                Expr::GetAttr { .. } | Expr::Var(Var::Context) => (path(expr)?, true),
                Expr::HasAttr { expr, attrs } => {
                    let mut path = path(expr)?;
                    path.extend(attrs.iter().map(|attr| attr.as_str()));
                    (path, false)
                }
                _ => return None,
            };
            reads.borrow_mut().add(&path, whole);
            Some(())
        };
        expr.reduce(&visit, &|(), ()| (), ());
        reads.into_inner()
    }

    /// Adds what another policy reads.
    pub(super) fn merge(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (name, part) in &other.parts {
            self.parts.entry(name.clone()).or_default().merge(part);
        }
    }

    /// What is read of an attribute; `None` when nothing of it is.
    pub(super) fn part(&self, name: &str) -> Option<&Self> {
        if self.whole { Some(&WHOLE) } else { self.parts.get(name) }
    }

    /// The attributes of which something is read, and what. None where all of it is.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.parts.iter().map(|(name, part)| (name.as_str(), part))
    }

    /// Whether all of it is read. What is only asked for its presence is not.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    fn add(&mut self, path: &[&str], whole: bool) {
        match path.split_first() {
            None => self.whole |= whole,
            Some((first, rest)) => self.parts.entry((*first).to_owned()).or_default().add(rest, whole),
        }
    }
}

/// The attributes that lead from `context` to an expression; `None` when it does not start there.
fn path(expr: &Expr) -> Option<Vec<&str>> {
    match expr {
        Expr::Var(Var::Context) => Some(Vec::new()),
        Expr::GetAttr { expr, attr } => {
            let mut path = path(expr)?;
            path.push(attr);
            Some(path)
        }
        _ => None,
    }
}
