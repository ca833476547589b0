//! Manifests as text: YAML with any number of documents, or JSON.
//!
//! Plain words are read as an API server's clients read them (YAML 1.1: `yes` is true, `0644` is 420), so a manifest means here what it
//! means there. What is written puts quotes around every text that any reader of YAML could take for something else.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle};

/// How deep collections may be nested.
const MAX_DEPTH: usize = 64;
/// The most values that a text may come to, copies of anchored parts included.
const MAX_VALUES: usize = 1_000_000;
/// The longest text that is read: 32 MiB.
pub const MAX_TEXT: usize = 32 << 20;

/// A document, and the line it begins in.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// Where it begins, from 1.
    pub line: usize,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct Unreadable {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Whether this is rather JSON than YAML.
#[must_use]
pub fn is_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '['])
}

/// The documents of a text; empty ones are left out.
///
/// # Errors
/// [`Unreadable`] when it is neither YAML nor JSON, or uses what is refused here.
pub fn read(text: &str) -> Result<Vec<Document>, Unreadable> {
    if text.len() > MAX_TEXT {
        return Err(Unreadable { line: 1, column: 1, reason: "the file is longer than 32 MiB".to_owned() });
    }
    if is_json(text)
        && let Some(documents) = json(text)
    {
        return Ok(documents);
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let marker = error.marker();
            Unreadable { line: marker.line(), column: marker.col() + 1, reason: error.info() }
        })?;
        let refuse = |reason: String| Unreadable { line: span.start.line(), column: span.start.col() + 1, reason };
        reader.event(&event, span.start.line()).map_err(refuse)?;
    }
    Ok(reader.documents)
}

/// JSON, one value after the other; `None` when it is something else, such as YAML that begins with a brace. A key that stands twice has
/// two meanings: the other reader says where it is.
fn json(text: &str) -> Option<Vec<Document>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    let read = |value: Result<Box<RawValue>, _>| {
        let value = crate::json::value(value.ok()?.get(), crate::json::MAX_DEPTH).ok()?;
        Some(Document { value, line: 1 })
    };
    values.map(read).collect()
}

/// A collection that is being read.
enum Open {
    List { list: Vec<Value>, anchor: usize },
    Map { map: Map<String, Value>, merged: Map<String, Value>, key: Option<Key>, anchor: usize },
}

enum Key {
    Text(String),
    /// `<<`: what stands behind it is laid under this map.
    Merge,
}

#[derive(Default)]
struct Reader {
    documents: Vec<Document>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    line: usize,
}

impl Reader {
    fn event(&mut self, event: &Event<'_>, line: usize) -> Result<(), String> {
        let tag = event.tag().map(|tag| (tag.is_yaml_core_schema(), tag.suffix().to_owned()));
        let text_tag = matches!(&tag, Some((true, suffix)) if suffix == "str");
        if tag.is_some() && !text_tag {
            return Err("tags (`!…`) are not understood here".to_owned());
        }
        match event {
            Event::DocumentStart(..) => {
                self.line = line;
                self.anchors.clear();
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = *style == ScalarStyle::Plain && !text_tag;
                if let Some(Open::Map { key: key @ None, .. }) = self.open.last_mut() {
                    *key = Some(if plain && text == "<<" { Key::Merge } else { Key::Text(key_text(text, plain)?) });
                    return Ok(());
                }
                let value = if plain { resolve(text)? } else { Value::String(text.to_string()) };
                self.value(value, 1, *anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.enter(Open::List { list: Vec::new(), anchor: *anchor }),
            Event::MappingStart(_, anchor, _) => {
                self.enter(Open::Map { map: Map::new(), merged: Map::new(), key: None, anchor: *anchor })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (value, anchor) = match self.open.pop() {
                    Some(Open::List { list, anchor }) => (Value::Array(list), anchor),
                    Some(Open::Map { mut map, merged, anchor, .. }) => {
                        for (key, value) in merged {
                            map.entry(key).or_insert(value);
                        }
                        (Value::Object(map), anchor)
                    }
                    None => return Ok(()),
                };
                self.value(value, 1, anchor)
            }
            Event::Alias(anchor) => {
                let marked = self.anchors.get(anchor).cloned();
                let (value, size) = marked.ok_or("the alias stands inside of what it refers to")?;
                self.value(value, size, 0)
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            _ => Err("this part of YAML is not understood here".to_owned()),
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), String> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err("a key must be text".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("nested too deeply".to_owned());
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn value(&mut self, value: Value, size: usize, anchor: usize) -> Result<(), String> {
        self.values += size;
        if self.values > MAX_VALUES {
            return Err("the aliases make the file too large".to_owned());
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), count(&value)));
        }
        match self.open.last_mut() {
            None if value.is_null() => {}
            None => self.documents.push(Document { value, line: self.line }),
            Some(Open::List { list, .. }) => list.push(value),
            Some(Open::Map { map, merged, key, .. }) => match key.take() {
                None => return Err("a key must be text".to_owned()),
                Some(Key::Merge) => merge(merged, value)?,
                Some(Key::Text(key)) if map.contains_key(&key) => return Err(format!("the key `{key}` stands there twice")),
                Some(Key::Text(key)) => drop(map.insert(key, value)),
            },
        }
        Ok(())
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Lays a map, or each of a list of maps, under what is there; the first counts.
fn merge(merged: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                merged.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(list) if list.iter().all(Value::is_object) => list.into_iter().try_for_each(|map| merge(merged, map)),
        _ => Err("`<<` needs a map, or a list of maps".to_owned()),
    }
}

fn key_text(text: &str, plain: bool) -> Result<String, String> {
    if !plain {
        return Ok(text.to_owned());
    }
    match resolve(text)? {
        Value::String(text) => Ok(text),
        Value::Null => Err("a key must be text".to_owned()),
        other => Ok(other.to_string()),
    }
}

/// What a plain word means in YAML 1.1, as `kubectl` reads it.
fn resolve(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Value::Bool(false),
        _ if !text.starts_with(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '+', '.']) => text.into(),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | ".nan" | ".NaN" | ".NAN" => {
            return Err(format!("`{text}` is no number in JSON"));
        }
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    })
}

