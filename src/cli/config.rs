//! `cedarpost config check` and `cedarpost config show`.

use super::{Exit, output};
use crate::config::flags::ServeFlags;
use crate::config::{Config, Environment, Sources};

/// Says whether the configuration of `serve` is valid; the problems travel to `main` as an error.
pub(super) fn check(flags: &ServeFlags, environment: Environment) -> anyhow::Result<Exit> {
    let config = load(flags, environment)?;
    let servers = config.servers.len();
    let plural = if servers == 1 { "" } else { "s" };
    output::print(
        format!("the configuration is valid: {servers} server{plural}, listening on {}\n", config.listen.listener.address)
            .as_bytes(),
    )
}

/// Prints the resolved configuration of `serve`.
pub(super) fn show(flags: &ServeFlags, environment: Environment) -> anyhow::Result<Exit> {
    output::print(load(flags, environment)?.show().as_bytes())
}

fn load(flags: &ServeFlags, environment: Environment) -> anyhow::Result<Config> {
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    Ok(match flags.server() {
        Some(server) => Config::for_serve_of(&sources, &server)?,
        None => Config::for_serve(&sources)?,
    })
}
