//! JSON as a tree that keeps what others throw away: the order of keys, and numbers as they were written.
//!
//! Two texts mean the same when their canonical forms are equal. The form is in the spirit of RFC 8785: no white space, keys sorted,
//! strings decoded and written in one way. Unlike there, a number stays what was written: `1.0` is not `1`, because whether they are
//! the same depends on who reads them.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde::de::IgnoredAny;

use crate::domain::visible::is_hidden;

/// The deepest nesting that is read, as deep as messages may be.
const MAX_DEPTH: u32 = 128;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json<'a> {
    /// `null`, `true`, `false` or a number, as it was written.
    Scalar(&'a str),
    /// A string, decoded.
    Text(String),
    List(Vec<Self>),
    /// The members in their order; no key stands twice.
    Object(Vec<(String, Self)>),
}

/// Why a text is not JSON that everybody reads alike, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) offset: usize,
    pub(super) reason: String,
}

impl<'a> Json<'a> {
    /// Reads one value. A key that stands twice, half a surrogate pair and too deep nesting are refused.
    pub(super) fn parse(text: &'a str) -> Result<Self, Misread> {
        // The grammar is left to `serde_json`: what follows only has to find its way in valid JSON.
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
            let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            Misread { offset: before + error.column().saturating_sub(1), reason: "is not JSON".to_owned() }
        })?;
        Parser { text, at: 0 }.value(MAX_DEPTH)
    }

    /// The form in which two texts are equal if and only if they mean the same.
    pub(super) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }

    /// The value over several lines, two spaces a level, `indent` levels in. What a reader would not see is escaped, so that a
    /// review sees it; the meaning is the same.
    pub(super) fn pretty(&self, indent: usize) -> String {
        let mut out = String::new();
        self.write_pretty(indent, &mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    out.push(if number == 0 { '[' } else { ',' });
                    item.write_canonical(out);
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                let mut members: Vec<&(String, Self)> = members.iter().collect();
                members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                for (number, (key, value)) in members.iter().enumerate() {
                    out.push(if number == 0 { '{' } else { ',' });
                    write_text(key, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }

    fn write_pretty(&self, indent: usize, out: &mut String) {
        match self {
            Self::Scalar(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Object(members) if members.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    out.push(if number == 0 { '[' } else { ',' });
                    new_line(indent + 1, out);
                    item.write_pretty(indent + 1, out);
                }
                new_line(indent, out);
                out.push(']');
            }
            Self::Object(members) => {
                for (number, (key, value)) in members.iter().enumerate() {
                    out.push(if number == 0 { '{' } else { ',' });
                    new_line(indent + 1, out);
                    write_text(key, out);
                    out.push_str(": ");
                    value.write_pretty(indent + 1, out);
                }
                new_line(indent, out);
                out.push('}');
            }
        }
    }
}

fn new_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", indent));
}

/// A JSON string. Quotes, backslashes and hidden characters are escaped, everything else stands for itself.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    // Writing into a string does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            seen => out.push(seen),
        }
    }
    out.push('"');
}

/// Walks over a text that is known to be JSON.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: u32) -> Result<Json<'a>, Misread> {
        let inner = depth.checked_sub(1).ok_or_else(|| self.misread(self.at, "is nested too deep"))?;
        match self.next_sign() {
            Some(b'{') => self.object(inner),
            Some(b'[') => self.list(inner),
            Some(b'"') => self.string().map(Json::Text),
            _ => {
                let start = self.at;
                let rest = self.text.get(start..).unwrap_or_default();
                self.at += rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
                Ok(Json::Scalar(self.text.get(start..self.at).unwrap_or_default()))
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>, Misread> {
        let (mut members, mut seen) = (Vec::new(), HashSet::new());
        self.at += 1;
        while self.next_item(b'}') {
            let start = self.at;
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                return Err(self.misread(start, format!("has the key `{key}` twice")));
            }
            // The colon; the grammar has been checked.
            let _ = self.next_sign();
            self.at += 1;
            members.push((key, self.value(depth)?));
        }
        Ok(Json::Object(members))
    }

    fn list(&mut self, depth: u32) -> Result<Json<'a>, Misread> {
        let mut items = Vec::new();
        self.at += 1;
        while self.next_item(b']') {
            items.push(self.value(depth)?);
        }
        Ok(Json::List(items))
    }

    /// Steps to the next item, or over the end.
    fn next_item(&mut self, end: u8) -> bool {
        match self.next_sign() {
            Some(b',') => {
                self.at += 1;
                self.next_sign().is_some()
            }
            Some(sign) if sign != end => true,
            _ => {
                self.at += 1;
                false
            }
        }
    }

    fn string(&mut self) -> Result<String, Misread> {
        let start = self.at;
        let mut escaped = false;
        let inside = self.text.bytes().skip(start + 1).take_while(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            !ends
        });
        self.at = start + 1 + inside.count() + 1;
        let raw = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(raw).map_err(|_| self.misread(start, "holds half of a surrogate pair, which is not text"))
    }

    fn next_sign(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.text.as_bytes().get(self.at).copied()
    }

    fn misread(&self, offset: usize, reason: impl Into<String>) -> Misread {
        Misread { offset, reason: reason.into() }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
pub(super) mod tests;
