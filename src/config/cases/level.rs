//! What one place of a test file says: the defaults, a case, a table or a row of one. A stronger place goes on top of a weaker one.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::json::Json;
use crate::config::raw::article;
use crate::config::report::{Origin, Place, Problem};
use crate::domain::nearest;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    Flag,
    Input,
    Instant,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Texts => "a list of strings",
            Self::Flag => "true or false",
            Self::Input => "a table",
            Self::Instant => "a date with time",
        }
    }
}

/// One key of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    kind: Kind,
    /// What a weaker place said under these keys does not count any more: roles belong to the name that stood beside them.
    replaces: &'static [&'static str],
    /// Whether it is about one case only, so that it cannot be a default. Who reads a case should see what it expects.
    own: bool,
}

const fn key(name: &'static str, kind: Kind, replaces: &'static [&'static str]) -> Key {
    Key { name, kind, replaces, own: false }
}

const fn own(name: &'static str, kind: Kind, replaces: &'static [&'static str]) -> Key {
    Key { name, kind, replaces, own: true }
}

const SUBJECT: [&str; 7] = ["tool", "resource", "prompt", "action", "method", "input", "input_json"];

/// All keys of a case, in the order of the documentation.
pub(super) const KEYS: &[Key] = &[
    own("name", Kind::Text, &[]),
    key("agent", Kind::Text, &["agent_roles", "agent_teams"]),
    key("agent_roles", Kind::Texts, &[]),
    key("agent_teams", Kind::Texts, &[]),
    key("actor", Kind::Text, &["actor_roles", "actor_teams", "unattended"]),
    key("actor_roles", Kind::Texts, &[]),
    key("actor_teams", Kind::Texts, &[]),
    key("unattended", Kind::Flag, &["actor", "actor_roles", "actor_teams"]),
    key("server", Kind::Text, &[]),
    key("at", Kind::Instant, &[]),
    key("timezone", Kind::Text, &[]),
    key("context.ip", Kind::Text, &[]),
    key("context.transport", Kind::Text, &[]),
    key("context.session", Kind::Text, &[]),
    key("token.issuer", Kind::Text, &[]),
    key("token.scopes", Kind::Texts, &[]),
    key("token.claims", Kind::Input, &[]),
    key("tool", Kind::Text, &SUBJECT),
    key("resource", Kind::Text, &SUBJECT),
    key("prompt", Kind::Text, &SUBJECT),
    key("action", Kind::Text, &[]),
    key("method", Kind::Text, &[]),
    key("input", Kind::Input, &["input_json"]),
    key("input_json", Kind::Text, &["input"]),
    own("expect", Kind::Text, &[]),
    own("grounds", Kind::Texts, &[]),
    own("cause", Kind::Text, &[]),
    own("decided_by", Kind::Text, &[]),
    own("visible", Kind::Texts, &SUBJECT),
    own("hidden", Kind::Texts, &SUBJECT),
];

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Flag(bool),
    Input(Json),
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// The keys and values of one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Level(BTreeMap<&'static str, Said>);

impl Level {
    /// What is said under a key.
    pub(super) fn get(&self, name: &str) -> Option<&Said> {
        self.0.get(name)
    }

    /// This level with a stronger one on top.
    pub(super) fn under(&self, stronger: Self) -> Self {
        let replaced: Vec<&str> = stronger.0.keys().filter_map(|name| find(name)).flat_map(|key| key.replaces).copied().collect();
        let mut both = self.clone();
        both.0.retain(|name, _| !replaced.contains(name));
        both.0.extend(stronger.0);
        both
    }

    /// Puts one argument into `input`, on top of those that are there; `false` when it does not go together with them.
    #[must_use]
    pub(super) fn put_argument(&mut self, path: &[&str], value: Json, origin: &Origin) -> bool {
        let empty = || Said { value: Value::Input(Json::Object(Vec::new())), origin: origin.clone() };
        match &mut self.0.entry("input").or_insert_with(empty).value {
            Value::Input(input) => input.put(path, value),
            Value::Text(_) | Value::Texts(_) | Value::Flag(_) => false,
        }
    }
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Reads levels, and collects what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// Reads a table but for the keys that belong to the form of the table itself.
    pub(super) fn level(&mut self, table: &DeTable<'_>, form: &[&str], is_default: bool) -> Level {
        let mut level = Level::default();
        for (name, value) in table.iter().filter(|(name, _)| !form.contains(&name.get_ref().as_ref())) {
            let word = name.get_ref().as_ref();
            match (word, value.get_ref()) {
                ("context" | "token", DeValue::Table(inner)) => {
                    for (name, value) in inner {
                        let word = format!("{word}.{}", name.get_ref());
                        self.say(&mut level, &word, name.span(), value, is_default);
                    }
                }
                ("context" | "token", other) => {
                    self.problem(name.span(), format!("`{word}` must be a table, not {}", article(other)));
                }
                _ => self.say(&mut level, word, name.span(), value, is_default),
            }
        }
        level
    }

    /// Reads one value into a level.
    pub(super) fn say(
        &mut self,
        level: &mut Level,
        word: &str,
        at: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        is_default: bool,
    ) {
        let Some(key) = find(word) else {
            self.unknown(at, word);
            return;
        };
        if is_default && key.own {
            let help = "a default would hide what a case expects from who reads the case";
            self.problem_with(at, format!("`{word}` cannot be a default"), help.to_owned());
            return;
        }
        match convert(key.kind, value.get_ref()) {
            Ok(said) => drop(level.0.insert(key.name, Said { value: said, origin: self.origin(value.span()) })),
            Err(message) => self.problem(value.span(), format!("`{word}` {message}")),
        }
    }

    fn unknown(&mut self, at: Range<usize>, word: &str) {
        let near = nearest(word, KEYS.iter().map(|key| key.name));
        let help = near.map_or_else(
            || format!("the keys of a case are {}", KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.problem_with(at, format!("unknown key `{word}`"), help);
    }

    pub(super) fn origin(&self, span: Range<usize>) -> Origin {
        Origin::File(Place::of(self.text, span))
    }

    pub(super) fn problem(&mut self, at: Range<usize>, message: impl Into<String>) {
        self.problems.push(Problem::new(&self.origin(at), message));
    }

    pub(super) fn problem_with(&mut self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(&self.origin(at), message).help(help));
    }
}

fn convert(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    let texts = |items: &toml::de::DeArray<'_>| {
        items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    };
    let read = match (kind, value) {
        (Kind::Text | Kind::Instant, DeValue::String(text)) => Some(Value::Text(text.to_string())),
        (Kind::Instant, DeValue::Datetime(instant)) => Some(Value::Text(instant.to_string())),
        (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::Flag(*flag)),
        (Kind::Texts, DeValue::Array(items)) => texts(items).map(Value::Texts),
        (Kind::Input, DeValue::Table(table)) => Some(Value::Input(Json::object(table)?)),
        _ => None,
    };
    read.ok_or_else(|| format!("must be {}, not {}", kind.words(), article(value)))
}
