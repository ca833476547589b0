//! Reads keys one by one, with their meaning: addresses, durations, sizes, paths. What is wrong is noted and reading goes on.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keys::{self, Key};
use super::raw::{Given, Section, Table, Value};
use super::report::{Origin, Problem};
use super::show::{Shown, toml_text, without_query};
use super::units;

/// The values given for one table of keys, and the places where problems and shown lines are collected.
pub(super) struct Reader<'a> {
    pub(super) keys: &'static [Key],
    /// The heading that `config show` prints; `None` to take it from the key's path.
    pub(super) heading: Option<String>,
    pub(super) given: Section,
    /// Where the table begins: what a missing key is reported at.
    pub(super) at: Origin,
    /// The directory of the settings file: paths in the file are relative to it.
    pub(super) base: Option<&'a Path>,
    pub(super) problems: &'a mut Vec<Problem>,
    pub(super) shown: &'a mut Vec<Shown>,
}

impl Reader<'_> {
    /// Notes a problem.
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Who gave this key.
    pub(super) fn origin(&self, path: &'static str) -> Origin {
        self.given.get(path).map_or_else(|| self.at.clone(), |given| given.origin.clone())
    }

    /// A reader of one table of a list, which notes problems and shown lines in the same places.
    pub(super) fn scoped(&mut self, keys: &'static [Key], heading: String, table: Table) -> Reader<'_> {
        Reader {
            keys,
            heading: Some(heading),
            given: table.given,
            at: table.origin,
            base: self.base,
            problems: self.problems,
            shown: self.shown,
        }
    }

    /// The value of a key that has a default or must be given; `None` after noting a problem.
    pub(super) fn read<T>(&mut self, path: &'static str, parse: impl FnOnce(&Given) -> Result<T, String>) -> Option<T> {
        let read = self.optional(path, parse)?;
        if read.is_none() {
            self.problems.push(Problem::new(&self.at, format!("`{path}` is not set")).help(missing(path)));
        }
        read
    }

    /// The value of a key that may be left out; the outer `None` after noting a problem.
    pub(super) fn optional<T>(
        &mut self,
        path: &'static str,
        parse: impl FnOnce(&Given) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let Some(given) = self.given.get(path).cloned().or_else(|| default(self.keys, path)) else { return Some(None) };
        self.show(path, &given);
        match parse(&given) {
            Ok(value) => Some(Some(value)),
            Err(message) => {
                self.problems.push(Problem::new(&given.origin, format!("`{path}`: {message}")));
                None
            }
        }
    }

    /// Notes how `config show` prints a key whose value was not read from the keys.
    pub(super) fn show(&mut self, path: &'static str, given: &Given) {
        let (section, name) = path.split_once('.').unwrap_or(("", path));
        let heading = self.heading.clone().unwrap_or_else(|| format!("[{section}]"));
        let text = match &given.value {
            Value::Text(url) if matches!(name, "url" | "feed_endpoint") => toml_text(&Value::Text(without_query(url))),
            value => toml_text(value),
        };
        self.shown.push(Shown { heading, name, text, origin: given.origin.clone() });
    }

    pub(super) fn flag(&mut self, path: &'static str) -> Option<bool> {
        self.read(path, boolean)
    }

    pub(super) fn list(&mut self, path: &'static str) -> Option<Vec<String>> {
        self.read(path, list)
    }

    /// A list whose items are checked one by one.
    pub(super) fn list_of(&mut self, path: &'static str, item: fn(&str) -> Result<String, String>) -> Option<Vec<String>> {
        self.read(path, |given| list(given)?.iter().map(|text| item(text)).collect())
    }

    pub(super) fn count(&mut self, path: &'static str, range: RangeInclusive<usize>) -> Option<usize> {
        self.read(path, |given| {
            let Value::Integer(number) = given.value else { return Err("this is not a whole number".to_owned()) };
            let fits = usize::try_from(number).ok().filter(|number| range.contains(number));
            fits.ok_or_else(|| format!("{number} is not between {} and {}", range.start(), range.end()))
        })
    }

    pub(super) fn duration(&mut self, path: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.read(path, |given| within(&text(given)?, range))
    }

    pub(super) fn size(&mut self, path: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.read(path, |given| {
            let size = units::parse_size(&text(given)?)?;
            let bounds = || (units::show_size(*range.start()), units::show_size(*range.end()));
            range.contains(&size).then_some(size).ok_or_else(|| outside(&units::show_size(size), &bounds()))
        })
    }

    pub(super) fn paths(&mut self, path: &'static str) -> Option<Vec<PathBuf>> {
        let base = self.base.map(Path::to_owned);
        self.read(path, |given| list(given)?.iter().map(|item| located(item, &given.origin, base.as_deref())).collect())
    }

    pub(super) fn optional_path(&mut self, path: &'static str) -> Option<Option<PathBuf>> {
        let base = self.base.map(Path::to_owned);
        self.optional(path, |given| located(&text(given)?, &given.origin, base.as_deref()))
    }
}

