//! `cedarpost policy …`: what can be done with policies besides having them in force.

mod check;
mod fmt;
mod keygen;
mod sign;
mod test;
mod verify;

use super::Exit;
use crate::config::Environment;
use crate::config::flags::PolicyCommand;

/// Runs a command about policies.
pub(super) fn policy(command: &PolicyCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        PolicyCommand::Check(flags) => check::check(flags, environment),
        PolicyCommand::Fmt(flags) => fmt::fmt(flags, &environment),
        PolicyCommand::Keygen(flags) => keygen::keygen(flags),
        PolicyCommand::Sign(flags) => sign::sign(flags),
        PolicyCommand::Verify(flags) => verify::verify(flags),
        PolicyCommand::Test(flags) => test::test(flags, &environment),
        PolicyCommand::Suggest(flags) => super::suggest::suggest(flags, environment),
    }
}
