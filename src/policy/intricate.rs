//! Texts of strangers that would be too much for a parser: nested so deep, or chained so long, that looking at them could end the process
//! or take minutes. Files of the configuration are their operator's own, and are not looked at so.
//!
//! This knows of Cedar only what strings, comments and the end of a policy look like.

use std::sync::Arc;

use super::code::Code;
use super::load::SourceFile;
use super::report::Problem;

/// How deep brackets may be nested.
const DEEPEST: usize = 64;
/// How many operators and conditions one policy may have.
const LONGEST: usize = 400;
/// How many members one policy may name.
const MOST_MEMBERS: usize = 1_000;
/// How many policies there may be together: some remarks are about pairs of them.
const MOST_POLICIES: usize = 1_000;
/// The sum of the squares of the operators of all policies: looking at one takes at least so long.
const MOST_WORK: usize = 200_000;
/// Words that go on with an expression, or begin another.
const WORDS: [&str; 9] = ["if", "then", "else", "in", "is", "has", "like", "when", "unless"];

/// What is too intricate in policy files (name and text) that are to be checked for somebody else; nothing when they may be.
#[must_use]
pub fn intricate(files: &[(String, String)]) -> Vec<Problem> {
    let (mut policies, mut work) = (0, 0);
    let mut found = Vec::new();
    for (name, text) in files {
        let file = SourceFile { name: name.as_str().into(), text: Arc::from(text.as_str()) };
        if let Err((offset, message)) = look(text, &mut policies, &mut work) {
            let help = "check it with `cedarpost policy check`, or write it as several policies".to_owned();
            found.push(Problem::at(&file, offset, 1, message).with_code(Code::File).with_help(help));
        }
    }
    found
}

/// Where a text is too intricate, and how.
fn look(text: &str, policies: &mut usize, work: &mut usize) -> Result<(), (usize, String)> {
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
                *work += (links / 2_usize).pow(2);
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
            () if depth > DEEPEST => format!("brackets are nested more than {DEEPEST} deep"),
            // `&&` and `==` are two letters each.
            () if links > 2 * LONGEST => format!("there are more than {LONGEST} operators and conditions in one policy"),
            () if members > MOST_MEMBERS => format!("more than {MOST_MEMBERS} members are named in one policy"),
            () if *work > MOST_WORK => "there are too many operators and conditions in these policies together".to_owned(),
            () if *policies > MOST_POLICIES => format!("there are more than {MOST_POLICIES} policies"),
            () => continue,
        };
        return Err((at, too_much));
    }
    Ok(())
}

#[cfg(test)]
#[path = "intricate_tests.rs"]
mod tests;
