//! The environment, read once: the only place besides `flags.rs` that asks the process what it was started with.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::keys::{self, KEYS};
use super::raw::{Given, Section, Value};
use super::report::{Origin, Problem};
use crate::domain::nearest;

/// What a child process gets to see unless it inherits everything: enough to find programs and speak the user's language, no secrets.
const HARMLESS: [&str; 12] =
    ["HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"];

/// The variable that names the settings file.
const CONFIG_FILE: &str = "CEDARPOST_CONFIG";

/// The variable with the token of the person behind the agent of `stdio`. It is no setting: settings are shown.
const ACTOR_TOKEN: &str = "CEDARPOST_ACTOR_TOKEN";

/// A copy of the process environment. Its values are never printed.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(variables: T) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The user does not want colour (`NO_COLOR` is set and not empty, or the terminal is dumb).
    #[must_use]
    pub fn refuses_color(&self) -> bool {
        self.get("NO_COLOR").is_some_and(|value| !value.is_empty()) || self.get("TERM").is_some_and(|term| term == "dumb")
    }

    /// The variables in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The settings file, if the environment names one.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.get(CONFIG_FILE).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// The token of the person behind the agent, if the environment has one.
    pub(super) fn actor_token(&self) -> Option<String> {
        self.get(ACTOR_TOKEN).and_then(OsStr::to_str).filter(|token| !token.is_empty()).map(str::to_owned)
    }

    /// The value of a variable that a setting names; empty is none.
    pub(super) fn secret(&self, name: &str) -> Option<String> {
        self.get(name).and_then(OsStr::to_str).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Where a program keeps its state (XDG base directories): `$XDG_STATE_HOME`, else `$HOME/.local/state`; absolute or nothing.
    pub(super) fn state_directory(&self) -> Option<PathBuf> {
        let absolute = |name: &str| self.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
    }

    /// The environment of a child process: the harmless part of ours or all of it but our own settings, with `extra` on top.
    pub(super) fn for_child(&self, inherit: bool, extra: &BTreeMap<String, String>) -> Self {
        let passes = |name: &OsStr| match inherit {
            true => !name.as_encoded_bytes().starts_with(b"CEDARPOST_"),
            false => HARMLESS.iter().any(|harmless| name == *harmless),
        };
        let kept = self.0.iter().filter(|(name, _)| passes(name)).map(|(name, value)| (name.clone(), value.clone()));
        kept.chain(extra.iter().map(|(name, value)| (name.into(), value.into()))).collect()
    }

    /// The settings the environment gives; a `CEDARPOST_` variable that is no setting is a problem.
    pub(super) fn settings(&self, problems: &mut Vec<Problem>) -> Section {
        let mut section = Section::new();
        for (name, value) in self.ours() {
            let origin = Origin::Environment(name.to_owned());
            let Some(key) = KEYS.iter().find(|key| keys::variable(key.path) == name) else {
                problems.extend(unknown(name, value, &origin));
                continue;
            };
            let text = value.to_str().ok_or_else(|| "the value is not UTF-8".to_owned());
            match text.and_then(|text| Value::from_text(key.kind, text)) {
                Ok(value) => drop(section.insert(key.path, Given { value, origin })),
                Err(message) => problems.push(Problem::new(&origin, message)),
            }
        }
        section
    }

    fn ours(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())))
            .filter(|(name, _)| name.starts_with("CEDARPOST_") && *name != CONFIG_FILE && *name != ACTOR_TOKEN)
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }
}

fn unknown(name: &str, value: &OsStr, origin: &Origin) -> Option<Problem> {
    if is_service_link(name, value) {
        return None;
    }
    let known: Vec<String> = KEYS.iter().map(|key| keys::variable(key.path)).collect();
    let problem = Problem::new(origin, format!("unknown setting `{name}`"));
    Some(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    })
}

/// Kubernetes gives every pod variables about the services of its namespace. A service called `cedarpost`, or whose name begins so,
/// must not keep the sidecar from starting.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let url = || value.to_str().is_some_and(|value| value.contains("://"));
    let port_of = |protocol: &str| name.contains(&format!("_{protocol}")) && name.contains("_PORT_");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || ["TCP", "UDP", "SCTP"].into_iter().any(port_of)
        || (name.ends_with("_PORT") && url())
}
