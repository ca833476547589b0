//! What the settings file says: TOML text to keys and values with their places, all problems collected, nothing judged yet.
//!
//! This reads TOML's own tree instead of deserializing into structs, because a deserializer stops at the first unknown key.
//! `resolve.rs` gives the values their meaning.

use std::collections::BTreeMap;

use toml::de::{DeArray, DeTable, DeValue};

use super::keys::{self, KEYS, Key, Kind, LISTS, SERVER_KEYS};
use super::report::{Origin, Place, Problem};
use crate::domain::nearest;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Integer(i64),
    List(Vec<String>),
    Table(BTreeMap<String, String>),
    Tables(Vec<BTreeMap<String, String>>),
}

impl Value {
    /// Reads the form that the environment, flags and defaults use.
    pub(super) fn from_text(kind: Kind, text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not {}", kind.words());
        match kind {
            Kind::Text => Ok(Self::Text(text.to_owned())),
            Kind::Bool => text.parse().map(Self::Bool).map_err(|_| wrong()),
            Kind::Integer => text.parse().map(Self::Integer).map_err(|_| wrong()),
            Kind::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Self::List(items.map(str::to_owned).collect()))
            }
            Kind::Table | Kind::Tables => Err("this setting can only be given in the file".to_owned()),
        }
    }
}

/// A value, and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// The values given for one table of keys.
pub(super) type Section = BTreeMap<&'static str, Given>;

/// One table of a list (`[[server]]`, `[[audit.tool]]`) and where it begins.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) origin: Origin,
    pub(super) given: Section,
}

/// Everything a settings file says.
#[derive(Debug, Default)]
pub(super) struct RawConfig {
    pub(super) settings: Section,
    pub(super) servers: Vec<Table>,
    /// The lists of tables that stand inside sections, by their names.
    lists: BTreeMap<&'static str, Vec<Table>>,
}

impl RawConfig {
    /// Takes the tables of one of [`LISTS`].
    pub(super) fn take(&mut self, list: &str) -> Vec<Table> {
        self.lists.remove(list).unwrap_or_default()
    }
}

/// Reads the text of a settings file; what cannot be read is left out and named in `problems`.
pub(super) fn read(text: &str, problems: &mut Vec<Problem>) -> RawConfig {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems, raw: RawConfig::default() };
    for error in errors {
        let origin = Origin::File(Place::of(text, error.span().unwrap_or(0..0)));
        reader.problems.push(Problem::new(&origin, error.message().to_owned()));
    }
    reader.top(document.get_ref());
    reader.raw
}

struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Vec<Problem>,
    raw: RawConfig,
}

