//! `cedarpost console open`: a link with which whoever runs the sidecar logs in to its console.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::ask;
use super::{Exit, output};
use crate::config::flags::{AuditFlags, ConsoleCommand};
use crate::config::{Config, Environment, Sources};

/// Does what is asked.
pub(super) fn console(command: &ConsoleCommand, environment: Environment) -> anyhow::Result<Exit> {
    let ConsoleCommand::Open(flags) = command;
    open(flags, environment)
}

fn open(flags: &AuditFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let directory = Config::for_audit(&sources)?.directory;
    let Some(answer) = ask::post(&directory, "/v1/console-link", &json!({}))? else {
        bail!("no sidecar runs with its log in `{}`", directory.display());
    };
    let url = answer.get("url").and_then(Value::as_str).context("the sidecar gives no link")?;
    let text = if flags.json { format!("{answer}\n") } else { format!("{url}\n") };
    output::print(text.as_bytes())
}
