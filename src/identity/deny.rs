//! Who is not let in although a token says who they are: agents, people and single tokens, in a file that is looked at all the time.
//!
//! A line is `agent ID`, `user ID` or `token ID`; what comes after `#` at the beginning of a line or after a space is a remark. A line
//! that cannot be understood takes nothing away from the others, and a file that cannot be read leaves the list as it was: somebody
//! who is denied stays denied.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::metrics::Metrics;
use crate::domain::Caller;
use crate::lifecycle::{Stop, again};

/// How often the file is read.
const PERIOD: Duration = Duration::from_millis(250);
/// The longest file, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Who is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DenyList {
    agents: HashSet<Box<str>>,
    users: HashSet<Box<str>>,
    tokens: HashSet<Box<str>>,
}

/// The lines of a deny list that cannot be understood, by number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {} of the deny list is not `agent ID`, `user ID` or `token ID`", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub(super) struct BadLines(pub(super) Vec<usize>);

impl DenyList {
    /// Reads a list, as far as it can be understood.
    pub(super) fn parse(text: &str) -> (Self, Option<BadLines>) {
        let (mut list, mut bad) = (Self::default(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split_once(" #").map_or(line, |(line, _)| line).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(char::is_whitespace).map(|(kind, id)| (kind, id.trim())) {
                Some(("agent", id)) => drop(list.agents.insert(id.into())),
                Some(("user", id)) => drop(list.users.insert(id.into())),
                Some(("token", id)) => drop(list.tokens.insert(id.into())),
                _ => bad.push(number),
            }
        }
        (list, (!bad.is_empty()).then_some(BadLines(bad)))
    }

    /// Whether the agent, the person or the token is denied.
    pub(super) fn denies(&self, caller: &Caller) -> bool {
        let token = caller.token.as_ref().and_then(|token| token.id.as_deref());
        self.agents.contains(caller.agent.as_str())
            || caller.actor.person().is_some_and(|user| self.users.contains(user.as_str()))
            || token.is_some_and(|id| self.tokens.contains(id))
    }

    /// Whether this token is denied.
    pub(super) fn denies_token(&self, id: &str) -> bool {
        self.tokens.contains(id)
    }

    fn len(&self) -> usize {
        self.agents.len() + self.users.len() + self.tokens.len()
    }
}

/// The list in force. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Denied {
    list: Arc<ArcSwap<DenyList>>,
    changes: watch::Sender<u64>,
}

impl Denied {
    /// Nobody is.
    pub(super) fn nobody() -> Self {
        Self { list: Arc::default(), changes: watch::channel(0).0 }
    }

    /// The list as it is now.
    pub(super) fn list(&self) -> arc_swap::Guard<Arc<DenyList>> {
        self.list.load()
    }

    /// Tells of each change.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn replace(&self, list: DenyList) {
        self.list.store(Arc::new(list));
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Keeps the list as the file says.
#[derive(Debug)]
pub(super) struct DenyWatch {
    path: PathBuf,
    denied: Denied,
    metrics: Metrics,
    /// What the file held when it was last understood; `None` while it cannot be read.
    seen: Option<String>,
}

impl DenyWatch {
    /// Reads the file for the first time.
    ///
    /// # Errors
    ///
    /// When it cannot be read: a list that somebody asked for must be there at the start.
    pub(super) fn open(path: PathBuf, denied: Denied, metrics: Metrics) -> io::Result<Self> {
        let text = read(&path)?;
        let mut watch = Self { path, denied, metrics, seen: None };
        watch.take(text);
        Ok(watch)
    }

    /// Reads it again and again until told to stop.
    pub(super) async fn run(self, stop: Stop) {
        again(PERIOD, stop, self, Self::look).await;
    }

    fn look(&mut self) {
        match read(&self.path) {
            Ok(text) => self.take(text),
            Err(error) => self.lost(&error),
        }
    }

    fn take(&mut self, text: String) {
        if self.seen.as_ref() == Some(&text) {
            return;
        }
        let (list, bad) = DenyList::parse(&text);
        if let Some(bad) = &bad {
            tracing::error!(file = %self.path.display(), error = %bad, "the other lines are in force");
        }
        let count = list.len();
        self.metrics.denied(count, bad.is_none());
        if *self.denied.list().as_ref() != list {
            tracing::info!(file = %self.path.display(), entries = count, "another deny list is in force");
            self.denied.replace(list);
        }
        self.seen = Some(text);
    }

    fn lost(&mut self, error: &io::Error) {
        if self.seen.take().is_some() {
            let error = error as &dyn std::error::Error;
            tracing::error!(file = %self.path.display(), error, "the deny list cannot be read; the one before stays in force");
            self.metrics.denied(self.denied.list().len(), false);
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_FILE) {
        Ok(text)
    } else {
        Err(io::Error::other(format!("it is longer than {MAX_FILE} bytes")))
    }
}

#[cfg(test)]
#[path = "deny_tests.rs"]
mod tests;