fn number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let radix = |prefixes: [&str; 2], radix| {
        let digits = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
        whole(negative, digits, radix)
    };
    let octal = || (digits.len() > 1).then(|| radix(["0o", "0"], 8)).flatten();
    let decimal = || whole(negative, digits, 10).filter(|_| digits == "0" || !digits.starts_with('0'));
    radix(["0x", "0X"], 16).or_else(|| radix(["0b", "0B"], 2)).or_else(octal).or_else(decimal).or_else(|| float(&plain))
}

fn whole(negative: bool, digits: &str, radix: u32) -> Option<Number> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    if negative { 0_i64.checked_sub_unsigned(value).map(Number::from) } else { Some(Number::from(value)) }
}

fn float(text: &str) -> Option<Number> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) =
        body.split_once(['e', 'E']).map_or((body, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let number = text.parse::<f64>().ok().filter(|_| mantissa_fits && exponent_fits)?;
    Number::from_f64(number)
}

/// Documents as YAML.
#[must_use]
pub fn write(documents: &[Value]) -> String {
    let mut text = String::new();
    for (place, document) in documents.iter().enumerate() {
        if place > 0 {
            text.push_str("---\n");
        }
        block(&mut text, document, 0);
    }
    text
}

/// Writes a value at the beginning of a line.
fn block(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                pad(text, indent);
                member(text, key, value, indent);
            }
        }
        Value::Array(list) if !list.is_empty() => list.iter().for_each(|value| element(text, value, indent)),
        other => {
            pad(text, indent);
            scalar(text, other, indent);
            text.push('\n');
        }
    }
}

/// `key: value`, behind the indentation.
fn member(text: &mut String, key: &str, value: &Value, indent: usize) {
    string(text, key);
    text.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            block(text, value, indent + 2);
        }
        Value::Array(list) if !list.is_empty() => {
            text.push('\n');
            block(text, value, indent);
        }
        other => {
            text.push(' ');
            scalar(text, other, indent);
            text.push('\n');
        }
    }
}

/// `- value`
fn element(text: &mut String, value: &Value, indent: usize) {
    pad(text, indent);
    text.push('-');
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (place, (key, value)) in map.iter().enumerate() {
                if place == 0 {
                    text.push(' ')
                } else {
                    pad(text, indent + 2)
                }
                member(text, key, value, indent + 2);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            text.push('\n');
            block(text, value, indent + 2);
        }
        other => {
            text.push(' ');
            scalar(text, other, indent);
            text.push('\n');
        }
    }
}

fn pad(text: &mut String, indent: usize) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(value) if has_plain_lines(value) => lines(text, value, indent + 2),
        Value::String(value) => string(text, value),
        // Empty collections, numbers and words are the same in JSON.
        other => text.push_str(&other.to_string()),
    }
}

/// Whether a text has several lines that a literal block shows as they are.
fn has_plain_lines(value: &str) -> bool {
    let visible = |letter: char| letter == '\n' || (is_printable(letter) && letter != '\u{2028}' && letter != '\u{2029}');
    value.trim_end_matches('\n').contains('\n')
        && value.chars().all(visible)
        && !value.starts_with([' ', '\n'])
        && !value.lines().any(|line| line.ends_with(' ') || line.starts_with(['\t']))
}

fn lines(text: &mut String, value: &str, indent: usize) {
    let body = value.trim_end_matches('\n');
    text.push_str(match value.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            pad(text, indent);
            text.push_str(line);
        }
    }
}

/// A text on one line, in quotes unless nobody can take it for anything else.
fn string(text: &mut String, value: &str) {
    if is_plain(value) { text.push_str(value) } else { quoted(text, value) }
}

fn is_plain(value: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "._/-:@+=, ()$*%".contains(letter);
    value.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/')
        && value.chars().all(inner)
        && !value.ends_with([':', ' '])
        && !value.contains(": ")
        && !value.contains("  ")
        && value.len() <= 256
        && matches!(resolve(value), Ok(Value::String(_)))
}

fn quoted(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            letter if is_printable(letter) && letter != '\u{2028}' && letter != '\u{2029}' => text.push(letter),
            letter if u32::from(letter) <= 0xffff => {
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            letter => {
                let _ = write!(text, "\\U{:08x}", u32::from(letter));
            }
        }
    }
    text.push('"');
}

/// What YAML allows to stand as it is, without line breaks.
const fn is_printable(letter: char) -> bool {
    matches!(letter, '\t' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
