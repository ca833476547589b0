//! The conditions of a policy taken apart as its author wrote them.
//!
//! A policy matches when every part of its conditions is as it needs it: what stands between the `&&` of a `when` must be true,
//! what stands between the `||` of an `unless` must be false. The parts are cut out of the policy's text, not printed from Cedar's
//! syntax tree, because an author recognises their own words; whether a part is true is for Cedar to say.

use super::model::Clause;

/// The most parts that conditions are taken apart into; conditions with more stay whole.
const MAX_PARTS: usize = 64;

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// The author's words on one line, without comments.
    pub(super) text: String,
    /// The clause it stands in.
    pub(super) clause: Clause,
    /// What the policy needs it to be.
    pub(super) wanted: bool,
    /// The byte of the policy's text where it begins.
    pub(super) start: usize,
}

/// What a policy needs in order to match, in the order of evaluation.
pub(super) fn needs(policy: &str) -> Vec<Piece> {
    let tokens = lex(policy);
    let split = |deep: bool| {
        let mut pieces = Vec::new();
        for (clause, body) in clauses(policy, &tokens) {
            let wanted = clause == Clause::When;
            let cut = Cut { policy, clause };
            if deep { cut.conjuncts(body, wanted, &mut pieces) } else { pieces.extend(cut.piece(body, wanted)) }
        }
        pieces
    };
    let pieces = split(true);
    if pieces.len() > MAX_PARTS { split(false) } else { pieces }
}

/// The exceptions of a policy: each is a way for one of its `unless` to hold, given as the parts that must all be true.
pub(super) fn exceptions(policy: &str) -> Vec<Vec<Piece>> {
    let tokens = lex(policy);
    let mut found = Vec::new();
    for (_, body) in clauses(policy, &tokens).filter(|(clause, _)| *clause == Clause::Unless) {
        let cut = Cut { policy, clause: Clause::Unless };
        let mut ways = Vec::new();
        cut.disjuncts(body, &mut ways);
        for way in ways {
            let mut pieces = Vec::new();
            cut.conjuncts(way, true, &mut pieces);
            found.push(pieces);
        }
    }
    let parts: usize = found.iter().map(Vec::len).sum();
    if parts > MAX_PARTS { Vec::new() } else { found }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    And,
    Or,
    Not,
    Open,
    Close,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

impl Token {
    fn text(self, policy: &str) -> &str {
        policy.get(self.start..self.end).unwrap_or_default()
    }
}

/// The tokens of a policy that Cedar has parsed; white space and comments are between them.
fn lex(policy: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = policy.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = token(rest);
        tokens.extend(kind.map(|kind| Token { kind, start: at, end: at + length }));
        at += length;
    }
    tokens
}

/// The kind and length of what a text begins with; no kind for what does not count.
fn token(rest: &str) -> (Option<Kind>, usize) {
    let run = |accepts: fn(char) -> bool| rest.find(|letter| !accepts(letter)).unwrap_or(rest.len());
    let Some(first) = rest.chars().next() else { return (None, 1) };
    let two = |kind| (Some(kind), 2);
    match first {
        _ if first.is_whitespace() => (None, run(char::is_whitespace)),
        '/' if rest.starts_with("//") => (None, run(|letter| letter != '\n')),
        '"' => (Some(Kind::Other), string(rest)),
        '&' if rest.starts_with("&&") => two(Kind::And),
        '|' if rest.starts_with("||") => two(Kind::Or),
        '!' | '=' | '<' | '>' if rest.get(1..2) == Some("=") => two(Kind::Other),
        '!' => (Some(Kind::Not), 1),
        '(' | '[' | '{' => (Some(Kind::Open), 1),
        ')' | ']' | '}' => (Some(Kind::Close), 1),
        _ if is_word(first) => (Some(Kind::Word), run(is_word)),
        _ => (Some(Kind::Other), first.len_utf8()),
    }
}

