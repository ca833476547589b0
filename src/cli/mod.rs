//! The commands, one file each. They read settings, call what is below, and say how it went as an [`Exit`].
//!
//! Only commands write to standard output, and `stdio` writes nothing there but MCP. Errors travel to `main`, which prints them.

mod approvals;
mod ask;
mod audit;
mod bridge;
mod catalog;
mod changes;
mod check;
mod completions;
mod config;
mod console;
mod demo;
mod exit;
mod identity;
mod inject;
mod line_diff;
mod live;
mod output;
mod policy;
mod problem;
mod remote;
mod schema;
mod serve;
mod sidecar;
mod suggest;
mod webhook;

pub use exit::Exit;
pub use problem::report;

use crate::config::Environment;
use crate::config::flags::{Command, ConfigCommand};

/// Runs a command to its end.
///
/// # Errors
/// What went wrong, with the whole chain of causes, for the operator.
pub fn run(command: Command, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(flags) => serve::serve(&flags, environment),
        Command::Stdio(flags) => serve::stdio(&flags, environment),
        Command::Demo(flags) => demo::demo(&flags, &environment),
        Command::Config(ConfigCommand::Check(flags)) => config::check(&flags, environment),
        Command::Config(ConfigCommand::Show(flags)) => config::show(&flags, environment),
        Command::Policy(command) => policy::policy(&command, environment),
        Command::Schema(command) => schema::schema(&command, environment),
        Command::Catalog(command) => catalog::catalog(&command, environment),
        Command::Check(flags) => check::check(&flags, environment),
        Command::Identity(command) => identity::identity(&command, environment),
        Command::Approvals(command) => approvals::approvals(&command, environment),
        Command::Audit(command) => audit::audit(&command, environment),
        Command::Console(command) => console::console(&command, environment),
        Command::Inject(flags) => inject::inject(&flags, environment),
        Command::Webhook(flags) => webhook::webhook(&flags, environment),
        Command::Bridge(command) => bridge::bridge(&command),
        Command::Completions { shell } => completions::print(shell),
        Command::Version => output::print(concat!("cedarpost ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
    }
}

#[cfg(test)]
mod tests;
