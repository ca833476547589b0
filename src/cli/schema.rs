//! `cedarpost schema show` and `cedarpost schema generate`: what policies can talk about.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use anyhow::{Context, bail};
use bytes::Bytes;

use super::live::{Live, ask};
use super::{Exit, output};
use crate::app;
use crate::config::flags::{OutputFormat, SchemaCommand, SchemaGenerateFlags, SchemaShowFlags};
use crate::config::{Config, Environment, Sources};
use crate::mcp::list::{self, ToolPage};
use crate::policy::{self, Shown};

/// The longest list of tools that is read, in bytes.
const MAX_LIST: u64 = 64 << 20;

/// Prints schemas.
pub(super) fn schema(command: &SchemaCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        SchemaCommand::Show(flags) => show(flags, environment),
        SchemaCommand::Generate(flags) => generate(flags, environment),
    }
}

fn show(flags: &SchemaShowFlags, environment: Environment) -> anyhow::Result<Exit> {
    let color = io::stderr().is_terminal() && !environment.refuses_color();
    let sources = Sources { file: flags.set.file.config.as_deref(), environment, flags: flags.set.overrides() };
    let check = Config::for_policy_check(&sources)?;
    let settings = app::policy_settings(&check.policy, check.identity.as_ref(), check.token_claims, check.servers);
    let shown = policy::read(&settings).and_then(|files| {
        let settings = settings.or_servers_of(&files);
        Shown::of(&settings, &files, &files.reviewed(&settings.servers))
    });
    let shown = match shown {
        Ok(shown) => flags.server.iter().fold(shown, Shown::only),
        Err(error) => {
            complain(&policy::draw(&error.problems(), color))?;
            return Ok(Exit::Invalid);
        }
    };
    if let Some(server) = flags.server.as_ref().filter(|_| !shown.has_tools()) {
        complain(&format!("the catalog lock has no tools of server `{server}`\n"))?;
    }
    match flags.format {
        OutputFormat::Human => output::print(shown.to_cedar().as_bytes()),
        OutputFormat::Json => output::print(format!("{:#}\n", shown.to_json()).as_bytes()),
    }
}

fn generate(flags: &SchemaGenerateFlags, environment: Environment) -> anyhow::Result<Exit> {
    let page = match flags.live() {
        None => tools(&text(flags)?)?,
        Some(asked) => {
            let sources = Sources { file: None, environment, flags: Vec::new() };
            let settings = Config::for_catalog(&sources, &asked)?;
            match ask(&settings, flags.timeout, &sources.environment)? {
                Ok(live) => page(live),
                Err(exit) => return Ok(exit),
            }
        }
    };
    for name in &page.refused {
        complain(&format!("the definition of tool `{}` cannot be read, so it is left out\n", name.escape_debug()))?;
    }
    if page.next_cursor.is_some() {
        complain("this is one page of the server's list: the tools of its other pages are missing\n")?;
    }
    output::print(policy::generate(&flags.server, &page.tools)?.as_bytes())
}

/// What the one live server listed.
fn page(live: Live) -> ToolPage {
    let tools = live.catalog.tools().map(|(_, tool)| tool.clone()).collect();
    ToolPage { tools, refused: live.refused.into_iter().map(|(_, name)| name).collect(), next_cursor: None }
}

fn text(flags: &SchemaGenerateFlags) -> anyhow::Result<String> {
    let (name, input): (_, Box<dyn Read>) = match &flags.file {
        None => ("standard input".to_owned(), Box::new(io::stdin().lock())),
        Some(path) => {
            let file = File::open(path).with_context(|| format!("failed to open `{}`", path.display()))?;
            (format!("`{}`", path.display()), Box::new(file))
        }
    };
    let mut text = String::new();
    input.take(MAX_LIST + 1).read_to_string(&mut text).with_context(|| format!("failed to read {name}"))?;
    if text.len() as u64 > MAX_LIST {
        bail!("{name} is longer than 64 MiB");
    }
    Ok(text)
}

/// The tools in a list, in the result that holds it, or in the whole answer.
fn tools(text: &str) -> anyhow::Result<ToolPage> {
    let text = text.trim();
    let answers = [text.to_owned(), format!("{{\"result\":{text}}}"), format!("{{\"result\":{{\"tools\":{text}}}}}")];
    let read = |answer: &String| list::tools(&Bytes::copy_from_slice(answer.as_bytes())).ok();
    answers.iter().find_map(read).context("this is no list of tools: the answer to `tools/list`, its result, or the list in it")
}

fn complain(text: &str) -> anyhow::Result<()> {
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")
}
