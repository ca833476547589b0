//! What differs between the lock and what servers list, in words and as JSON.
//!
//! Every text here was written by a server, and the reader decides by it whether to trust the server: characters that a terminal would
//! not show are written out.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::line_diff::{Side, diff, lines};
use super::live::Live;
use crate::domain::{Annotations, ServerName, ToolDefinition};
use crate::policy::{Change, Difference, Lock, member_lines, visible};

/// The most lines that are shown of one member.
const MOST_LINES: usize = 400;

/// For people: each server with a count, below it each tool that differs. Writing into a string does not fail.
pub(super) fn words(lock: &Lock, live: &Live, changes: &[Change]) -> String {
    let mut out = String::new();
    for server in live.catalog.servers() {
        let tools = live.catalog.tools().filter(|(of, _)| *of == server).count();
        let of_server: Vec<&Change> = changes.iter().filter(|change| change.server == *server).collect();
        let _ = writeln!(out, "{server}: {}, {}", counted(tools, "tool"), summary(lock, server, &of_server));
        of_server.iter().for_each(|change| tool(&mut out, lock, live, change));
        for (_, name) in live.refused.iter().filter(|(of, _)| of == server) {
            let name = if name.is_empty() { "a tool without a name".to_owned() } else { format!("`{}`", visible(name)) };
            let _ = writeln!(out, "  ! {name}: its definition cannot be read beyond doubt, so nobody can call it");
        }
    }
    out
}

/// One JSON document, as documented in `docs/catalog.md`.
pub(super) fn json(lock: &Lock, live: &Live, changes: &[Change]) -> String {
    let of = |server: &ServerName| live.refused.iter().filter(|(of, _)| of == server).map(|(_, name)| name).collect::<Vec<_>>();
    let server = |server: &ServerName| {
        let tools = live.catalog.tools().filter(|(of, _)| *of == server).count();
        json!({ "name": server.as_str(), "locked": lock.has_server(server), "tools": tools, "unreadable": of(server) })
    };
    let change = |change: &Change| {
        let (word, members) = match &change.difference {
            Difference::New => ("new", Value::Null),
            Difference::Gone => ("gone", Value::Null),
            Difference::Changed { members } => ("changed", json!(members)),
        };
        json!({ "server": change.server.as_str(), "tool": &*change.tool, "difference": word, "members": members })
    };
    let document = json!({
        "drifted": !changes.is_empty(),
        "servers": live.catalog.servers().map(server).collect::<Vec<_>>(),
        "changes": changes.iter().map(change).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn summary(lock: &Lock, server: &ServerName, changes: &[&Change]) -> String {
    if !lock.has_server(server) {
        return "a server that is not in the lock".to_owned();
    }
    let count = |wanted: fn(&Difference) -> bool| changes.iter().filter(|change| wanted(&change.difference)).count();
    let counts = [
        (count(|difference| matches!(difference, Difference::New)), "new"),
        (count(|difference| matches!(difference, Difference::Gone)), "gone"),
        (count(|difference| matches!(difference, Difference::Changed { .. })), "changed"),
    ];
    let parts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() { "all as in the lock".to_owned() } else { parts.join(", ") }
}

fn tool(out: &mut String, lock: &Lock, live: &Live, change: &Change) {
    let Change { server, tool, difference } = change;
    let name = visible(tool);
    let (locked, listed) = (lock.tool(server, tool), live.catalog.tool(server, tool));
    let _ = match (difference, locked, listed) {
        (Difference::Changed { members }, Some(locked), Some(listed)) => {
            let _ = writeln!(out, "  ~ {name}: {} changed", list(members));
            members.iter().for_each(|member| self::member(out, member, locked, listed));
            Ok(())
        }
        (Difference::New | Difference::Changed { .. }, _, Some(listed)) => {
            let _ = writeln!(out, "  + {name}: new; {}", claims(listed.annotations));
            // A server that was never reviewed is reviewed in the file; a tool that turns up later is looked at here.
            let description = if lock.has_server(server) { member_lines([&listed.definition], "description") } else { [None] };
            description.iter().flatten().for_each(|text| block(out, lines(text).into_iter().map(|line| (Side::New, line))));
            Ok(())
        }
        (Difference::Gone | Difference::New | Difference::Changed { .. }, ..) => writeln!(out, "  - {name}: gone"),
    };
}

fn list(members: &[String]) -> String {
    let names: Vec<_> = members.iter().map(|member| visible(member)).collect();
    if names.is_empty() { "the definition".to_owned() } else { names.join(", ") }
}

/// What the server says of a tool's behaviour, which nobody has checked.
fn claims(annotations: Annotations) -> &'static str {
    match annotations {
        Annotations { read_only: true, destructive: false, .. } => "the server says it only reads",
        Annotations { destructive: false, .. } => "the server says it changes things, but destroys nothing",
        Annotations { .. } => "it may destroy, or the server does not say",
    }
}

fn member(out: &mut String, member: &str, locked: &ToolDefinition, listed: &ToolDefinition) {
    let [old, new] = member_lines([&locked.definition, &listed.definition], member);
    let _ = writeln!(out, "      {}", visible(member));
    match (old, new) {
        (Some(old), Some(new)) => block(out, near_changes(&diff(&old, &new))),
        (Some(old), None) => block(out, lines(&old).into_iter().map(|line| (Side::Old, line))),
        (None, Some(new)) => block(out, lines(&new).into_iter().map(|line| (Side::New, line))),
        (None, None) => {}
    }
}

/// The changed lines with one line around each; the others are one `…`.
fn near_changes<'a>(lines: &[(Side, &'a str)]) -> impl Iterator<Item = (Side, &'a str)> {
    let changed = |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|(side, _)| *side != Side::Both);
    let near = |at: usize| changed(Some(at)) || changed(at.checked_sub(1)) || changed(Some(at + 1));
    let mut kept: Vec<(Side, &str)> = Vec::new();
    let mut skipped = false;
    for (at, line) in lines.iter().enumerate() {
        match near(at) {
            true => {
                kept.push(*line);
                skipped = false;
            }
            false if !skipped => {
                kept.push((Side::Both, "…"));
                skipped = true;
            }
            false => {}
        }
    }
    kept.into_iter()
}

fn block<'a>(out: &mut String, lines: impl Iterator<Item = (Side, &'a str)>) {
    let mut left_out = 0;
    for (number, (side, line)) in lines.enumerate() {
        if number >= MOST_LINES {
            left_out += 1;
            continue;
        }
        let sign = match side {
            Side::Both => ' ',
            Side::Old => '-',
            Side::New => '+',
        };
        let _ = writeln!(out, "        {sign} {}", visible(line));
    }
    if left_out > 0 {
        let _ = writeln!(out, "        … and {left_out} more lines, which are not shown: look at them before you trust the tool");
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
