//! Asking live servers for their tools, for the commands that do.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;

use super::Exit;
use super::serve::{on_runtime, start_logging};
use crate::app;
use crate::config::{CatalogSettings, Environment, LogFormat, LogSettings};
use crate::domain::ServerName;
use crate::policy::{Catalog, visible};

/// What servers write on their standard error, made harmless; nothing else is logged.
const ONLY_STDERR_OF_SERVERS: &str = "off,cedarpost::proxy::upstream::child::pipes=info";

/// What the servers listed.
pub(super) struct Live {
    pub(super) catalog: Catalog,
    /// Tools whose definition cannot be read, by name. The sidecar refuses them, lock or not.
    pub(super) refused: Vec<(ServerName, String)>,
}

/// Asks all servers of the settings. If one does not answer, or a signal comes, it says so and how to end: a part of an answer would
/// pass for the whole.
pub(super) fn ask(settings: &CatalogSettings, within: Duration, environment: &Environment) -> anyhow::Result<Result<Live, Exit>> {
    let log = LogSettings { format: LogFormat::Pretty, level: ONLY_STDERR_OF_SERVERS.to_owned() };
    let logging = start_logging(&log, environment)?;
    let answers = on_runtime(app::list_tools(&settings.servers, &settings.limits, within))?;
    // What servers wrote comes before what we say about it.
    drop(logging);
    let Some(answers) = answers else { return Ok(Err(Exit::Interrupted)) };
    let mut live = Live { catalog: Catalog::default(), refused: Vec::new() };
    let mut failed = false;
    for (server, answer) in answers {
        match answer {
            Ok(listed) => {
                live.refused.extend(listed.refused.into_iter().map(|name| (server.clone(), name)));
                live.catalog.learn(&server, true, listed.tools);
            }
            Err(error) => {
                failed = true;
                let error = format!("{:#}", anyhow::Error::from(error));
                say(&format!("cedarpost: server `{server}` does not tell its tools\n  because {}\n", visible(&error)))?;
            }
        }
    }
    Ok(if failed { Err(Exit::Failed) } else { Ok(live) })
}

/// Prints on standard error.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")
}