fn is_word(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// The length of the string literal that a text begins with.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, letter)| {
        let closes = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        closes
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// The bodies of the clauses. Annotations and the scope have no braces outside of strings, so `when {` begins a clause.
fn clauses<'t>(policy: &'t str, tokens: &'t [Token]) -> impl Iterator<Item = (Clause, &'t [Token])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some((first, rest)) = tokens.get(at..).and_then(<[Token]>::split_first) {
            let clause = match first.text(policy) {
                "when" => Some(Clause::When),
                "unless" => Some(Clause::Unless),
                _ => None,
            };
            let group = rest.first().filter(|token| token.text(policy) == "{").map_or(0, |_| group_length(rest));
            match clause {
                Some(clause) if group > 1 => {
                    at += 1 + group;
                    return rest.get(1..group - 1).map(|body| (clause, body));
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// How many tokens the bracketed group takes that these begin with, its brackets included; 0 when it does not close.
fn group_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    0
}

/// Takes one clause of a policy apart.
#[derive(Clone, Copy)]
struct Cut<'p> {
    policy: &'p str,
    clause: Clause,
}

impl Cut<'_> {
    /// Adds what must hold for `tokens` to be `wanted`, each of them necessary and all of them enough.
    fn conjuncts(self, tokens: &[Token], wanted: bool, pieces: &mut Vec<Piece>) {
        let tokens = self.without_parentheses(tokens);
        if let Some(inner) = self.negated_group(tokens) {
            return self.conjuncts(inner, !wanted, pieces);
        }
        let operator = if wanted { Kind::And } else { Kind::Or };
        match self.split(tokens, operator) {
            Some(sides) => sides.into_iter().for_each(|side| self.conjuncts(side, wanted, pieces)),
            None => pieces.extend(self.piece(tokens, wanted)),
        }
    }

    /// Adds the ways in which `tokens` can be true.
    fn disjuncts<'t>(self, tokens: &'t [Token], ways: &mut Vec<&'t [Token]>) {
        let tokens = self.without_parentheses(tokens);
        match self.split(tokens, Kind::Or) {
            Some(sides) => sides.into_iter().for_each(|side| self.disjuncts(side, ways)),
            None => ways.push(tokens),
        }
    }

    /// The sides of an operator at the outermost level; `None` when it is not the outermost operator, so that cutting there would
    /// cut through something that belongs together. `||` binds weaker than `&&`, and `if` takes all that follows it.
    fn split<'t>(self, tokens: &'t [Token], operator: Kind) -> Option<Vec<&'t [Token]>> {
        let mut depth = 0_usize;
        let mut cuts = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                Kind::Word if token.text(self.policy) == "if" => return None,
                Kind::Or if operator == Kind::And => return None,
                kind if kind == operator => cuts.push(at),
                _ => {}
            }
        }
        if cuts.is_empty() {
            return None;
        }
        let begins = std::iter::once(0).chain(cuts.iter().map(|cut| cut + 1));
        let ends = cuts.iter().copied().chain(std::iter::once(tokens.len()));
        begins.zip(ends).map(|(begin, end)| tokens.get(begin..end).filter(|side| !side.is_empty())).collect()
    }

    /// The same without parentheses around the whole of it.
    fn without_parentheses<'t>(self, mut tokens: &'t [Token]) -> &'t [Token] {
        while let Some(inner) = self.parenthesised(tokens) {
            tokens = inner;
        }
        tokens
    }

    fn parenthesised<'t>(self, tokens: &'t [Token]) -> Option<&'t [Token]> {
        let opens = tokens.first().is_some_and(|token| token.text(self.policy) == "(");
        let inner = (opens && group_length(tokens) == tokens.len()).then(|| tokens.get(1..tokens.len() - 1))?;
        inner.filter(|inner| !inner.is_empty())
    }

    /// The inside of `!( … )`, when that is the whole.
    fn negated_group<'t>(self, tokens: &'t [Token]) -> Option<&'t [Token]> {
        let (first, rest) = tokens.split_first()?;
        if first.kind == Kind::Not { self.parenthesised(rest) } else { None }
    }

    /// The tokens as a piece, with single spaces where there was any white space or comment.
    fn piece(self, tokens: &[Token], wanted: bool) -> Option<Piece> {
        let first = tokens.first()?;
        let mut text = String::new();
        let mut end = first.start;
        for token in tokens {
            if token.start > end {
                text.push(' ');
            }
            text.push_str(token.text(self.policy));
            end = token.end;
        }
        Some(Piece { text, clause: self.clause, wanted, start: first.start })
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
