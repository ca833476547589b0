//! `cedarpost policy …`: what can be done with policies besides having them in force.

mod check;

use super::Exit;
use crate::config::Environment;
use crate::config::flags::PolicyCommand;

/// Runs a command about policies.
pub(super) fn policy(command: &PolicyCommand, environment: Environment) -> anyhow::Result<Exit> {
    match command {
        PolicyCommand::Check(flags) => check::check(flags, environment),
        PolicyCommand::Test(flags) => super::policy_test::test(flags, &environment),
    }
}
