//! A table for spreadsheets (RFC 4180): one row for each record, always the same columns.
//!
//! Names in records come from outside, and a spreadsheet takes a cell that begins with `=` for a formula. Such cells get an apostrophe
//! in front; so do cells that begin with one, and therefore taking one away gives back what was there. Control characters that are
//! no line break or tab become U+FFFD. Numbers are written by us, are never negative, and stay numbers.

use std::borrow::Cow;

use super::entry::Entry;
use super::leaf::{Judged, Leaf};

/// The columns in their order. New ones are added at the end.
pub const COLUMNS: [&str; 33] = [
    "seq",
    "time",
    "kind",
    "verdict",
    "id",
    "decision_seq",
    "agent",
    "actor",
    "unattended",
    "server",
    "action",
    "target_kind",
    "target",
    "via",
    "causes",
    "policies",
    "snapshot",
    "transport",
    "ip",
    "session",
    "request",
    "trace",
    "micros",
    "bytes",
    "detail",
    "origin",
    "leaf_hash",
    "way",
    "issuer",
    "token",
    "actor_token",
    "chain",
    "count",
];

/// Appends the names of the columns.
pub fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(COLUMNS.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the row of a record.
pub fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let nothing = Leaf::default();
    let cells = cells(entry, entry.leaf().unwrap_or(&nothing));
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_cell(cell, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// What stands in a cell.
enum Cell<'a> {
    Nothing,
    Number(u64),
    Word(&'static str),
    Text(Cow<'a, str>),
}

impl<'a> From<Option<Cow<'a, str>>> for Cell<'a> {
    fn from(text: Option<Cow<'a, str>>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

impl From<Option<u64>> for Cell<'_> {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }
}

fn cells<'a>(entry: &Entry<'a>, leaf: &'a Leaf) -> [Cell<'a>; COLUMNS.len()] {
    let target = leaf.target();
    let target_kind = target.as_ref().map_or(Cell::Nothing, |(kind, _)| Cell::Word(kind));
    [
        Cell::Number(entry.seq()),
        leaf.text("ts").into(),
        if entry.leaf().is_some() { Cell::Text(leaf.kind()) } else { Cell::Word("damaged") },
        leaf.verdict().into(),
        leaf.text("id").into(),
        leaf.number("decision_seq").into(),
        leaf.text("agent").into(),
        leaf.text("actor").into(),
        if leaf.flag("unattended") { Cell::Word("true") } else { Cell::Nothing },
        leaf.text("server").into(),
        leaf.text("action").into(),
        target_kind,
        target.map(|(_, name)| name).into(),
        leaf.text("via").into(),
        joined(&leaf.causes()),
        policies(leaf),
        leaf.text("policy").into(),
        leaf.source("transport").into(),
        leaf.source("ip").into(),
        leaf.text("session").into(),
        leaf.request().into(),
        leaf.text("trace").into(),
        leaf.number("us").into(),
        leaf.number("bytes").into(),
        detail(leaf),
        Cell::Text(entry.origin().into()),
        Cell::Text(entry.hash().to_string().into()),
        leaf.identity("way").into(),
        leaf.token("token", &["issuer"]).into(),
        leaf.token("token", &["jti", "sha256"]).into(),
        leaf.token("actor", &["jti", "sha256"]).into(),
        joined(&leaf.chain()),
        leaf.number("count").into(),
    ]
}

/// The ids of the policies that determined the decision, each once.
fn policies<'a>(leaf: &'a Leaf) -> Cell<'a> {
    let mut ids: Vec<Cow<'a, str>> = Vec::new();
    for (id, _, _) in leaf.judgements().flat_map(Judged::policies) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    joined(&ids)
}

/// Why a call failed, why requests were turned away, or what is wrong with policies.
fn detail(leaf: &Leaf) -> Cell<'_> {
    match leaf.text("failure").or_else(|| leaf.turned_away()) {
        Some(failure) => Cell::Text(failure),
        None => joined(&leaf.problems().map(Cow::Owned).collect::<Vec<_>>()),
    }
}

fn joined<'a>(texts: &[Cow<'a, str>]) -> Cell<'a> {
    if texts.is_empty() { Cell::Nothing } else { Cell::Text(Cow::Owned(texts.join(" "))) }
}

fn write_cell(cell: &Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Nothing => {}
        Cell::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Cell::Word(word) => out.extend_from_slice(word.as_bytes()),
        Cell::Text(text) => write_text(text, out),
    }
}

/// How formulas begin in spreadsheets, also in those that take full-width signs for plain ones.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether a spreadsheet could take a cell with this text for a formula. What some skip before they look is skipped here.
fn reads_as_formula(text: &str) -> bool {
    let skipped = |letter: char| letter.is_whitespace() || matches!(letter, '\u{feff}' | '\u{200b}'..='\u{200f}');
    text.starts_with(FORMULA) || text.trim_start_matches(skipped).starts_with(FORMULA)
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let marked = text.starts_with('\'') || reads_as_formula(text);
    let quoted = marked || text.contains([',', '"', '\r', '\n', '\t', ';']) || text.trim() != text;
    if quoted {
        out.push(b'"');
    }
    if marked {
        out.push(b'\'');
    }
    for letter in text.chars() {
        let mut utf8 = [0; 4];
        let shown = match letter {
            '"' => "\"\"",
            '\t' | '\r' | '\n' => letter.encode_utf8(&mut utf8),
            _ if letter.is_control() => "\u{fffd}",
            _ => letter.encode_utf8(&mut utf8),
        };
        out.extend_from_slice(shown.as_bytes());
    }
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
pub(super) mod tests;
