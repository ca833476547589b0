//! How much is kept of arguments and results: the keys of `[audit]` that say so for all calls, and the `[[audit.tool]]` tables for some.

use super::keys::AUDIT_TOOL_KEYS;
use super::raw::{Given, Table};
use super::reader::{Reader, list, text};
use super::report::Problem;
use crate::audit::private::detail::{DetailSettings, Level, Rule, Scope};
use crate::audit::private::mask::MAX_STEPS;
use crate::domain::{JsonPointer, nearest};

/// The longest text that can be kept: a record and what is kept with it wait in memory for the disk.
const MOST_KEPT: u64 = 1 << 20;
/// The most pointers of one list: each is held against every part of a text that it may lead to.
const MOST_POINTERS: usize = 64;

/// Reads all of it. `servers` are the names of those that are configured; `None` when nobody knows.
pub(super) fn detail(reader: &mut Reader<'_>, tables: Vec<Table>, servers: Option<&[String]>) -> Option<DetailSettings> {
    let level = reader.read("audit.detail", level);
    let limit = reader.size("audit.keep_limit", 0..=MOST_KEPT);
    let mask = reader.read("audit.mask", pointers);
    let mut rules: Vec<Rule> = Vec::new();
    let mut complete = true;
    for (index, table) in tables.into_iter().enumerate() {
        let at = table.origin.clone();
        let Some(rule) = rule(&mut reader.scoped(AUDIT_TOOL_KEYS, format!("[[audit.tool]] {index}"), table)) else {
            complete = false;
            continue;
        };
        if rules.iter().any(|other| other.scope == rule.scope) {
            reader.problem(Problem::new(&at, "there are two [[audit.tool]] tables of this name"));
        }
        if let (Scope::Server(server) | Scope::Tool(server, _), Some(known)) = (&rule.scope, servers)
            && !known.iter().any(|name| name == server.as_str())
        {
            let problem = Problem::new(&at, format!("`audit.tool`: no server `{server}` is configured"));
            reader.problem(match nearest(server.as_str(), known.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
        rules.push(rule);
    }
    Some(DetailSettings { level: level?, limit: usize::try_from(limit?).ok()?, mask: mask?, rules }).filter(|_| complete)
}

fn rule(reader: &mut Reader<'_>) -> Option<Rule> {
    let scope = reader.optional("name", |given| {
        let name = text(given)?;
        Scope::parse(&name).ok_or_else(|| format!("`{name}` is none of \"server/tool\", \"server/*\" and \"*\""))
    });
    let level = reader.optional("detail", level);
    let mask = reader.optional("mask", pointers);
    let (scope, level, mask) = (scope?, level?, mask?);
    let at = reader.at.clone();
    let Some(scope) = scope else {
        reader.problem(Problem::new(&at, "`name` is not set").help("write `name = \"server/tool\"`, \"server/*\" or \"*\""));
        return None;
    };
    if level.is_none() && mask.is_none() {
        reader.problem(Problem::new(&at, "this [[audit.tool]] table says neither `detail` nor `mask`"));
    }
    Some(Rule { scope, level, mask: mask.unwrap_or_default() })
}

fn level(given: &Given) -> Result<Level, String> {
    let word = text(given)?;
    Level::parse(&word).ok_or_else(|| format!("`{word}` is not one of commitment, arguments, results"))
}

fn pointers(given: &Given) -> Result<Vec<JsonPointer>, String> {
    let texts = list(given)?;
    if texts.len() > MOST_POINTERS {
        return Err(format!("there are more than {MOST_POINTERS} pointers"));
    }
    let pointer = |text: &String| {
        let pointer: JsonPointer = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
        let fits = pointer.steps().count() <= MAX_STEPS;
        fits.then_some(pointer).ok_or_else(|| format!("`{text}` has more than {MAX_STEPS} steps"))
    };
    texts.iter().map(pointer).collect()
}

#[cfg(test)]
#[path = "detail_tests.rs"]
mod tests;
