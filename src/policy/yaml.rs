//! YAML text to JSON text, with the way back to the places of the author's text.
//!
//! What YAML guesses is not guessed here. A plain scalar is `true`, `false`, `null` (or `~`, or nothing) or a number as JSON writes
//! it; anything else is text, `no`, `1e3` and dates among it, and the type in the schema says whether text is right. Tags, keys that
//! are not text and further documents are refused. An alias stands for a copy of what its anchor marks, and copies are bounded.

use std::collections::HashMap;
use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span};

/// How deep collections may be nested.
const MAX_DEPTH: usize = 32;
/// The most bytes of JSON that a file may come to, copies of anchored parts included: 8 MiB.
const MAX_JSON: usize = 8 << 20;

/// The JSON of a YAML text.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) text: String,
    /// Where each value and key begins, in the JSON and in the YAML text, in their order.
    places: Vec<(usize, usize)>,
}

/// Why a text is refused, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) offset: usize,
    pub(super) reason: String,
}

impl Json {
    /// The place in the YAML text of a place in the JSON text.
    pub(super) fn back(&self, offset: usize) -> usize {
        let before = self.places.partition_point(|(json, _)| *json <= offset);
        before.checked_sub(1).and_then(|last| self.places.get(last)).map_or(0, |(_, yaml)| *yaml)
    }
}

/// Translates a text.
///
/// # Errors
///
/// [`Refused`] when it is not YAML, or uses what is refused here.
pub(super) fn to_json(text: &str) -> Result<Json, Refused> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut writer = Writer::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| not_yaml(text, &error))?;
        let offset = span.start.byte_offset().unwrap_or(text.len());
        writer.event(&event, &span, offset).map_err(|reason| Refused { offset, reason: reason.to_owned() })?;
    }
    Ok(Json { text: writer.json, places: writer.places })
}

fn not_yaml(text: &str, error: &ScanError) -> Refused {
    let marker = error.marker();
    let offset = text.char_indices().nth(marker.index()).map_or(text.len(), |(offset, _)| offset);
    Refused { offset, reason: error.info() }
}

/// A collection that is being written.
struct Open {
    kind: Kind,
    members: usize,
    anchor: usize,
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    /// Its next member is a key.
    Key,
    /// Its next member is the value of a key.
    Value,
}

#[derive(Default)]
struct Writer {
    json: String,
    places: Vec<(usize, usize)>,
    open: Vec<Open>,
    /// What anchors mark, once it is complete.
    anchors: HashMap<usize, Range<usize>>,
    documents: usize,
}

impl Writer {
    fn event(&mut self, event: &Event<'_>, span: &Span, offset: usize) -> Result<(), &'static str> {
        if event.tag().is_some() || span.tag_span().is_some() {
            return Err("tags (`!…`) say what the schema says: leave them out");
        }
        match event {
            Event::DocumentStart(..) => self.document()?,
            Event::Scalar(value, style, anchor, _) => {
                let start = self.begin(offset, true)?;
                let plain = *style == ScalarStyle::Plain && !self.is_key();
                self.json.push_str(&scalar(value, plain).ok_or("text that cannot be written as JSON")?);
                self.end(*anchor, start);
            }
            Event::SequenceStart(_, anchor, _) => self.enter(offset, *anchor, Kind::List)?,
            Event::MappingStart(_, anchor, _) => self.enter(offset, *anchor, Kind::Key)?,
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Alias(anchor) => {
                let start = self.begin(offset, false)?;
                let marked = self.anchors.get(anchor).cloned().ok_or("the alias stands inside of what it refers to")?;
                let copy = self.json.get(marked).unwrap_or_default().to_owned();
                self.json.push_str(&copy);
                self.end(0, start);
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            _ => return Err("this part of YAML is not understood here"),
        }
        if self.json.len() > MAX_JSON { Err("the aliases make the file larger than 8 MiB") } else { Ok(()) }
    }

    fn document(&mut self) -> Result<(), &'static str> {
        self.documents += 1;
        if self.documents > 1 { Err("a file holds one document: remove the `---`") } else { Ok(()) }
    }

    fn is_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.kind == Kind::Key)
    }

    /// Begins a value or a key and says where.
    fn begin(&mut self, offset: usize, may_be_key: bool) -> Result<usize, &'static str> {
        if self.is_key() && !may_be_key {
            return Err("a key must be text");
        }
        if let Some(open) = self.open.last_mut()
            && open.kind != Kind::Value
        {
            if open.members > 0 {
                self.json.push(',');
            }
            open.members += 1;
        }
        self.places.push((self.json.len(), offset));
        Ok(self.json.len())
    }

    /// Ends a value or a key, and so decides what comes next.
    fn end(&mut self, anchor: usize, start: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, start..self.json.len());
        }
        let Some(open) = self.open.last_mut() else { return };
        open.kind = match open.kind {
            Kind::List => Kind::List,
            Kind::Value => Kind::Key,
            Kind::Key => {
                self.json.push(':');
                Kind::Value
            }
        };
    }

    fn enter(&mut self, offset: usize, anchor: usize, kind: Kind) -> Result<(), &'static str> {
        let start = self.begin(offset, false)?;
        if self.open.len() >= MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.json.push(if kind == Kind::List { '[' } else { '{' });
        self.open.push(Open { kind, members: 0, anchor, start });
        Ok(())
    }

    fn leave(&mut self) {
        let Some(Open { kind, anchor, start, .. }) = self.open.pop() else { return };
        self.json.push(if kind == Kind::List { ']' } else { '}' });
        self.end(anchor, start);
    }
}

/// A scalar as JSON. Only one that stands without quotes can be anything but text.
fn scalar(value: &str, plain: bool) -> Option<String> {
    match value {
        "true" | "false" if plain => Some(value.to_owned()),
        "null" | "~" | "" if plain => Some("null".to_owned()),
        _ if plain && is_number(value) => Some(value.to_owned()),
        _ => serde_json::to_string(value).ok(),
    }
}

/// Whether this is a number as JSON writes it, without an exponent.
fn is_number(value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = value.split_once('.').map_or((value, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits)
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
