//! `cedarpost policy check`: loads policies as the sidecar would, and reports on them.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use super::{Exit, output};
use crate::app;
use crate::config::flags::PolicyCommand;
use crate::config::{Config, Environment, Sources};
use crate::policy::{self, Catalog, PolicySnapshot};

/// Checks policies.
pub(super) fn policy(command: &PolicyCommand, environment: Environment) -> anyhow::Result<Exit> {
    let flags = match command {
        PolicyCommand::Check(flags) => flags,
        PolicyCommand::Suggest(flags) => return super::suggest::suggest(flags, environment),
    };
    let color = io::stderr().is_terminal() && !environment.refuses_color();
    let sources = Sources { file: flags.file.config.as_deref(), environment, flags: flags.overrides() };
    let check = Config::for_policy_check(&sources)?;
    let settings = app::policy_settings(&check.policy, check.identity.as_ref(), check.servers);
    let loaded = policy::read(&settings).and_then(|files| PolicySnapshot::build(&settings, &files, &Catalog::default()));
    match loaded {
        Ok(snapshot) => {
            complain(&policy::draw(snapshot.warnings(), color))?;
            let counted = format!("{} policies are valid\n{}\n", snapshot.policy_count(), snapshot.fingerprint());
            output::print(counted.as_bytes())
        }
        Err(error) => {
            let problems = error.problems();
            complain(&policy::draw(&problems, color))?;
            complain(&format!("{} problems\n", problems.len().max(1)))?;
            Ok(Exit::Invalid)
        }
    }
}

fn complain(text: &str) -> anyhow::Result<()> {
    io::stderr().write_all(text.as_bytes()).context("failed to write to standard error")
}
