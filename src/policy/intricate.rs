//! Texts that would be too much for a parser: nested so deep, or chained so long, that looking at them could end the process or take
//! minutes. Texts of strangers are bounded tightly. Those of authors have all the room that anybody needs, but are bounded as well: bad
//! policies must not end what runs.
//!
//! This knows of Cedar only what strings, comments and the end of a policy look like.

use std::sync::Arc;

use super::code::Code;
use super::load::SourceFile;
use super::report::Problem;

/// How much is too much.
struct Bounds {
    /// How deep brackets may be nested.
    depth: usize,
    /// How many operators and conditions one policy may have.
    links: usize,
    /// How many members one policy may name.
    members: usize,
    /// How many policies there may be together: some remarks are about pairs of them.
    policies: usize,
    /// The sum of the squares of the operators of all policies: looking at one takes at least so long.
    work: usize,
}

const OF_STRANGERS: Bounds = Bounds { depth: 64, links: 400, members: 1_000, policies: 1_000, work: 200_000 };
const OF_AUTHORS: Bounds = Bounds { depth: 128, links: 1_000, members: 10_000, policies: usize::MAX, work: usize::MAX };

/// Words that go on with an expression, or begin another.
const WORDS: [&str; 9] = ["if", "then", "else", "in", "is", "has", "like", "when", "unless"];

/// What is too intricate in policy files (name and text) that are to be checked for somebody else; nothing when they may be.
#[must_use]
pub fn intricate(files: &[(String, String)]) -> Vec<Problem> {
    let (mut policies, mut work) = (0, 0);
    let mut found = Vec::new();
    for (name, text) in files {
        let file = SourceFile { name: name.as_str().into(), text: Arc::from(text.as_str()) };
        if let Err((offset, message)) = look(text, &OF_STRANGERS, &mut policies, &mut work) {
            let help = "check it with `cedarpost policy check`, or write it as several policies".to_owned();
            found.push(Problem::at(&file, offset, 1, message).with_code(Code::File).with_help(help));
        }
    }
    found
}

/// What is too intricate in an author's files of policies and schema: more than parsers and all that looks at policies can take.
pub(super) fn beyond(files: &[SourceFile]) -> impl Iterator<Item = Problem> {
    files.iter().filter_map(|file| {
        let (offset, message) = look(&file.text, &OF_AUTHORS, &mut 0, &mut 0).err()?;
        let help = "write it as several policies, or a long choice as a set: `resource in [ … ]`".to_owned();
        Some(Problem::at(file, offset, 1, message).with_code(Code::File).with_help(help))
    })
}

/// Where a text is too intricate, and how.
fn look(text: &str, bounds: &Bounds, policies: &mut usize, work: &mut usize) -> Result<(), (usize, String)> {
    let (mut depth, mut links, mut members) = (0_usize, 0, 0);
    let mut rest = text.char_indices().peekable();
    while let Some((at, letter)) = rest.next() {
        match letter {
            '"' => {
                while let Some((_, inside)) = rest.next() {
                    match inside {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if rest.peek().is_some_and(|(_, next)| *next == '/') => {
                while rest.next_if(|(_, inside)| *inside != '\n').is_some() {}
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ';' => {
                *policies += 1;
                *work = work.saturating_add((links / 2_usize).saturating_pow(2));
                (depth, links, members) = (0, 0, 0);
            }
            '.' => members += 1,
            '&' | '|' | '=' | '!' | '<' | '>' | '+' | '-' | '*' | '%' => links += 1,
            letter if letter.is_alphabetic() || letter == '_' => {
                let mut end = at + letter.len_utf8();
                while let Some((place, inside)) = rest.next_if(|(_, inside)| inside.is_alphanumeric() || *inside == '_') {
                    end = place + inside.len_utf8();
                }
                if text.get(at..end).is_some_and(|word| WORDS.contains(&word)) {
                    links += 1;
                }
            }
            _ => {}
        }
        let too_much = match () {
            () if depth > bounds.depth => format!("brackets are nested more than {} deep", bounds.depth),
            // `&&` and `==` are two letters each.
            () if links > 2 * bounds.links => {
                format!("there are more than {} operators and conditions in one policy", bounds.links)
            }
            () if members > bounds.members => format!("more than {} members are named in one policy", bounds.members),
            () if *work > bounds.work => "there are too many operators and conditions in these policies together".to_owned(),
            () if *policies > bounds.policies => format!("there are more than {} policies", bounds.policies),
            () => continue,
        };
        return Err((at, too_much));
    }
    Ok(())
}

#[cfg(test)]
#[path = "intricate_tests.rs"]
mod tests;
