//! The text of a catalog lock to its tools, each problem with its place. What a lock is for is in [`super::lock`].

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::input::{object, offset_in};
use super::json::Json;
use super::load::SourceFile;
use super::lock::{Locked, Servers, Tools, VERSION};
use super::report::Problem;
use crate::domain::{Annotations, Hints, ServerName, ToolDefinition};

const FORMAT: &str = "a catalog lock is written by `cedarpost catalog lock`: { \"version\": 1, \"servers\": { … } }";

/// Reads a file. Everything that is wrong is added to `problems`, and left out of what is given back.
pub(super) fn read(file: &SourceFile, problems: &mut Vec<Problem>) -> Servers {
    let mut reader = Reader { file, problems, servers: Servers::new() };
    if let Err(problem) = reader.whole() {
        reader.problems.push(*problem);
    }
    reader.servers
}

/// Members of an object with their texts in the file.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a file into a lock, noting what is wrong with each tool and going on with the next.
struct Reader<'a> {
    file: &'a SourceFile,
    problems: &'a mut Vec<Problem>,
    servers: Servers,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) -> Result<(), Box<Problem>> {
        let file = self.file;
        // Before anything is taken apart: what it means must not depend on the reader, at any depth.
        Json::parse(&file.text).map_err(|misread| {
            Box::new(Problem::at(file, misread.offset, 1, format!("the lock {}", misread.reason)).with_help(FORMAT.to_owned()))
        })?;
        let whole: &RawValue =
            serde_json::from_str(file.text.trim()).map_err(|error| Box::new(Problem::from_json(file, &error)))?;
        let members = self.members(whole, "the lock", &["version", "servers"])?;
        let version = self.required(whole, &members, "version")?;
        if version.get() != VERSION {
            let help = format!("this program reads version {VERSION}; write the file again with `cedarpost catalog lock`");
            return Err(self.problem(version, format!("unknown version `{}`", version.get()), Some(&help)));
        }
        let servers = self.required(whole, &members, "servers")?;
        for (name, raw) in object(servers).map_err(|reason| self.problem(servers, format!("`servers` {reason}"), Some(FORMAT)))? {
            if let Err(problem) = self.server(&name, raw) {
                self.problems.push(*problem);
            }
        }
        Ok(())
    }

    fn server(&mut self, name: &str, raw: &'a RawValue) -> Result<(), Box<Problem>> {
        let server = ServerName::new(name).ok_or_else(|| {
            let help = "a server's name has 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit";
            self.problem(raw, format!("`{name}` cannot be a server's name"), Some(help))
        })?;
        let members = self.members(raw, &format!("server `{name}`"), &["tools"])?;
        let list = self.required(raw, &members, "tools")?;
        let items: Vec<&RawValue> =
            serde_json::from_str(list.get()).map_err(|_| self.problem(list, "`tools` is not an array".to_owned(), None))?;
        let mut tools = Tools::new();
        for item in items {
            match self.tool(&server, item) {
                Ok(locked) if tools.contains_key(&locked.tool.name) => {
                    let message = format!("server `{server}` has two tools called `{}`", locked.tool.name);
                    self.problems.push(*self.problem(
                        item,
                        message,
                        Some("one of them was never reviewed: lock the server again"),
                    ));
                }
                Ok(locked) => drop(tools.insert(Arc::clone(&locked.tool.name), locked)),
                Err(problem) => self.problems.push(*problem),
            }
        }
        self.servers.insert(server, tools);
        Ok(())
    }

    fn tool(&self, server: &ServerName, raw: &'a RawValue) -> Result<Locked, Box<Problem>> {
        let unreadable = |what: &str, part, reason: &str| {
            Err(self.problem(part, format!("the definition of {what} of server `{server}` {reason}"), None))
        };
        let members = match object(raw) {
            Ok(members) => members,
            Err(reason) => return unreadable("a tool", raw, reason),
        };
        let find = |key: &str| members.iter().find(|(found, _)| found == key).map(|(_, value)| *value);
        let Some(name) = find("name").and_then(|name| serde_json::from_str::<String>(name.get()).ok()) else {
            return unreadable("a tool", find("name").unwrap_or(raw), "has no `name` that is a string");
        };
        let what = format!("tool `{name}`");
        let Some(annotations) = find("annotations").map_or(Some(Annotations::default()), annotations) else {
            return unreadable(&what, find("annotations").unwrap_or(raw), "has `annotations` that are not true or false");
        };
        let input_schema = match find("inputSchema") {
            Some(schema) if !schema.get().starts_with('{') => {
                return unreadable(&what, schema, "has an `inputSchema` that is no object");
            }
            schema => schema.map(|schema| Bytes::copy_from_slice(schema.get().as_bytes())),
        };
        let definition = Bytes::copy_from_slice(raw.get().as_bytes());
        let tool = ToolDefinition { name: name.into(), annotations, input_schema, definition };
        Locked::new(tool).or_else(|reason| unreadable(&what, raw, &reason))
    }

    fn members(&mut self, raw: &'a RawValue, what: &str, known: &[&str]) -> Result<Members<'a>, Box<Problem>> {
        let members = object(raw).map_err(|reason| self.problem(raw, format!("{what} {reason}"), Some(FORMAT)))?;
        for (key, value) in members.iter().filter(|(key, _)| !known.contains(&&**key)) {
            let help = format!("the keys of {what} are: {}", known.join(", "));
            self.problems.push(*self.problem(value, format!("unknown key `{key}`"), Some(&help)));
        }
        Ok(members.into_iter().map(|(key, value)| (key.into_owned(), value)).collect())
    }

    fn required(&self, whole: &RawValue, members: &Members<'a>, key: &str) -> Result<&'a RawValue, Box<Problem>> {
        members.get(key).copied().ok_or_else(|| self.problem(whole, format!("`{key}` is missing"), Some(FORMAT)))
    }

    fn problem(&self, part: &RawValue, message: String, help: Option<&str>) -> Box<Problem> {
        let offset = offset_in(&self.file.text, part.get());
        Box::new(Problem::at(self.file, offset, part.get().len(), message).with_help(help.map(str::to_owned)))
    }
}

/// The hints of a definition; `None` when one is not a boolean.
fn annotations(raw: &RawValue) -> Option<Annotations> {
    if raw.get() == "null" {
        return Some(Annotations::default());
    }
    let members = object(raw).ok()?;
    let hints = Hints::read(|key| match members.iter().find(|(found, _)| found == key).map(|(_, value)| value.get()) {
        None | Some("null") => Some(None),
        Some("true") => Some(Some(true)),
        Some("false") => Some(Some(false)),
        Some(_) => None,
    })?;
    Some(hints.into())
}
