//! Table tests of policies: what stands in `*.test.toml`, with every problem reported at once.
//!
//! A file asks questions ("may this agent, for this person, at this time, call this tool with these arguments?") and says the answers
//! its author expects. This module reads the questions; `cli/policy/test` asks them. The format is told in `docs/policy-tests.md`.
//!
//! Read in this order: this file (what a case is), `level.rs` (the keys, and which of them replace each other), `document.rs` (defaults,
//! cases and tables become one level a case), `meaning.rs` (a level becomes a [`Case`]), `json.rs` (arguments), `token.rs` (what a token says).

mod document;
mod json;
mod level;
mod meaning;
mod token;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::report::{ConfigReport, Place, Problem, SourceFile};
use crate::domain::{Action, Arguments, Memberships, Principal, ServerName, Source, Target, Timestamp, Token};

/// How the name of a file with table tests ends.
pub const ENDING: &str = ".test.toml";
/// How deep directories may be nested, as for policies.
const MAX_DEPTH: u32 = 8;

/// One question and the answer that is expected.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called; the only case of its file with this name.
    pub name: String,
    /// Where its file says it.
    pub place: Place,
    /// The calling program.
    pub agent: TestPrincipal,
    /// The person it acts for; `None` when nobody stands behind it.
    pub actor: Option<TestPrincipal>,
    /// What a token says with which they come, if they come with one.
    pub token: Option<Token>,
    /// The server that is asked.
    pub server: ServerName,
    /// The time of the decision.
    pub at: Timestamp,
    /// The IANA time zone of `context.time`, when the file says one.
    pub timezone: Option<String>,
    /// Where the call comes from.
    pub source: Source,
    /// What is asked, and what should be answered.
    pub question: Question,
}

/// An agent or a person of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestPrincipal {
    /// The id policies know it by.
    pub id: String,
    /// The roles and teams the case gives it, on top of those that files and configuration say. They also declare it, even when there
    /// are none; `None` when the case gives no list of them.
    pub brings: Option<Memberships>,
}

/// What a case asks.
#[derive(Debug, Clone)]
pub enum Question {
    /// May this be done?
    Decide {
        /// What is to be done.
        action: Action,
        /// To what.
        target: Target,
        /// With which arguments.
        arguments: Arguments,
        /// What should be answered.
        expected: Expected,
    },
    /// Which tools of the server does the caller see?
    List {
        /// Exactly these, when given.
        visible: Option<Vec<String>>,
        /// None of these.
        hidden: Vec<String>,
    },
}

/// The decision a case expects. What is `None` may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `allow`, `deny` or `require_approval`.
    pub answer: String,
    /// Exactly the policies that determined the judgement that decided, sorted.
    pub grounds: Option<Vec<String>>,
    /// The cause of that judgement, as records name it.
    pub cause: Option<String>,
    /// Whom that judgement is about.
    pub decided_by: Option<Principal>,
}

/// Reads a file of cases.
///
/// # Errors
/// Everything that is wrong with the file, each with its place.
pub fn read(path: &Path) -> Result<Vec<Case>, ConfigReport> {
    let mut problems = Vec::new();
    let source = match fs::read_to_string(path) {
        Ok(text) => Some(SourceFile { path: path.to_owned(), text: Arc::from(text) }),
        Err(error) => {
            let message = format!("failed to read the tests `{}`: {error}", path.display());
            problems.push(Problem::new(&super::report::Origin::Default, message));
            None
        }
    };
    let text = source.as_ref().map_or("", |source| &source.text);
    let cases = document::read(text, &mut problems);
    match problems.is_empty() {
        true => Ok(cases),
        false => Err(ConfigReport::new(problems, source.as_ref()).about(super::report::Subject::Tests)),
    }
}

/// The files with cases in a directory and below it, sorted by path. Hidden files and directories are left out, as for policies.
///
/// # Errors
/// The first directory that cannot be read.
pub fn find(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(directory, MAX_DEPTH, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(directory: &Path, depth: u32, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if fs::metadata(&path)?.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else if name.ends_with(ENDING) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
