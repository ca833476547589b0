//! `cedarpost inject`: manifests in, manifests with the sidecar out; or a look at whether it is there.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::{Exit, output};
use crate::config::flags::{InjectFlags, ManifestFormatFlag};
use crate::config::{Config, Environment, Sources};
use crate::inject::manifest::{self, Fate, Seen};
use crate::inject::yaml::{self, Document};
use crate::inject::{Outcome, Refused, inject as inject_pod, remove};

/// What is done with a pod.
type Work = Box<dyn Fn(&Value) -> Result<Outcome, Refused>>;

/// Injects, verifies or removes.
pub(super) fn inject(flags: &InjectFlags, environment: Environment) -> anyhow::Result<Exit> {
    let work: Work = if flags.remove && !flags.verify {
        Box::new(|pod| remove(pod).map(Outcome::Injected))
    } else {
        let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
        let settings = Config::for_inject(&sources)?;
        Box::new(move |pod| inject_pod(pod, &settings))
    };
    let mut done = Done::default();
    for path in &flags.manifests {
        let text = read(path)?;
        done.json.get_or_insert(yaml::is_json(&text));
        match yaml::read(&text) {
            Ok(documents) => {
                documents.into_iter().enumerate().for_each(|(place, document)| done.take(path, place, document, &*work))
            }
            Err(unreadable) => done.problem(format_args!("{}: {unreadable}", name(path))),
        }
    }
    if flags.verify { done.say_whether() } else { done.write(flags) }
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    // One more than may be read, so that what is longer is noticed.
    let most = u64::try_from(yaml::MAX_TEXT).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_string(&mut text))
    };
    read.with_context(|| format!("failed to read {}", name(path)))?;
    Ok(text)
}

/// What came of all manifests.
#[derive(Default)]
struct Done {
    documents: Vec<Value>,
    /// The first manifest is JSON.
    json: Option<bool>,
    /// For standard error.
    said: String,
    /// For standard output of `--verify`.
    found: String,
    failed: bool,
    different: bool,
}

impl Done {
    fn take(&mut self, path: &Path, place: usize, document: Document, work: &dyn Fn(&Value) -> Result<Outcome, Refused>) {
        let Document { mut value, line } = document;
        let at = format!("{}, document {} (line {line})", name(path), place + 1);
        match manifest::each_pod(&mut value, work) {
            Ok(seen) => seen.into_iter().for_each(|seen| self.note(&at, seen)),
            Err(error) => self.problem(format_args!("{at}: {error}")),
        }
        self.documents.push(value);
    }

    fn note(&mut self, at: &str, Seen { object, fate }: Seen) {
        match fate {
            Fate::Skipped(reason) => {
                let _ = writeln!(self.said, "skipped: {at}: {object}: {reason}");
                let _ = writeln!(self.found, "skipped        {object}: {reason}");
            }
            Fate::Done { ops, warnings } => {
                self.different |= !ops.is_empty();
                let word = if ops.is_empty() { "injected" } else { "not injected" };
                let _ = writeln!(self.found, "{word:<14} {object}");
                for warning in warnings {
                    let _ = writeln!(self.said, "warning: {at}: {object}: {warning}");
                }
            }
        }
    }

    fn problem(&mut self, problem: std::fmt::Arguments<'_>) {
        self.failed = true;
        let _ = writeln!(self.said, "error: {problem}");
    }

    fn say(&self) {
        // Nobody is left to tell when standard error is gone.
        let _ = io::stderr().lock().write_all(self.said.as_bytes());
    }

    /// Manifests that are not all injected are not written: half of them could be applied.
    fn write(self, flags: &InjectFlags) -> anyhow::Result<Exit> {
        self.say();
        if self.failed {
            return Ok(Exit::Invalid);
        }
        let json = match flags.output {
            Some(format) => format == ManifestFormatFlag::Json,
            None => self.json == Some(true),
        };
        let text = if json {
            let pretty = |document: &Value| serde_json::to_string_pretty(document).map(|text| text + "\n");
            self.documents.iter().map(pretty).collect::<Result<String, _>>()?
        } else {
            yaml::write(&self.documents)
        };
        output::print(text.as_bytes())
    }

    fn say_whether(self) -> anyhow::Result<Exit> {
        self.say();
        output::print(self.found.as_bytes())?;
        Ok(if self.failed || self.different { Exit::Invalid } else { Exit::Done })
    }
}
