//! `cedarpost completions SHELL`.

use clap_complete::Shell;

use super::{Exit, output};
use crate::config::Flags;

/// Prints the completion script of a shell.
pub(super) fn print(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Flags::description(), "cedarpost", &mut script);
    output::print(&script)
}
