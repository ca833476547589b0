//! The resolved configuration as TOML, each value that is not a default with the place it came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::raw::Value;
use super::report::Origin;

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// `[listen]`, or `[[server]]` at the first key of each server.
    pub(super) heading: String,
    pub(super) name: &'static str,
    /// The value as TOML.
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// The lines as a TOML document; `path` names the file that origins speak of.
pub(super) fn document(lines: &[Shown]) -> String {
    // A section is there once, wherever its settings were read; whatever is read first comes first.
    let mut sections: Vec<(&str, Vec<&Shown>)> = Vec::new();
    for line in lines {
        match sections.iter_mut().find(|(heading, _)| *heading == line.heading) {
            Some((_, section)) => section.push(line),
            None => sections.push((&line.heading, vec![line])),
        }
    }
    let mut text = String::new();
    for (heading, section) in sections {
        let gap = if text.is_empty() { "" } else { "\n" };
        // The number after `[[server]]` only tells servers apart here.
        let _ = writeln!(text, "{gap}{}", heading.split(' ').next().unwrap_or(heading));
        for line in section {
            let origin = match &line.origin {
                Origin::Default => String::new(),
                said => format!("  # {said}"),
            };
            let _ = writeln!(text, "{} = {}{origin}", line.name, line.text);
        }
    }
    text
}

/// A value as TOML. The values of a single table are hidden: environments of servers carry their keys.
pub(super) fn toml_text(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let hidden = table.keys().map(|name| format!("{} = \"(hidden)\"", quoted(name)));
            format!("{{ {} }}", hidden.collect::<Vec<_>>().join(", "))
        }
        Value::Tables(tables) => {
            let pairs = |table: &BTreeMap<String, String>| {
                table.iter().map(|(name, text)| format!("{name} = {}", quoted(text))).collect::<Vec<_>>().join(", ")
            };
            let tables = tables.iter().map(|table| format!("{{ {} }}", pairs(table)));
            format!("[{}]", tables.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A URL without the values of its query, which are often keys.
pub(super) fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?(hidden)"),
        None => url.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
