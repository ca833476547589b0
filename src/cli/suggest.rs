//! `cedarpost policy suggest`: a first set of policies, from what servers say of their tools.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::live::{Live, ask, say};
use super::{Exit, catalog, output};
use crate::config::flags::PolicySuggestFlags;
use crate::config::{Config, Environment, Sources};
use crate::domain::{ServerName, ToolDefinition};
use crate::policy::{Suggestion, visible};

/// Suggests policies for the tools of the lock, or of live servers.
pub(super) fn suggest(flags: &PolicySuggestFlags, environment: Environment) -> anyhow::Result<Exit> {
    let sources = Sources { file: flags.ask.file.config.as_deref(), environment, flags: flags.ask.overrides() };
    let settings = Config::for_catalog(&sources, &flags.servers())?;
    let tools = match settings.lock.as_deref().filter(|_| !flags.wants_live()) {
        Some(path) => {
            let lock = catalog::read(path).with_context(|| format!("failed to read the lock `{}`", path.display()))?;
            let named =
                |server: &ServerName| flags.ask.server.is_empty() || flags.ask.server.iter().any(|name| name == server.as_str());
            let servers = lock.servers().filter(|server| named(server));
            by_server(servers, lock.tools(), true)
        }
        None if settings.servers.is_empty() => {
            anyhow::bail!("there are no tools to suggest policies for: give --lock FILE or --url URL, or end with `-- COMMAND…`")
        }
        None => match ask(&settings, flags.ask.timeout, &sources.environment)? {
            Ok(Live { catalog, refused }) => {
                for (server, name) in refused {
                    say(&format!("`{}` of server `{server}` cannot be read beyond doubt, and is left out\n", visible(&name)))?;
                }
                by_server(catalog.servers(), catalog.tools(), false)
            }
            Err(exit) => return Ok(exit),
        },
    };
    anyhow::ensure!(!tools.is_empty(), "the lock has no such server");
    let texts = tools.iter().map(|(server, tools, reviewed)| {
        let suggestion = Suggestion { server, tools, role: &flags.role, reviewed: *reviewed };
        (server, suggestion.to_cedar())
    });
    match &flags.output {
        None => output::print(texts.map(|(_, text)| text).collect::<Vec<_>>().join("\n").as_bytes()),
        Some(directory) => write_all(directory, texts.collect::<Vec<_>>().iter().map(|(server, text)| (*server, text.as_str()))),
    }
}

/// The tools of each server, and whether somebody has reviewed them.
type Tools = Vec<(ServerName, Vec<ToolDefinition>, bool)>;

fn by_server<'a>(
    servers: impl Iterator<Item = &'a ServerName>,
    tools: impl Iterator<Item = (&'a ServerName, &'a ToolDefinition)>,
    reviewed: bool,
) -> Tools {
    let mut by_server: Tools = servers.map(|server| (server.clone(), Vec::new(), reviewed)).collect();
    for (server, tool) in tools {
        if let Some((_, tools, _)) = by_server.iter_mut().find(|(of, ..)| of == server) {
            tools.push(tool.clone());
        }
    }
    by_server
}

fn write_all<'a>(directory: &Path, texts: impl Iterator<Item = (&'a ServerName, &'a str)>) -> anyhow::Result<Exit> {
    fs::create_dir_all(directory).with_context(|| format!("failed to make the directory `{}`", directory.display()))?;
    let mut written = String::new();
    for (server, text) in texts {
        let path = directory.join(format!("{server}.cedar"));
        // What somebody has edited is not overwritten.
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        written.push_str(&format!("wrote `{}`\n", path.display()));
    }
    output::print(written.as_bytes())
}