/// The text of a value.
pub(super) fn text(given: &Given) -> Result<String, String> {
    match &given.value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err("this is not a string".to_owned()),
    }
}

/// A duration within bounds.
pub(super) fn within(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let duration = units::parse_duration(text)?;
    let bounds = || (units::show_duration(*range.start()), units::show_duration(*range.end()));
    range.contains(&duration).then_some(duration).ok_or_else(|| outside(&units::show_duration(duration), &bounds()))
}

/// A value that is true or false.
pub(super) fn boolean(given: &Given) -> Result<bool, String> {
    match given.value {
        Value::Bool(value) => Ok(value),
        _ => Err("this is not true or false".to_owned()),
    }
}

/// The strings of a list.
pub(super) fn list(given: &Given) -> Result<Vec<String>, String> {
    match &given.value {
        Value::List(items) => Ok(items.clone()),
        _ => Err("this is not a list of strings".to_owned()),
    }
}

/// An id or a role: some text, without control characters, that fits on a line.
pub(super) fn id(text: &str) -> Result<String, String> {
    let fits = (1..=256).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "an id has 1 to 256 bytes, no control characters and no space around it".to_owned())
}

/// A scope of OAuth (RFC 6749, appendix A.4).
pub(super) fn scope(text: &str) -> Result<String, String> {
    let plain = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let fits = !text.is_empty() && text.bytes().all(plain);
    fits.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is not a scope: no spaces, quotes or back slashes"))
}

/// A path as it was meant: one from the file is relative to the file.
fn located(item: &str, origin: &Origin, base: Option<&Path>) -> Result<PathBuf, String> {
    match (item, origin, base) {
        ("", ..) => Err("a path is empty".to_owned()),
        (item, Origin::File(_), Some(base)) => Ok(base.join(item)),
        (item, ..) => Ok(PathBuf::from(item)),
    }
}

fn default(keys: &'static [Key], path: &str) -> Option<Given> {
    let key = keys::find(keys, path)?;
    let value = Value::from_text(key.kind, key.default?).ok()?;
    Some(Given { value, origin: Origin::Default })
}

fn outside(value: &str, (low, high): &(String, String)) -> String {
    format!("{value} is not between {low} and {high}")
}

/// What to write when a key without a default is missing.
fn missing(path: &str) -> &'static str {
    match path {
        "identity.agent" => {
            "set `agent` in [identity], CEDARPOST_IDENTITY_AGENT or --agent to the id policies know the calling program by"
        }
        "policy.policies" => {
            "set `policies` in [policy], CEDARPOST_POLICY_POLICIES or --policies to the directory of your *.cedar files"
        }
        "audit.directory" => "set `directory` in [audit], CEDARPOST_AUDIT_DIRECTORY or --audit-dir to where the log is kept",
        "name" => "policies and records need a name for the server: write `name = \"…\"`",
        "uid" => "set `uid` to the number of the user who runs the process (`id -u`)",
        "agent" => "set `agent` to the id policies know the program by",
        "issuer" => "set `issuer` to what its tokens have in `iss`, letter for letter",
        _ => "this setting has no default",
    }
}
