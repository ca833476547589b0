//! Where the parts of a policy stand in its text. What they mean is Cedar's business: its syntax trees have no places, and its places
//! are of expressions that it complains about itself.

use std::ops::Range;

/// A condition of a policy: the expression between the braces of a `when` or an `unless`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Where the keyword begins.
    pub(super) keyword: usize,
    /// Where the expressions stand that all have to hold, in their order: `a && (b && c)` are three.
    pub(super) conjuncts: Vec<Range<usize>>,
}

/// The conditions of one policy, in their order.
pub(super) fn conditions(text: &str) -> Vec<Condition> {
    let tokens: Vec<Token<'_>> = Tokens { text, at: 0 }.collect();
    let mut conditions = Vec::new();
    let mut depth = 0_u32;
    let mut keyword = None;
    for (number, token) in tokens.iter().enumerate() {
        match token.text {
            "{" if depth == 0 => {
                let inner = tokens.get(number + 1..).unwrap_or_default();
                let end = closing(inner).unwrap_or(inner.len());
                if let (Some(keyword), Some(inner)) = (keyword, inner.get(..end)) {
                    conditions.push(Condition { keyword, conjuncts: conjuncts(inner) });
                }
                depth += 1;
            }
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        keyword = (depth == 0 && matches!(token.text, "when" | "unless")).then_some(token.at);
    }
    conditions
}

/// Where the scope of a template has slots, and which.
pub(super) fn slots(text: &str) -> Vec<(Range<usize>, &str)> {
    let tokens: Vec<Token<'_>> = Tokens { text, at: 0 }.collect();
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    pairs
        .filter(|(mark, name)| mark.text == "?" && mark.end() == name.at)
        .map(|(mark, name)| (mark.at..name.end(), name.text))
        .collect()
}

/// What the comments of a text say, in their order.
pub(super) fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut end = 0;
    // Between two tokens there is white space, and there are comments.
    let tokens = Tokens { text, at: 0 }.map(|token| (token.at, token.end())).chain([(text.len(), text.len())]);
    for (start, next) in tokens {
        let between = text.get(end..start).unwrap_or_default().lines();
        found.extend(between.filter_map(|line| line.trim().strip_prefix("//")).map(str::trim));
        end = next;
    }
    found
}

/// The expressions that `&&` joins on the outermost level, without parentheses around them.
fn conjuncts(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return Vec::new() };
    if first.text == "(" && closing(tokens.get(1..).unwrap_or_default()) == Some(tokens.len().saturating_sub(2)) {
        return conjuncts(tokens.get(1..tokens.len() - 1).unwrap_or_default());
    }
    let mut depth = 0_u32;
    let mut outer = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "&&" if depth == 0 => outer.push(number),
            // What binds weaker than `&&` makes the whole one expression.
            "||" | "if" if depth == 0 => return vec![first.at..last.end()],
            _ => {}
        }
    }
    if outer.is_empty() {
        return vec![first.at..last.end()];
    }
    let starts = std::iter::once(0).chain(outer.iter().map(|number| number + 1));
    let ends = outer.iter().copied().chain([tokens.len()]);
    starts.zip(ends).flat_map(|(start, end)| conjuncts(tokens.get(start..end).unwrap_or_default())).collect()
}

/// The number of the token that closes a bracket which is open before the first one.
fn closing(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 1_u32;
    tokens.iter().position(|token| {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// A word, a string with its quotes, `&&`, `||`, or any other single character that is not white space.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    at: usize,
    text: &'a str,
}

impl Token<'_> {
    const fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let letter = rest.chars().next()?;
            let length = match letter {
                _ if letter.is_whitespace() => {
                    self.at += letter.len_utf8();
                    continue;
                }
                '/' if rest.starts_with("//") => {
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                '"' => string(rest),
                '&' | '|' if rest.chars().nth(1) == Some(letter) => 2,
                _ if is_word(letter) => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
                _ => letter.len_utf8(),
            };
            let token = Token { at: self.at, text: rest.get(..length)? };
            self.at += length;
            return Some(token);
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The length of the string literal at the beginning of a text.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, letter)| {
        let closes = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
