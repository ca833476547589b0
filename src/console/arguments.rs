//! The arguments of a call as people read them: laid out letter for letter, member by member as the tool's schema names them, and what is
//! different from another call.
//!
//! Pure. Nothing is parsed into numbers or texts and written anew: what is shown are pieces of the canonical text that the ticket is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The most lines that are laid out; what comes after is said to be left out, and stands in the text itself.
const MOST_LINES: usize = 2_000;
/// The most differences that are told.
const MOST_CHANGES: usize = 500;

/// A JSON text laid out in lines, with nothing changed but the space between its tokens; and whether lines are missing.
pub(super) fn laid_out(text: &str) -> (Vec<String>, bool) {
    let (mut lines, mut line) = (Vec::new(), String::new());
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if lines.len() >= MOST_LINES {
            return (lines, true);
        }
        if in_string {
            line.push(letter);
            in_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => {
                in_string = true;
                line.push(letter);
            }
            '{' | '[' => {
                line.push(letter);
                if let Some(end @ ('}' | ']')) = letters.peek().copied() {
                    letters.next();
                    line.push(end);
                } else {
                    depth += 1;
                    next(&mut lines, &mut line, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                next(&mut lines, &mut line, depth);
                line.push(letter);
            }
            ',' => {
                line.push(letter);
                next(&mut lines, &mut line, depth);
            }
            ':' => line.push_str(": "),
            letter if letter.is_ascii_whitespace() => {}
            letter => line.push(letter),
        }
    }
    lines.push(line);
    (lines, false)
}

fn next(lines: &mut Vec<String>, line: &mut String, depth: usize) {
    lines.push(std::mem::replace(line, "  ".repeat(depth)));
}

/// The members of a JSON object, in the order of its text, each with its value as it is written.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some(member) = map.next_entry()? {
                    members.0.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// One argument, as the tool's schema names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: String,
    /// What the schema calls it.
    pub(super) title: Option<String>,
    /// What the schema says about it.
    pub(super) description: Option<String>,
    /// What is given, as it is written; `None` when nothing is.
    pub(super) given: Option<String>,
    /// Whether the schema knows it.
    pub(super) is_known: bool,
}

/// The arguments in the order of the tool's schema, and after them what the schema does not know. `None` when they are no object.
pub(super) fn by_schema(arguments: &str, schema: Option<&[u8]>) -> Option<Vec<Field>> {
    let mut given = serde_json::from_str::<Members>(arguments).ok()?.0;
    let properties = schema.and_then(|schema| {
        let Members(members) = serde_json::from_slice(schema).ok()?;
        let (_, properties) = members.into_iter().find(|(name, _)| name == "properties")?;
        serde_json::from_str::<Members>(properties.get()).ok()
    });
    let mut fields = Vec::new();
    for (name, says) in properties.unwrap_or_default().0 {
        let says: Value = serde_json::from_str(says.get()).unwrap_or_default();
        let text = |member: &str| says.get(member).and_then(Value::as_str).map(str::to_owned);
        let place = given.iter().position(|(given, _)| *given == name);
        let value = place.map(|place| given.remove(place).1.get().to_owned());
        fields.push(Field { title: text("title"), description: text("description"), given: value, is_known: true, name });
    }
    let unknown = |(name, value): (String, Box<RawValue>)| Field {
        name,
        title: None,
        description: None,
        given: Some(value.get().to_owned()),
        is_known: false,
    };
    fields.extend(given.into_iter().map(unknown));
    Some(fields)
}

/// What is different in one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Where: a JSON pointer.
    pub(super) place: String,
    /// What stood there.
    pub(super) before: Option<String>,
    /// What stands there.
    pub(super) now: Option<String>,
}

/// How arguments differ from those of another call, place by place; and whether there is more than is told.
pub(super) fn changes(before: &str, now: &str) -> (Vec<Change>, bool) {
    let (before, now) = (leaves(before), leaves(now));
    let places: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let changed = places.into_iter().filter(|place| before.get(*place) != now.get(*place));
    let change = |place: &String| Change {
        place: if place.is_empty() { "/".to_owned() } else { place.clone() },
        before: before.get(place).cloned(),
        now: now.get(place).cloned(),
    };
    let mut changes: Vec<Change> = changed.map(change).take(MOST_CHANGES + 1).collect();
    let more = changes.len() > MOST_CHANGES;
    changes.truncate(MOST_CHANGES);
    (changes, more)
}

/// The values of a JSON text that hold no others, as they are written, by where they stand.
fn leaves(text: &str) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    let mut open = vec![(String::new(), text.to_owned())];
    while let Some((place, text)) = open.pop() {
        let parts: Vec<(String, Box<RawValue>)> = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str::<Members>(&text).map(|members| members.0).unwrap_or_default(),
            Some(b'[') => {
                let items = serde_json::from_str::<Vec<Box<RawValue>>>(&text).unwrap_or_default();
                items.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
            }
            _ => Vec::new(),
        };
        if parts.is_empty() {
            leaves.insert(place, text);
            continue;
        }
        for (name, value) in parts {
            let name = name.replace('~', "~0").replace('/', "~1");
            open.push((format!("{place}/{name}"), value.get().to_owned()));
        }
    }
    leaves
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