impl Reader<'_> {
    fn top(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let word = name.get_ref().as_ref();
            let origin = self.origin(name.span());
            match value.get_ref() {
                DeValue::Array(tables) if word == "server" => {
                    let tables = self.tables("server", SERVER_KEYS, tables);
                    self.raw.servers.extend(tables);
                }
                DeValue::Table(table) if word != "server" && is_section(word) => self.section(word, table),
                _ if word == "server" => self.not_tables(&origin, "server"),
                _ if is_section(word) => self.problems.push(Problem::new(&origin, format!("`{word}` is not a table"))),
                _ => self.unknown(&origin, word, sections().chain(["server"])),
            }
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = format!("{section}.{}", name.get_ref());
            let origin = self.origin(name.span());
            if let Some((list, keys)) = LISTS.iter().find(|(list, _)| *list == path) {
                match value.get_ref() {
                    DeValue::Array(tables) => {
                        let tables = self.tables(list, keys, tables);
                        self.raw.lists.insert(list, tables);
                    }
                    _ => self.not_tables(&origin, list),
                }
                continue;
            }
            match keys::find(KEYS, &path) {
                None => self.unknown(&origin, &path, KEYS.iter().map(|key| key.path).chain(LISTS.iter().map(|(list, _)| *list))),
                Some(key) => {
                    if let Some(given) = self.given(key, &origin, value.get_ref()) {
                        self.raw.settings.insert(key.path, given);
                    }
                }
            }
        }
    }

    /// The tables of a list, as far as they are tables.
    fn tables(&mut self, name: &str, keys: &'static [Key], tables: &DeArray<'_>) -> Vec<Table> {
        let mut read = Vec::new();
        for table in tables {
            let origin = self.origin(table.span());
            match table.get_ref() {
                DeValue::Table(table) => read.push(self.table(keys, origin, table)),
                _ => self.not_tables(&origin, name),
            }
        }
        read
    }

    fn table(&mut self, keys: &'static [Key], origin: Origin, table: &DeTable<'_>) -> Table {
        let mut given = Section::new();
        for (name, value) in table {
            let origin = self.origin(name.span());
            match keys::find(keys, name.get_ref()) {
                None => self.unknown(&origin, name.get_ref(), keys.iter().map(|key| key.path)),
                Some(key) => {
                    given.extend(self.given(key, &origin, value.get_ref()).map(|value| (key.path, value)));
                }
            }
        }
        Table { origin, given }
    }

    fn not_tables(&mut self, origin: &Origin, name: &str) {
        let problem = Problem::new(origin, format!("`{name}` is not a list of tables"));
        self.problems.push(problem.help(format!("begin each with [[{name}]]")));
    }

    fn given(&mut self, key: &Key, origin: &Origin, value: &DeValue<'_>) -> Option<Given> {
        let read = convert(key.kind, value);
        if read.is_none() {
            let message = format!("`{}` must be {}, not {}", key.path, key.kind.words(), article(value));
            self.problems.push(Problem::new(origin, message));
        }
        read.map(|value| Given { value, origin: origin.clone() })
    }

    fn unknown<'k>(&mut self, origin: &Origin, word: &str, known: impl Iterator<Item = &'k str>) {
        let problem = Problem::new(origin, format!("unknown key `{word}`"));
        self.problems.push(match nearest(word, known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("`cedarpost config show` lists all keys"),
        });
    }

    fn origin(&self, span: std::ops::Range<usize>) -> Origin {
        Origin::File(Place::of(self.text, span))
    }
}

fn convert(kind: Kind, value: &DeValue<'_>) -> Option<Value> {
    match (kind, value) {
        (Kind::Text, DeValue::String(text)) => Some(Value::Text(text.to_string())),
        (Kind::Bool, DeValue::Boolean(value)) => Some(Value::Bool(*value)),
        (Kind::Integer, DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Integer)
        }
        (Kind::List, DeValue::Array(items)) => {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<_>>().map(Value::List)
        }
        (Kind::Table, DeValue::Table(table)) => strings(table).map(Value::Table),
        (Kind::Tables, DeValue::Array(items)) => {
            let tables = items.iter().map(|item| item.get_ref().as_table().and_then(strings));
            tables.collect::<Option<_>>().map(Value::Tables)
        }
        _ => None,
    }
}

/// A table in which every value is a string.
fn strings(table: &DeTable<'_>) -> Option<BTreeMap<String, String>> {
    let pair = |name: &str, value: &DeValue<'_>| Some((name.to_owned(), value.as_str()?.to_owned()));
    table.iter().map(|(name, value)| pair(name.get_ref(), value.get_ref())).collect()
}

fn sections() -> impl Iterator<Item = &'static str> {
    let mut seen = Vec::new();
    KEYS.iter().filter_map(|key| key.path.split_once('.')).map(|(section, _)| section).filter(move |section| {
        let new = !seen.contains(section);
        seen.push(*section);
        new
    })
}

fn is_section(word: &str) -> bool {
    sections().any(|section| section == word)
}

/// A value as a sentence names it.
pub(super) const fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "such a list",
        DeValue::Table(_) => "such a table",
    }
}
